"""A link that makes somebody an administrator: asked for with the secret of the installation."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp

from cli.client import PATIENCE, ProblemAnswered
from shared.people.folding import fold_address
from shared.signed.links import OPERATOR, sign

# Long enough for two clocks that differ a little.
_PROOF_LASTS = timedelta(minutes=2)


async def ask_for_link(url: str, secret: str, email: str | None) -> dict[str, Any]:
    """`{path, expires_at}` from the intake or the portal at `url`. `email` None: for the first
    administrator. Raises ProblemAnswered, aiohttp.ClientError.
    """
    address = fold_address(email or "")
    body = {"proof": _proof(secret, address), **({"email": address} if address else {})}
    return await _post(f"{url.rstrip('/')}/v1/setup/links", body)


async def ask_for_reset(url: str, secret: str, email: str) -> dict[str, Any]:
    """`{email, on, was_on}`: the second step of this account is off. Raises as `ask_for_link`."""
    address = fold_address(email)
    body = {"proof": _proof(secret, address), "email": address}
    return await _post(f"{url.rstrip('/')}/v1/setup/second-step-resets", body)


def _proof(secret: str, address: str) -> str:
    until = datetime.now(UTC) + _PROOF_LASTS
    return sign(secret.encode(), OPERATOR, address, "operator", until)


async def _post(address: str, body: dict[str, Any]) -> dict[str, Any]:
    async with (
        aiohttp.ClientSession(timeout=PATIENCE) as http,
        http.post(address, json=body) as answer,
    ):
        found = await answer.json(content_type=None)
        if answer.status >= 400:
            # A proxy in between may answer with something that is no problem document.
            raise ProblemAnswered(answer.status, found if isinstance(found, dict) else {})
        return dict(found)


async def lacks_administrator(intake_url: str) -> bool:
    """Whether the intake at this address says that nobody administers it. Raises
    aiohttp.ClientError.
    """
    async with (
        aiohttp.ClientSession(timeout=PATIENCE) as http,
        http.get(f"{intake_url}/readyz") as answer,
    ):
        found = await answer.json(content_type=None)
    return any(said.startswith("an administrator") for said in found.get("not_set_up", ()))
