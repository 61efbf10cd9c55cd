"""Large bodies on their way to intake: streamed, and only once intake has said that it wants them.

Intake checks who asks before it reads. So the portal sends the headers with `Expect: 100-continue`
(RFC 9110, section 10.1.1), and reads its client's body when intake asks for it: what a stranger
sends is never kept here.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Iterator

from starlette.requests import ClientDisconnect, Request

from shared.errors import Refused

SMALL_BYTES = 64 * 1024
"""Bodies announced as no longer are kept in memory, so that they can be sent twice."""


class Streams:
    """How many bodies are on their way at the same time: `most` in all, `each` of one peer."""

    def __init__(self, most: int = 150, each: int = 20) -> None:
        self._most, self._each = most, each
        self._of: Counter[str] = Counter()
        self.count = 0

    @contextlib.contextmanager
    def one(self, peer: str) -> Iterator[None]:
        """Around one stream. Raises Refused `busy` (503)."""
        if self.count >= self._most or self._of[peer] >= self._each:
            raise Refused(
                "busy",
                "Too many large requests are on their way. Try again in a moment.",
                status=503,
                extra={"retry_after": 2},
            )
        self.count += 1
        self._of[peer] += 1
        try:
            yield
        finally:
            self.count -= 1
            self._of[peer] -= 1
            # A peer that has none is forgotten, or the table would grow with the peers.
            if not self._of[peer]:
                del self._of[peer]


def length_of(request: Request) -> int | None:
    """What Content-Length announces; None where nothing is announced (chunked, or no body)."""
    length = request.headers.get("content-length", "")
    # A length that is no number is treated as none.
    return int(length) if length.isdecimal() else None


def is_small(request: Request) -> bool:
    """Whether the body is announced as small, or there is none."""
    length = length_of(request)
    if length is None:
        # Neither length nor chunks: there is no body.
        return "transfer-encoding" not in request.headers
    return length <= SMALL_BYTES


class BodyStream:
    """One body of at most `most` bytes; `is_cut`: what is beyond is read and left out, else it is
    refused. `refusal` says after the sending why it broke off, `began` whether anything was read.
    """

    def __init__(self, request: Request, most: int, *, is_cut: bool) -> None:
        self._request, self._most, self._is_cut = request, most, is_cut
        self.refusal: Refused | None = None
        self.began = False

    def announced(self) -> int | None:
        """The length to tell intake; None: not known. Raises Refused `too-large` (413)."""
        length = length_of(self._request)
        if length is not None and length > self._most:
            if not self._is_cut:
                raise self._too_large()
            # It will be cut, so the length that was announced is not what goes on.
            return None
        return length

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body as it comes. Raises Refused, which is in `refusal` then."""
        size, self.began = 0, True
        try:
            async for chunk in self._request.stream():
                # The end of the stream is an empty chunk.
                if not chunk:
                    continue
                room = self._most - size
                size += len(chunk)
                if size <= self._most:
                    yield chunk
                elif not self._is_cut:
                    raise self._too_large()
                elif room > 0:
                    # The last piece up to the limit; what follows is read and left out.
                    yield chunk[:room]
        except ClientDisconnect as error:
            # Kept, since the sender sees only that its body broke off.
            self.refusal = Refused("bad-request", "the body broke off", status=400)
            raise self.refusal from error
        except Refused as refusal:
            self.refusal = refusal
            raise

    def _too_large(self) -> Refused:
        return Refused("too-large", f"a request body may have {self._most} bytes", status=413)
