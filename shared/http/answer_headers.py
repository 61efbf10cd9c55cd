"""Headers that every HTTP answer has, however it was made: pages, documents, errors, metrics, what
is passed on. An answer that says one of them itself keeps its own.

`nosniff`: a browser does not guess a type. The policy (CSP level 3) runs and loads nothing, and no
site frames it; pages have a wider one of their own. `no-store`: nothing is kept that was not meant
to be. With https, browsers come back by https only (RFC 6797).
"""

from __future__ import annotations

from collections.abc import Mapping

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.process import stopping

ON_EVERY_ANSWER: Mapping[str, str] = {
    "Content-Security-Policy": (
        "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_CLOSE = (b"connection", b"close")
"""Of a server that is about to stop: no further request comes on this connection."""

# A year, in seconds. Without `includeSubDomains`: other hosts of the operator are not ours to
# decide about.
HSTS = ("Strict-Transport-Security", "max-age=31536000")


class AnswerHeaders:
    """ASGI middleware, outside of all others. `https`: the site's address is one."""

    def __init__(self, app: ASGIApp, *, https: bool = False) -> None:
        self._app = app
        headers = dict([*ON_EVERY_ANSWER.items(), *([HSTS] if https else [])])
        self._headers = [(name.lower().encode(), held.encode()) for name, held in headers.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # Start-up and shutdown of the application pass here too.
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                # Names are compared in lower case: an application may write them as it likes.
                own = list(message.get("headers", ()))
                known = {name.lower() for name, _ in own}
                missing = [pair for pair in self._headers if pair[0] not in known]
                if stopping.is_announced():
                    missing.append(_CLOSE)
                message = {**message, "headers": [*own, *missing]}
            await send(message)

        # Innermost on the way in, outermost on the way out: also answers of other middleware pass
        # here.
        await self._app(scope, receive, with_headers)
