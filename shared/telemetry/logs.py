"""Logs, metrics and health: the same for every process.

Health (DESIGN section 7): `/livez` says the process turns, `/readyz` (and `/healthz`) that it can
do its work, `/metrics` is Prometheus text. A check returns None when well, or a sentence saying
what is wrong.
"""

from __future__ import annotations

import logging
import os
import platform
import sys
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from importlib import metadata
from typing import Any, TextIO, cast

import orjson
import structlog
from prometheus_client import CONTENT_TYPE_LATEST, Counter, Gauge, generate_latest

from shared.process import standing, stopping
from shared.settings import EX_CONFIG
from shared.spine import damage
from shared.telemetry import trace_export
from shared.telemetry.log_context import add_subject
from shared.text.redact import redact_quickly

Check = Callable[[], Awaitable[str | None]]

# Client libraries that repeat themselves while their server is away.
_NOISY = ("aiokafka", "faust", "mode", "motor", "pymongo", "aiohttp.access", "asyncio")
_SELDOM_S = 10.0

BUILD = Gauge(
    "signalbox_build_info",
    "1, with the release that runs here in its labels",
    ["service", "version", "revision", "python"],
)
LOST_LINES = Counter("signalbox_log_lines_lost_total", "Log lines that could not be written")


def configure_logging(service: str, level: str = "info") -> None:
    """JSON lines on standard error, pretty on a terminal; every line carries `service`, and no
    secret that has a known look.

    Libraries speak from WARNING up: at DEBUG aiokafka spends half of the time formatting
    (LIBRARIES.md).
    """
    # Everything that is written goes through this stream, so that no line can end the work.
    pretty, stream = sys.stderr.isatty(), UnfailingStream(sys.stderr)
    before: list[Any] = [
        structlog.contextvars.merge_contextvars,
        add_subject,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]
    # Masking comes after the traceback has become text, and before anything is written.
    last: list[Any] = (
        [
            mask_secrets,
            structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback),
        ]  # rich shows locals: secrets, mails
        if pretty
        else [
            structlog.processors.format_exc_info,
            mask_secrets,
            structlog.processors.JSONRenderer(serializer=_to_json),
        ]
    )
    structlog.configure(
        processors=[*before, *last],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=structlog.PrintLoggerFactory(cast(TextIO, stream)),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(service=service)
    _identify(service)
    # Logging is set up first, but this error is for the person who starts the process: plain text.
    try:
        trace_export.start(service)
    except trace_export.ExporterNotInstalled as error:
        sys.stderr.write(f"The configuration cannot be used:\n  - {error}\n")
        raise SystemExit(EX_CONFIG) from error
    # Lines of libraries (standard logging) pass the same processors as our own.
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=before,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter)
    handler.addFilter(_RateFilter())
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
    for name in _NOISY:
        logging.getLogger(name).setLevel(logging.WARNING)


def _identify(service: str) -> None:
    """`signalbox_build_info`: what runs here. `SIGNALBOX_REVISION` is the commit of an image."""
    try:
        version = metadata.version("signalbox")
    except metadata.PackageNotFoundError:
        version = "unknown"
    revision = os.environ.get("SIGNALBOX_REVISION", "")
    BUILD.labels(service, version, revision, platform.python_version()).set(1)


class UnfailingStream:
    """A text stream that never raises: a full disk under the log must not end the work that the
    log is about. What could not be written is counted in `signalbox_log_lines_lost_total`.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        try:
            return self._stream.write(text)
        except (OSError, ValueError):  # full, gone, closed
            LOST_LINES.inc()
            return len(text)

    def flush(self) -> None:
        try:
            self._stream.flush()
        except (OSError, ValueError):
            LOST_LINES.inc()


class _RateFilter(logging.Filter):
    """Lets a line of a client library through once in ten seconds, and says how many it left out
    since: with its server away aiokafka writes sixty a second."""

    def __init__(self) -> None:
        super().__init__()
        self._last: dict[tuple[str, str], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if not record.name.startswith(_NOISY):
            return True
        # Told by its beginning: the rest has addresses and offsets that differ each time.
        line = (record.name, str(record.msg)[:60])
        said_at, left_out = self._last.get(line, (0.0, 0))
        if record.created - said_at < _SELDOM_S:
            self._last[line] = (said_at, left_out + 1)
            return False
        self._last[line] = (record.created, 0)
        if left_out:
            record.msg, record.args = (
                f"{record.getMessage()} ({left_out} more like it before)",
                None,
            )
        return True


def mask_secrets(_: object, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A structlog processor, the last before the line is written. Texts are masked at the door;
    this is for what slips by it.
    """
    # Only texts are replaced. Other values are looked at as text, and kept where nothing was
    # masked.
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


def metrics_text() -> tuple[bytes, str]:
    """Body and content type of `/metrics`, for services with a server of their own."""
    return generate_latest(), CONTENT_TYPE_LATEST


class Note(str):
    """What a check says that people should see, and that leaves the service ready."""

    __slots__ = ()


class SetupNote(Note):
    """What nobody has set up yet. The process is ready without it; /readyz lists it apart."""

    __slots__ = ()


def make_note_check(trouble: Callable[[], str | None]) -> Check:
    """A check that notes what `trouble` says."""

    async def check() -> str | None:
        said = trouble()
        return Note(said) if said else None

    return check


def make_setup_check(what: Callable[[], str | None]) -> Check:
    """A check that lists what `what` says under "not set up yet"."""

    async def check() -> str | None:
        said = what()
        return SetupNote(said) if said else None

    return check


async def verdict(checks: Mapping[str, Check]) -> tuple[int, dict[str, str]]:
    """HTTP status and what each check says ("ok" or the sentence)."""
    # One after the other: a check may take as long as its own bound, and there are few.
    found = {name: (await check()) or "ok" for name, check in checks.items()}
    # What the whole process knows, besides the checks of this server. Only stopping makes it not
    # ready.
    if (said := damage.trouble()) is not None:
        found["partitions"] = Note(said)
    if (said := standing.trouble()) is not None:
        found["progress"] = Note(said)
    if (said := stopping.trouble()) is not None:
        found["stopping"] = said
    well = all(said == "ok" or isinstance(said, Note) for said in found.values())
    return (200 if well else 503), found


def not_set_up(found: Mapping[str, str]) -> list[str]:
    """Of what `verdict` found: what nobody has set up yet."""
    return [said for said in found.values() if isinstance(said, SetupNote)]
