"""Tokens for SASL/OAUTHBEARER: a client's id and secret become a token at the authority's
endpoint.
"""

from __future__ import annotations

import asyncio
import base64
import ssl
import time

from aiokafka.abc import AbstractTokenProvider
from aiokafka.errors import KafkaError

from shared.kafka.access import KafkaAccess

_PATIENCE_S = 10.0
_LIFETIME_S = 300.0
"""Of a token whose answer does not say it."""
_SHARE_USED = 0.8
"""A token is asked for anew after this share of its life."""


class TokenRefused(KafkaError):  # type: ignore[misc]
    """The authority gives no token; the text says why."""


class Tokens(AbstractTokenProvider):  # type: ignore[misc]
    """Client credentials grant (RFC 6749, 4.4). aiokafka asks for a token at each connection; one
    is used for most of its life.
    """

    def __init__(self, access: KafkaAccess) -> None:
        self._access = access
        self._token, self._good_until = "", 0.0
        self._asking = asyncio.Lock()

    async def token(self) -> str:
        """A token that is good now. Raises TokenRefused."""
        # Many connections that begin at once ask for one token together.
        async with self._asking:
            if time.monotonic() >= self._good_until:
                self._token, lifetime = await self._ask()
                self._good_until = time.monotonic() + lifetime * _SHARE_USED
            return self._token

    async def _ask(self) -> tuple[str, float]:
        import aiohttp  # 6 MB, and few installations log in by tokens

        access, form = self._access, {"grant_type": "client_credentials"}
        if access.token_scope:
            form["scope"] = access.token_scope
        # Basic, as RFC 6749 section 2.3.1 asks every authority to support.
        who = base64.b64encode(f"{access.username}:{access.password}".encode()).decode()
        trust = ssl.create_default_context()
        if access.trusted_cert:
            trust.load_verify_locations(cadata=access.trusted_cert)
        try:
            async with (
                aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=_PATIENCE_S)) as http,
                http.post(
                    access.token_url,
                    data=form,
                    headers={"Authorization": f"Basic {who}"},
                    ssl=trust,
                    # The secret must not follow a redirect to another host.
                    allow_redirects=False,
                ) as answer,
            ):
                answer.raise_for_status()
                given = await answer.json(content_type=None)
            return str(given["access_token"]), float(given.get("expires_in") or _LIFETIME_S)
        # Also a body that is no JSON, or without `access_token`. The answer's text is not told: it
        # may repeat the secret.
        except (aiohttp.ClientError, TimeoutError, ValueError, LookupError, TypeError) as error:
            status = f" {error.status}" if isinstance(error, aiohttp.ClientResponseError) else ""
            raise TokenRefused(
                f"KAFKA_TOKEN_URL gives no token ({type(error).__name__}{status}): check it, "
                "KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD"
            ) from error
