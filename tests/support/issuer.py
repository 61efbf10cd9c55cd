"""A small OpenID provider for tests: discovery, keys, authorization code with PKCE, and ID tokens
signed by a real key.

Whoever comes is signed in as `email` at once. `claims` changes what the next ID token says,
`header` and `sign_with` how it is signed, `refuses` makes the next authorization fail.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlencode

import uvicorn
from fastapi import FastAPI, Request
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey
from starlette.responses import JSONResponse, RedirectResponse, Response

from tests.support.waiting import eventually


@dataclass
class Issuer:
    """`address` is known once it runs."""

    client_id: str = "signalbox"
    client_secret: str = "a client's secret"
    email: str = "rae@example.com"
    address: str = ""
    claims: dict[str, Any] = field(default_factory=dict)
    header: dict[str, Any] = field(default_factory=dict)
    sign_with: Any = None
    refuses: str = ""
    key: RSAKey = field(
        default_factory=lambda: RSAKey.generate_key(
            2048, {"kid": "k1", "use": "sig", "alg": "RS256"}
        )
    )
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def misbehaves(self, **changes: Any) -> None:
        """From now on; `heals()` ends it."""
        for name, value in changes.items():
            setattr(self, name, value)

    def heals(self) -> None:
        self.claims, self.header, self.sign_with, self.refuses, self.email = (
            {},
            {},
            None,
            "",
            "rae@example.com",
        )

    def turns_keys(self) -> None:
        """A new key, as providers do now and then."""
        self.key = RSAKey.generate_key(
            2048, {"kid": f"k{secrets.token_hex(2)}", "use": "sig", "alg": "RS256"}
        )

    def token(self, asked: dict[str, str]) -> str:
        now = int(time.time())
        claims = {
            "iss": self.address,
            "aud": self.client_id,
            "sub": f"sub-{self.email}",
            "exp": now + 300,
            "iat": now,
            "nonce": asked["nonce"],
            "email": self.email,
            "email_verified": True,
        }
        said = {
            name: value for name, value in {**claims, **self.claims}.items() if value is not None
        }
        header = {"alg": "RS256", "kid": self.key.kid, **self.header}
        if header["alg"] == "none":
            parts = [
                base64.urlsafe_b64encode(jwt.json.dumps(part).encode()).rstrip(b"=").decode()
                for part in (header, said)
            ]
            return ".".join([*parts, ""])
        return jwt.encode(header, said, self.sign_with or self.key, algorithms=[header["alg"]])

    def app(self) -> FastAPI:
        app = FastAPI()

        @app.get("/.well-known/openid-configuration")
        async def discovery() -> Response:
            found = {
                "authorization_endpoint": "authorize",
                "token_endpoint": "token",
                "jwks_uri": "keys",
            }
            return JSONResponse(
                {
                    "issuer": self.address,
                    **{name: f"{self.address}/{path}" for name, path in found.items()},
                }
            )

        @app.get("/keys")
        async def keys() -> Response:
            self.asked.append("keys")
            return JSONResponse({"keys": [self.key.as_dict(private=False)]})

        @app.get("/authorize")
        async def authorize(request: Request) -> Response:
            asked = dict(request.query_params)
            assert asked["response_type"] == "code"
            assert asked["client_id"] == self.client_id
            assert asked["code_challenge_method"] == "S256"
            answer = {"state": asked["state"], "iss": self.address}
            if self.refuses:
                answer["error"] = self.refuses
            else:
                answer["code"] = secrets.token_urlsafe(16)
                self.codes[answer["code"]] = asked
            return RedirectResponse(f"{asked['redirect_uri']}?{urlencode(answer)}", 302)

        @app.post("/token")
        async def token(request: Request) -> Response:
            form = {
                name: values[0]
                for name, values in parse_qs((await request.body()).decode()).items()
            }
            basic = base64.b64encode(f"{self.client_id}:{self.client_secret}".encode()).decode()
            asked = self.codes.pop(form.get("code", ""), None)
            challenge = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
            is_right = (
                request.headers.get("authorization") == f"Basic {basic}"
                and asked is not None
                and asked["redirect_uri"] == form.get("redirect_uri")
                and base64.urlsafe_b64encode(challenge).rstrip(b"=").decode()
                == asked["code_challenge"]
            )
            if asked is None or not is_right:
                return JSONResponse({"error": "invalid_grant"}, 400)
            return JSONResponse(
                {
                    "access_token": secrets.token_urlsafe(8),
                    "token_type": "Bearer",
                    "id_token": self.token(asked),
                }
            )

        return app


def another_key(kid: str) -> RSAKey:
    """Nobody's, under a name that is known."""
    return RSAKey.generate_key(2048, {"kid": kid})


def shared_key(secret: str) -> OctKey:
    """For tokens signed with the client's secret, which must not be taken."""
    return OctKey.import_key(secret.encode())


@contextmanager
def issuing() -> Iterator[Issuer]:
    """A provider on a port of its own."""
    issuer = Issuer()
    server = uvicorn.Server(
        uvicorn.Config(
            issuer.app(), host="127.0.0.1", port=0, log_config=None, timeout_graceful_shutdown=1
        )
    )
    thread = threading.Thread(target=server.run)
    thread.start()
    eventually(lambda: server.started, within=10, what="the provider is up")
    issuer.address = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    try:
        yield issuer
    finally:
        server.should_exit = True
        thread.join(10)
