"""The scanner that knows several hundred vendors' tokens (kingfisher), compiled beside the work and
kept in a cache.

Compiling takes about 3 s on a quiet machine and 8 s on a busy one the first time, 0.3 s from the
cache (it lets other threads run meanwhile); a scan of 5 kB takes 0.3 ms. Nothing is sent anywhere:
it is asked to find, never to try a secret out.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import structlog
from kingfisher_sdk import Rules, Scanner

from shared.text import redact
from shared.text.foreign_dates import warm_up

log = structlog.get_logger()

# A request waits for this: without an answer, the rules of our own have to do.
_TIMEOUT_S = 0.5
_NO_SECRETS = frozenset({"betterleaks.heroku-api-key"})
"""Every UUID on a line that says heroku: the request ids of the router's log."""


def start(cache_dir: Path | None = None) -> threading.Thread:
    """Compile in the background, and load the languages of dates; until it is done our own rules
    stand alone.

    `cache_dir` None: the directory named by KF_RULE_CACHE_DIR, or the user's cache.
    """
    compiling = threading.Thread(
        target=_compile, args=(cache_dir,), name="secret-rules", daemon=True
    )
    compiling.start()
    return compiling


def _compile(cache_dir: Path | None) -> None:
    try:
        if cache_dir is not None:
            cache_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        # High confidence alone: a masked request id costs more than a missed rare token.
        rules = Rules(confidence="high", cache_dir=str(cache_dir) if cache_dir else None)
        redact.use(scan_with(Scanner(rules, base64=False)))
        warm_up(datetime.now(UTC))
    # No reason to stop a service: it masks by its own rules until the next start.
    except (OSError, RuntimeError, ValueError) as error:
        log.warning(
            "the secret scanner's rules do not compile; our own rules stand alone",
            reason=str(error),
        )


def scan_with(scanner: Scanner) -> redact.Scan:
    """What `redact` asks."""

    def scan(text: str) -> Iterable[tuple[str, str]]:
        try:
            findings = scanner.scan(text.encode("utf-8", "replace"), timeout=_TIMEOUT_S)
        except (TimeoutError, RuntimeError, ValueError) as error:
            log.warning(
                "the secret scanner did not finish; our own rules stood alone",
                reason=type(error).__name__,
            )
            return []
        return [
            (_kind(finding.rule_id), finding.secret)
            # `visible`: some rules only help others and report nothing by themselves.
            for finding in findings
            if finding.visible
            and finding.rule_id not in _NO_SECRETS
            and not _is_address(finding.rule_id)
        ]

    return scan


def _kind(rule_id: str) -> str:
    """`betterleaks.github-pat.1` → `github pat`."""
    words = (
        rule_id.partition(".")[2]
        .lower()
        .replace(".", " ")
        .replace("-", " ")
        .replace("_", " ")
        .split()
    )
    # The kind goes into the mask, so it may hold nothing but letters, digits and blanks.
    kept = "".join(
        sign
        for sign in " ".join(word for word in words if not word.isdecimal())
        if sign.isascii() and (sign.isalnum() or sign == " ")
    )
    return kept[:60].strip() or "secret"


def _is_address(rule_id: str) -> bool:
    """Rules that find where a service is, to try its key there: no secret in that."""
    return "-url" in rule_id and "slack" not in rule_id and "sensitive" not in rule_id
