"""Logs, metrics, health and trace context: the same for every process.

Health (DESIGN section 7): `/livez` says the process turns, `/readyz` (and `/healthz`) that it can do its work, `/metrics`
is Prometheus text. A check returns None when well, or a sentence saying what is wrong.
"""

from __future__ import annotations

import logging
import secrets
import sys
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

import orjson
import structlog
from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from shared.text.redact import redact_quickly

Check = Callable[[], Awaitable[str | None]]

_NOISY = ("aiokafka", "faust", "mode", "motor", "pymongo", "aiohttp.access", "asyncio")
_SELDOM_S = 10.0


def configure_logging(service: str, level: str = "info") -> None:
    """JSON lines on standard error, pretty on a terminal; every line carries `service`, and no secret that has a known look.

    Libraries speak from WARNING up: at DEBUG aiokafka spends half of the time formatting (LIBRARIES.md).
    """
    pretty = sys.stderr.isatty()
    before: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]
    last: list[Any] = (
        [
            mask_secrets,
            structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback),
        ]  # rich shows locals: secrets, mails
        if pretty
        else [structlog.processors.format_exc_info, mask_secrets, structlog.processors.JSONRenderer(serializer=_to_json)]
    )
    structlog.configure(
        processors=[*before, *last],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(service=service)
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=before, processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last]
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    handler.addFilter(_Seldom())
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
    for name in _NOISY:
        logging.getLogger(name).setLevel(logging.WARNING)


class _Seldom(logging.Filter):
    """Lets a line of a client library through once in ten seconds, and says how many it left out since: with its server away
    aiokafka writes sixty a second."""

    def __init__(self) -> None:
        super().__init__()
        self._last: dict[tuple[str, str], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if not record.name.startswith(_NOISY):
            return True
        line = (record.name, str(record.msg)[:60])
        said_at, left_out = self._last.get(line, (0.0, 0))
        if record.created - said_at < _SELDOM_S:
            self._last[line] = (said_at, left_out + 1)
            return False
        self._last[line] = (record.created, 0)
        if left_out:
            record.msg, record.args = f"{record.getMessage()} ({left_out} more like it before)", None
        return True


def mask_secrets(_: object, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A structlog processor, the last before the line is written. Texts are masked at the door; this is for what slips by it."""
    for name, value in event.items():
        if isinstance(value, str):
            event[name] = redact_quickly(value)
        elif isinstance(value, Exception | Mapping | list | tuple | set):
            said = str(value)
            masked = redact_quickly(said)
            if masked != said:
                event[name] = masked
    return event


def _to_json(event: object, **_: object) -> str:
    return orjson.dumps(event, default=repr, option=orjson.OPT_NON_STR_KEYS).decode()


def new_traceparent() -> str:
    """A W3C trace context for something that begins here, sampled."""
    drawn = secrets.token_hex(24)
    return f"00-{drawn[:32]}-{drawn[32:]}-01"


def child_traceparent(parent: str | None) -> str:
    """The same trace, a new span; a new trace where `parent` is missing or malformed."""
    parts = (parent or "").split("-")
    if len(parts) != 4 or len(parts[1]) != 32:
        return new_traceparent()
    return f"00-{parts[1]}-{secrets.token_hex(8)}-{parts[3]}"


def metrics_text() -> tuple[bytes, str]:
    """Body and content type of `/metrics`, for services with a server of their own."""
    return generate_latest(), CONTENT_TYPE_LATEST


async def verdict(checks: Mapping[str, Check]) -> tuple[int, dict[str, str]]:
    """HTTP status and what each check says ("ok" or the sentence)."""
    found = {name: (await check()) or "ok" for name, check in checks.items()}
    return (200 if all(said == "ok" for said in found.values()) else 503), found


async def serve_health(
    port: int, checks: Mapping[str, Check], *, host: str = "127.0.0.1", more: Mapping[str, Callable[[], dict[str, Any]]] | None = None
) -> web.AppRunner | None:
    """Serve /livez /readyz /healthz /metrics on `port`; stop with `await runner.cleanup()`. Port 0: nothing is served.

    `more`: further addresses, and the JSON object that each answers with. Raises OSError where the port is taken.
    """
    if not port:
        return None

    async def live(_: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def ready(_: web.Request) -> web.Response:
        status, found = await verdict(checks)
        return web.json_response({"status": "ok" if status == 200 else "not ready", "checks": found}, status=status)

    async def metrics(_: web.Request) -> web.Response:
        body, kind = metrics_text()
        return web.Response(body=body, headers={"Content-Type": kind})

    def told(what: Callable[[], dict[str, Any]]) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def tell(_: web.Request) -> web.Response:
            return web.json_response(what())

        return tell

    app = web.Application()
    app.add_routes([web.get(path, told(what)) for path, what in (more or {}).items()])
    app.add_routes([web.get("/livez", live), web.get("/readyz", ready), web.get("/healthz", ready), web.get("/metrics", metrics)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, host, port).start()
    return runner
