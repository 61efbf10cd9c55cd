"""One POST, and what its answer means: the part webhook and PagerDuty share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta

import aiohttp

from shared.channels.guard import is_forbidden
from shared.channels.outcome import Accepted, Outcome, Rejected, TryLater, Unknown, shorten
from shared.channels.retry_after import SAYS_WHEN, wait_from
from shared.clock import SystemClock

# Bytes of an answer: more than a log line shows.
_MOST_READ = 2000
# Too slow, too early, too many: the same request may be taken later.
_RETRYABLE_4XX = frozenset({408, 425, 429})


async def post(
    http: aiohttp.ClientSession,
    url: str,
    body: bytes,
    headers: Mapping[str, str],
    timeout: timedelta,
    judged_by: Callable[[int, str], Outcome] | None = None,
) -> Outcome:
    """POST `body`; redirects are not followed (a redirect is an answer, and not yes). `judged_by`
    reads the answer, else `judge`: at most 2,000 bytes of it, as they came. A 429 or 503 may say
    when to come again.
    """
    total = timeout.total_seconds()
    limits = aiohttp.ClientTimeout(total=total, connect=total / 2)
    # What an error means depends on when it came: before sending nothing was delivered, after it
    # nobody knows.
    try:
        async with http.post(
            url, data=body, headers=headers, timeout=limits, allow_redirects=False
        ) as answer:
            said = (await answer.content.read(_MOST_READ)).decode("utf-8", "replace")
            outcome = (judged_by or judge)(answer.status, said)
            if isinstance(outcome, TryLater) and answer.status in SAYS_WHEN:
                after = wait_from(answer.headers.get("Retry-After"), SystemClock().now())
                return replace(outcome, after=after)
            return outcome
    except aiohttp.ConnectionTimeoutError:
        return TryLater(f"no connection in {total / 2:g} s")
    # Our own guard says no for good; a host that is away may come back.
    except aiohttp.ClientConnectorError as error:
        return (
            Rejected(str(error.os_error))
            if is_forbidden(error)
            else TryLater(f"no connection: {error.os_error}")
        )
    except (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError):
        return Rejected("its address is not an http(s) URL")
    except TimeoutError:
        return Unknown(f"no answer in {total:g} s")
    except aiohttp.ClientError as error:
        return Unknown(f"cut off after sending: {shorten(str(error)) or type(error).__name__}")


def judge(status: int, said: str) -> Outcome:
    """What an HTTP status means for a send."""
    # A redirect is no yes: following it would carry the page to an address nobody chose.
    if 200 <= status < 300:
        return Accepted(shorten(f"{status} {said}"))
    if status >= 500 or status in _RETRYABLE_4XX:
        return TryLater(shorten(f"{status} {said}"))
    return Rejected(shorten(f"{status} {said}"))
