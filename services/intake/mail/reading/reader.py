"""The door: `Reader.read` says what a message says, `Reader.authenticate` who vouches for it.

Neither raises for anything that stands in a message; both may raise `Unavailable` when this machine has no room to read, or stops.
"""

from __future__ import annotations

import hashlib
from types import TracebackType
from typing import Self

import orjson

from services.intake.mail.reading.authentication import judge, prepare
from services.intake.mail.reading.child import READ, VERIFY
from services.intake.mail.reading.limits import WALL
from services.intake.mail.reading.names import Resolver
from services.intake.mail.reading.pool import Failed, Pool
from services.intake.mail.reading.shape import MESSAGE_MOST, Authentication, Envelope, Reading, Unreadable
from services.intake.mail.reading.signatures import Verified
from shared.errors import Unavailable


class Reader:
    """`async with Reader(resolver) as reader`. `children` read at the same time; each is one process of 50 MB."""

    def __init__(self, resolver: Resolver, *, children: int = 2, wall: float = WALL) -> None:
        self._resolver = resolver
        self._pool = Pool(children, wall=wall)

    async def __aenter__(self) -> Self:
        prepare()
        await self._pool.__aenter__()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self._pool.__aexit__(kind, error, trace)

    async def read(self, raw: bytes, envelope: Envelope) -> Reading:
        """What `raw` says. `unreadable` names why nothing is known of it: too large, too slow, too much memory, crashed."""
        digest, size = hashlib.sha256(raw).hexdigest(), len(raw)
        if size > MESSAGE_MOST:
            return Reading(unreadable=Unreadable.TOO_LARGE, detail=f"{size} bytes, {MESSAGE_MOST} are taken", digest=digest, size=size)
        done = await self._pool.do(READ, envelope.model_dump_json().encode(), raw)
        if isinstance(done, Failed):
            return Reading(unreadable=done.why, detail=done.detail, digest=digest, size=size)
        reading = Reading.model_validate_json(done.answer)
        at, attachments = 0, []
        for attachment in reading.attachments:
            attachments.append(attachment.model_copy(update={"content": done.contents[at : at + attachment.size]}))
            at += attachment.size
        return reading.model_copy(update={"attachments": tuple(attachments), "digest": digest, "size": size})

    async def authenticate(self, raw: bytes, envelope: Envelope, reading: Reading) -> Authentication:
        """DKIM, SPF and DMARC by ourselves, within 5 s of DNS. `reading` is what `read` made of the same `raw`."""

        async def verify(keys: dict[str, str]) -> list[Verified]:
            done = await self._pool.do(VERIFY, orjson.dumps(keys), raw)
            if isinstance(done, Failed):
                if done.why is Unreadable.STOPPED:
                    raise Unavailable("mail reader", done.detail)
                return [Verified(signature.domain, signature.selector, "permerror", done.why) for signature in reading.signatures]
            return [Verified(*found) for found in orjson.loads(done.answer)]

        return await judge(envelope, reading, self._resolver, verify)
