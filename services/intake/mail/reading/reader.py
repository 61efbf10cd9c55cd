"""The door: `MailReader.read` says what a message says, `MailReader.authenticate` who vouches for it.

Neither raises for anything that stands in a message; both may raise `Unavailable` when this machine
has no room to read, or stops.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from types import TracebackType
from typing import Self

import orjson

from services.intake.mail.reading.authentication.authentication import judge, prepare
from services.intake.mail.reading.authentication.dns import Resolver
from services.intake.mail.reading.authentication.signatures import SignatureCheck
from services.intake.mail.reading.child import READ, VERIFY, ReadJob
from services.intake.mail.reading.limits import WALL
from services.intake.mail.reading.models import (
    MESSAGE_MOST,
    Authentication,
    Envelope,
    MailContent,
    Unreadable,
)
from services.intake.mail.reading.pool import Pool, ReadFailure
from services.intake.mail.reading.quoting.ours import NOBODY, OwnNames
from shared.errors import Unavailable


class MailReader:
    """`async with Reader(resolver) as reader`. `children` read at the same time; each is one
    process of 50 MB. `ours`: whose quotations a reply is trimmed of.
    """

    def __init__(
        self, resolver: Resolver, *, children: int = 2, wall: float = WALL, ours: OwnNames = NOBODY
    ) -> None:
        self._resolver, self._ours = resolver, ours
        self._pool = Pool(children, wall=wall)

    async def __aenter__(self) -> Self:
        # Before the children start: the list is read once, while nobody waits.
        prepare()
        await self._pool.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._pool.__aexit__(kind, error, trace)

    async def read(
        self, raw: bytes, envelope: Envelope, ignored: Collection[str] = ()
    ) -> MailContent:
        """What `raw` says, as if its headers named in `ignored` were not there. `unreadable` names
        why nothing is known of it: too large, too slow, too much memory, crashed.
        """
        digest, size = hashlib.sha256(raw).hexdigest(), len(raw)
        # Refused here: the child's memory limit is made for messages up to this size.
        if size > MESSAGE_MOST:
            return MailContent(
                unreadable=Unreadable.TOO_LARGE,
                detail=f"{size} bytes, {MESSAGE_MOST} are taken",
                digest=digest,
                size=size,
            )
        job = ReadJob(envelope=envelope, ours=self._ours, ignored=frozenset(ignored))
        done = await self._pool.do(READ, job.model_dump_json().encode(), raw)
        if isinstance(done, ReadFailure):
            return MailContent(unreadable=done.why, detail=done.detail, digest=digest, size=size)
        reading = MailContent.model_validate_json(done.answer)
        # The child sends all contents in one stream; the sizes say where each begins.
        at, attachments = 0, []
        for attachment in reading.attachments:
            attachments.append(
                attachment.model_copy(update={"content": done.contents[at : at + attachment.size]})
            )
            at += attachment.size
        return reading.model_copy(
            update={"attachments": tuple(attachments), "digest": digest, "size": size}
        )

    async def authenticate(
        self, raw: bytes, envelope: Envelope, reading: MailContent
    ) -> Authentication:
        """DKIM, SPF and DMARC by ourselves, within 5 s of DNS. `reading` is what `read` made of the
        same `raw`.
        """

        async def verify(keys: dict[str, str]) -> list[SignatureCheck]:
            done = await self._pool.do(VERIFY, orjson.dumps(keys), raw)
            # A child that failed vouches for nothing. Its end, though, is no fault of the mail.
            if isinstance(done, ReadFailure):
                if done.why is Unreadable.STOPPED:
                    raise Unavailable("mail reader", done.detail)
                return [
                    SignatureCheck(signature.domain, signature.selector, "permerror", done.why)
                    for signature in reading.signatures
                ]
            return [
                SignatureCheck(domain, selector, verdict, reason, tuple(unsigned))
                for domain, selector, verdict, reason, unsigned in orjson.loads(done.answer)
            ]

        return await judge(envelope, reading, self._resolver, verify)
