"""The HTTP API as the commands use it, and how they speak: plain lines or JSON, refusals in words,
exit codes.

Exit codes: 0 done, 1 refused (the problem document says why), 2 a mistake in the command line, 3
nobody answers there.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Annotated, Any, NoReturn, TypeVar

import aiohttp
import orjson
import typer
from rich.console import Console

T = TypeVar("T")

Url = Annotated[
    str, typer.Option("--url", envvar="SIGNALBOX_PORTAL_URL", help="Where Signalbox is.")
]
Token = Annotated[
    str,
    typer.Option("--token", envvar="SIGNALBOX_TOKEN", help="API token; `demo-<name>` in the demo."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
DEFAULT_URL = "http://127.0.0.1:8000"

REFUSED, AWAY = 1, 3
# For one call, in seconds.
PATIENCE = aiohttp.ClientTimeout(total=15)

out, err = Console(), Console(stderr=True)


class ProblemAnswered(Exception):
    """The API refused: `document` is its problem document (RFC 9457), or what there was of it."""

    def __init__(self, status: int, document: dict[str, Any]) -> None:
        super().__init__(f"{status} {document.get('title', '')}: {document.get('detail', '')}")
        self.status, self.document = status, document


class Api:
    """One identity at one address. Every call may raise ProblemAnswered and aiohttp.ClientError."""

    def __init__(self, http: aiohttp.ClientSession, url: str) -> None:
        self._http, self.url = http, url.rstrip("/")

    async def call(
        self,
        method: str,
        path: str,
        *,
        token: str,
        json: Any = None,
        key: str | None = None,
        **query: str,
    ) -> tuple[Any, str | None]:
        """The answer's JSON, and the address of the next page where there is one."""
        headers = {"Authorization": f"Bearer {token}", **({"Idempotency-Key": key} if key else {})}
        # Addresses of next pages come whole.
        address = path if path.startswith("http") else self.url + path
        async with self._http.request(
            method, address, json=json, headers=headers, params=query or None
        ) as answer:
            raw = await answer.read()
            # A proxy in between may answer with HTML: its beginning is shown.
            try:
                found = orjson.loads(raw) if raw else {}
            except orjson.JSONDecodeError:
                found = {"detail": raw[:200].decode("utf-8", "replace")}
            if answer.status >= 400:
                raise ProblemAnswered(answer.status, found if isinstance(found, dict) else {})
            following = answer.links.get("next")
            return found, str(following["url"]) if following else None

    async def stream(self, path: str, *, token: str) -> AsyncIterator[tuple[str, Any]]:
        """Server-sent events as (type, JSON), until the server ends."""
        headers = {"Authorization": f"Bearer {token}", "Accept": "text/event-stream"}
        # A stream has no end; only connecting to it must not take for ever.
        forever = aiohttp.ClientTimeout(total=None, sock_connect=10)
        async with self._http.get(self.url + path, headers=headers, timeout=forever) as answer:
            if answer.status >= 400:
                raise ProblemAnswered(answer.status, {"title": answer.reason or ""})
            # Fields of one event come line by line; an empty line ends it (WHATWG, server-sent
            # events).
            kind, data = "message", ""
            async for raw in answer.content:
                name, _, value = raw.decode().rstrip("\r\n").partition(":")
                if name == "event":
                    kind = value.strip()
                elif name == "data":
                    data += value.strip()
                elif not name and data:
                    yield kind, orjson.loads(data)
                    kind, data = "message", ""


@asynccontextmanager
async def api(url: str, connections: int = 20) -> AsyncIterator[Api]:
    async with aiohttp.ClientSession(
        timeout=PATIENCE, connector=aiohttp.TCPConnector(limit=connections)
    ) as http:
        yield Api(http, url)


def run(work: Coroutine[Any, Any, T], url: str, as_json: bool) -> T:
    """The result; refusals and silence end the command with their words and exit codes."""
    # One place for all commands, so that each ends with the same words and exit codes.
    try:
        return asyncio.run(work)
    except ProblemAnswered as problem:
        _exit_refused(problem, as_json)
    except (aiohttp.ClientError, TimeoutError) as error:
        err.print(f"Nobody answers at {url}: {error or type(error).__name__}", markup=False)
        raise typer.Exit(AWAY) from None
    except KeyboardInterrupt:
        raise typer.Exit(0) from None


def _exit_refused(problem: ProblemAnswered, as_json: bool) -> NoReturn:
    document = problem.document
    if as_json:
        show_json({"status": problem.status, **document})
    else:
        err.print(
            (
                f"Refused ({problem.status}): "
                f"{document.get('detail') or document.get('title') or 'no reason given'}"
            ),
            markup=False,
        )
        for mistake in document.get("errors", []):
            err.print(f"  {mistake.get('pointer')}: {mistake.get('detail')}", markup=False)
    raise typer.Exit(REFUSED)


def show_json(value: Any) -> None:
    """One line, for other programs."""
    out.file.write(orjson.dumps(value).decode() + "\n")
    out.file.flush()
