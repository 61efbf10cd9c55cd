"""One POST, and what its answer means: the part webhook and PagerDuty share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta

import aiohttp

from shared.channels.guard import is_forbidden
from shared.channels.outcome import Accepted, Outcome, Refused, TryLater, Unknown, shortened

_MOST_READ = 2000
_RETRYABLE_4XX = frozenset({408, 425, 429})


async def post(
    http: aiohttp.ClientSession,
    url: str,
    body: bytes,
    headers: Mapping[str, str],
    timeout: timedelta,
    judged_by: Callable[[int, str], Outcome] | None = None,
) -> Outcome:
    """POST `body`; redirects are not followed (a redirect is an answer, and not yes). `judged_by` reads the answer, else `judge`:
    at most 2,000 bytes of it, as they came.
    """
    total = timeout.total_seconds()
    limits = aiohttp.ClientTimeout(total=total, connect=total / 2)
    try:
        async with http.post(url, data=body, headers=headers, timeout=limits, allow_redirects=False) as answer:
            said = (await answer.content.read(_MOST_READ)).decode("utf-8", "replace")
            return (judged_by or judge)(answer.status, said)
    except aiohttp.ConnectionTimeoutError:
        return TryLater(f"no connection in {total / 2:g} s")
    except aiohttp.ClientConnectorError as error:
        return Refused(str(error.os_error)) if is_forbidden(error) else TryLater(f"no connection: {error.os_error}")
    except (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError):
        return Refused("its address is not an http(s) URL")
    except TimeoutError:
        return Unknown(f"no answer in {total:g} s")
    except aiohttp.ClientError as error:
        return Unknown(f"cut off after sending: {shortened(str(error)) or type(error).__name__}")


def judge(status: int, said: str) -> Outcome:
    """What an HTTP status means for a send."""
    if 200 <= status < 300:
        return Accepted(shortened(f"{status} {said}"))
    if status >= 500 or status in _RETRYABLE_4XX:
        return TryLater(shortened(f"{status} {said}"))
    return Refused(shortened(f"{status} {said}"))
