"""`python -m services.intake.mail.reading.child`: reads mails from standard input until it ends.
Started by `pool`.

In: `!cI` (the job, the length of its head), `!I` (the length of the mail), head, mail. Out: `!II`
(the lengths of the answer's JSON and of the attachments' bytes), JSON, bytes; one empty answer
first, when it is ready. It knows no secret, opens no file and no connection, and whatever it does
wrong ends it alone.
"""

from __future__ import annotations

import signal
import struct
import sys
from typing import BinaryIO

import orjson
from pydantic import BaseModel

from services.intake.mail.reading.authentication.signatures import verify
from services.intake.mail.reading.limits import grant_time, limit_resources
from services.intake.mail.reading.message import read_message
from services.intake.mail.reading.models import Envelope
from services.intake.mail.reading.quoting.ours import NOBODY, OwnNames

HEAD = struct.Struct("!cII")
ANSWER = struct.Struct("!II")
READ, VERIFY = b"r", b"v"
NO_MEMORY = 71
"""The exit status (`EX_OSERR`) of a child that ran into its memory limit."""


class ReadJob(BaseModel):
    """What a child is told with a message: how it came, who we are, and which of its headers count
    as not there.
    """

    envelope: Envelope
    ours: OwnNames = NOBODY
    ignored: frozenset[str] = frozenset()


def read_job(head: bytes, raw: bytes) -> tuple[bytes, list[bytes]]:
    """`head` is the JSON of a `ReadJob`. Answers the reading's JSON and the attachments' bytes in
    their order.
    """
    job = ReadJob.model_validate_json(head)
    reading = read_message(raw, job.envelope, job.ours, job.ignored)
    return reading.model_dump_json().encode(), [
        attachment.content for attachment in reading.attachments
    ]


def verify_job(head: bytes, raw: bytes) -> tuple[bytes, list[bytes]]:
    """`head` is `{name: TXT}`. Answers a list of `[domain, selector, verdict, reason,
    unsigned]`.
    """
    return orjson.dumps([list(found) for found in verify(raw, orjson.loads(head))]), []


JOBS = {READ: read_job, VERIFY: verify_job}


def serve(source: BinaryIO, sink: BinaryIO) -> None:
    """One job after the other, until `source` ends."""
    # The empty answer: the parent waits for it before it gives us mail.
    sink.write(ANSWER.pack(0, 0))
    sink.flush()
    while len(prefix := source.read(HEAD.size)) == HEAD.size:
        job, head_size, raw_size = HEAD.unpack(prefix)
        # For each job anew: a warm child must not pay for the mails before.
        grant_time()
        answer, contents = JOBS[job](source.read(head_size), source.read(raw_size))
        sink.write(ANSWER.pack(len(answer), sum(map(len, contents))))
        sink.write(answer)
        # Piece by piece: joining the attachments would need their memory twice.
        for content in contents:
            sink.write(content)
        sink.flush()


def main() -> int:
    signal.signal(
        signal.SIGINT, signal.SIG_IGN
    )  # Ctrl-C is for the parent, who first lets us finish
    limit_resources()
    try:
        serve(sys.stdin.buffer, sys.stdout.buffer)
    except MemoryError:
        # An exit status of its own, so the parent can name the reason.
        return NO_MEMORY
    return 0


if __name__ == "__main__":
    sys.exit(main())
