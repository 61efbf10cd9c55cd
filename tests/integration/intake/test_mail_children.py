"""The limited children: warm, replaced when they fail, and nobody else is disturbed."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from services.intake.mail.reading.authentication.dns import DnsZone
from services.intake.mail.reading.child import READ
from services.intake.mail.reading.models import MESSAGE_MOST, Unreadable
from services.intake.mail.reading.pool import ChildAnswer, Pool, ReadFailure
from services.intake.mail.reading.reader import MailReader
from shared.errors import Unavailable
from tests.support.mails import DEMO_ZONE, attached, envelope, mail, multipart, signed

CHILD = """
import os, sys, time
from services.intake.mail.reading.child import ANSWER, HEAD
from services.intake.mail.reading.limits import limit_resources
limit_resources()
out = sys.stdout.buffer
out.write(ANSWER.pack(0, 0)); out.flush()
while prefix := sys.stdin.buffer.read(HEAD.size):
    _, head, size = HEAD.unpack(prefix)
    sys.stdin.buffer.read(head)
    word = sys.stdin.buffer.read(size)
    while word == b"slow": pass
    if word == b"endless": os.kill(os.getpid(), 24)
    if word == b"waits": time.sleep(1.5)
    if word == b"hungry": bytearray(1 << 30)
    if word == b"abort": os.abort()
    if word == b"raise": raise ValueError("a mail of a new kind")
    if word.startswith(b"/"): os.write(os.open(word, os.O_CREAT | os.O_WRONLY), b"x")
    if word == b"environment": word = " ".join(os.environ).encode()
    out.write(ANSWER.pack(len(word), 0) + word); out.flush()
"""
FAILURES = {
    b"slow": (Unreadable.TOO_SLOW, "no answer in 1 s"),
    b"hungry": (Unreadable.TOO_MUCH_MEMORY, "MemoryError"),
    b"endless": (Unreadable.TOO_SLOW, "no answer in 3 s of processor time"),
    b"abort": (Unreadable.CRASHED, "the child ended with -6"),
    b"raise": (Unreadable.CRASHED, "ValueError: a mail of a new kind"),
}


@pytest.fixture
def program(tmp_path: Path) -> tuple[str, ...]:
    path = tmp_path / "child.py"
    path.write_text(CHILD)
    return (str(path),)


async def test_a_child_that_fails_is_replaced(
    program: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIGNALBOX_SECRET", "not for children")
    async with Pool(1, wall=1.0, program=program) as pool:
        for word, (why, detail) in FAILURES.items():
            assert await pool.do(READ, b"", word) == ReadFailure(why, detail)
            assert await pool.do(READ, b"", b"well") == ChildAnswer(b"well", b"")
        assert pool.replaced == len(FAILURES)
        known = await pool.do(READ, b"", b"environment")
        assert isinstance(known, ChildAnswer) and b"SECRET" not in known.answer
        assert isinstance(await pool.do(READ, b"", bytes(tmp_path / "written")), ReadFailure)
        assert not (tmp_path / "written").exists() or (tmp_path / "written").stat().st_size == 0


async def test_a_mail_that_takes_long_disturbs_no_other(program: tuple[str, ...]) -> None:
    async with Pool(2, wall=60, program=program) as pool:
        slow = asyncio.create_task(pool.do(READ, b"", b"slow"))
        others = await asyncio.gather(*[pool.do(READ, b"", b"%d" % number) for number in range(50)])
        assert others == [ChildAnswer(b"%d" % number, b"") for number in range(50)]
        assert not slow.done()
        slow.cancel()
        await asyncio.wait({slow})


async def test_a_child_that_was_not_given_the_processor_gets_more_time(
    program: tuple[str, ...],
) -> None:
    async with Pool(1, wall=1.0, program=program) as pool:
        assert await pool.do(READ, b"", b"waits") == ChildAnswer(b"waits", b"")


async def test_a_caller_that_gives_up_leaves_no_answer_for_the_next(
    program: tuple[str, ...],
) -> None:
    async with Pool(1, wall=5, program=program) as pool:
        await pool.do(READ, b"", b"warm")
        given_up = asyncio.create_task(pool.do(READ, b"", b"slow"))
        await asyncio.sleep(0)
        given_up.cancel()
        await asyncio.wait({given_up})
        assert await pool.do(READ, b"", b"next") == ChildAnswer(b"next", b"")


async def test_a_mail_that_is_being_read_when_the_reader_stops_is_to_be_handed_in_again(
    program: tuple[str, ...],
) -> None:
    async with Pool(1, wall=30, program=program) as pool:
        await pool.do(READ, b"", b"warm")
        reading = asyncio.create_task(pool.do(READ, b"", b"waits"))
        await asyncio.sleep(0)
    assert await reading == ReadFailure(Unreadable.STOPPED, "the reader is being stopped")


async def test_a_child_that_does_not_start_is_said_to_be_unavailable() -> None:
    async with Pool(1, program=("-c", "raise SystemExit('no such module')")) as pool:
        with pytest.raises(Unavailable, match="no such module"):
            await pool.do(READ, b"", b"x")
        with pytest.raises(Unavailable):
            await pool.do(READ, b"", b"x")


async def test_the_real_children_read_verify_and_hand_attachments_back() -> None:
    files = [bytes(range(256)) * 1000, b"", b"two"]
    parts = [attached(content, f"{at}.bin") for at, content in enumerate(files)]
    raw = signed(
        multipart(b"\r\nhi", *parts, headers={"From": "premier@example.com"}), "example.com"
    )
    async with MailReader(DnsZone.of(DEMO_ZONE), children=1) as reader:
        reading = await reader.read(raw, envelope("", peer=""))
        assert [one.content for one in reading.attachments] == files
        assert (reading.text, reading.size, len(reading.digest)) == ("hi", len(raw), 64)
        vouched = await reader.authenticate(raw, envelope("", peer=""), reading)
        assert (vouched.dkim, vouched.aligned) == ("pass", True), vouched.reason
        changed = raw.replace(b"\r\nhi", b"\r\nho")
        assert not (await reader.authenticate(changed, envelope("", peer=""), reading)).aligned


async def test_large_mails_are_read_and_larger_ones_named_without_a_child() -> None:
    async with MailReader(DnsZone({}), children=1) as reader:
        large = multipart(b"\r\nhi", attached(bytes(17 << 20), "large.bin"))
        assert len(large) < MESSAGE_MOST
        reading = await reader.read(large, envelope())
        assert reading.unreadable is None and reading.attachments[0].size == 17 << 20
        reading = await reader.read(mail(b"x" * (30 << 20)), envelope())
        assert (reading.unreadable, reading.size > MESSAGE_MOST) == (Unreadable.TOO_LARGE, True)
