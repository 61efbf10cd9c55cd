"""The mail room on its own: what is told 250 is never lost, whatever is away, full or broken."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import pytest

from services.intake.mail.queue import queue as room
from services.intake.mail.reading.message import read_message
from services.intake.mail.reading.models import Address, Authentication, Envelope, MailContent
from services.intake.mail.smtp.listener import SmtpLimits
from shared.errors import Poisonous
from shared.events import Cause, MailQuarantined, OpenTicket
from shared.wire import Record
from tests.support.mailroom import House, opened
from tests.support.mails import attached, envelope, multipart
from tests.support.mails import written as handwritten
from tests.support.posting import written
from tests.support.shelf import Shelf
from tests.unit.text.samples import drawn


def mail(
    subject: str = "Help", body: str = "It fails.", sender: str = "premium@example.com"
) -> bytes:
    return written(sender, subject, body)


class Simple:
    """Reads by looking at the subject; one of them meets a bug."""

    async def read(
        self, raw: bytes, envelope: Envelope, ignored: Collection[str] = ()
    ) -> MailContent:
        subject = raw.partition(b"Subject: ")[2].partition(b"\r\n")[0].decode()
        if subject == "bug":
            raise ValueError("a fault of ours")
        return MailContent(
            sender=Address(address=envelope.mail_from),
            subject=subject,
            text="x",
            reply="x",
            digest="d",
            size=len(raw),
        )

    async def authenticate(
        self, raw: bytes, envelope: Envelope, reading: MailContent
    ) -> Authentication:
        return Authentication(dmarc="pass", aligned=True)


async def test_a_mail_becomes_a_ticket_and_its_repeat_nothing(tmp_path: Path) -> None:
    async with opened(House(tmp_path)) as house:
        raw = mail("[premium-production] Down", "password: correct-horse-battery")
        assert (await house.sends(raw))[0] == 250
        assert (await house.sends(raw))[0] == 250
        facts = await house.settles(2)
    assert [fact.type for fact in facts] == ["MailTicketed", "MailDuplicate"]
    (ticket,) = [event for event in house.said if isinstance(event, OpenTicket)]
    assert (ticket.app, ticket.verified, ticket.mail) == ("premium-production", True, facts[0].key)
    assert "correct-horse" not in ticket.body


async def test_every_file_of_a_mail_is_on_its_ticket_or_named_there(tmp_path: Path) -> None:
    async with opened(House(tmp_path)) as house:
        for name in ("case-09-25-files", "case-09b-empty-file", "case-08-from-comma-unquoted"):
            assert (await house.sends(handwritten(name)))[0] == 250
            await house.settles(len(house.outcomes) + 1)
    many, empty, comma = [event for event in house.said if isinstance(event, OpenTicket)]
    assert len(many.attachments) == 20 and many.body == (
        "25 files\n\n[5 more files are in the mail, which support can open:"
        " f20.txt, f21.txt, f22.txt, f23.txt and f24.txt.]"
    )
    assert (empty.attachments, empty.body) == (
        (),
        "empty log attached\n\n[log.txt is empty and was left out.]",
    )
    assert comma.actor.email == "premium@example.com"


async def test_what_is_kept_for_staff_has_no_secret_either(tmp_path: Path) -> None:
    shelf, hidden = Shelf(), drawn("a mail's password", 16)
    log = attached(
        f"DATABASE_URL=postgres://u:{hidden}@db.example.com:5432/d\n".encode(), "app.log"
    )
    from_ann = {"From": "premium@example.com", "Subject": "[premium-production] Down"}
    with_log = multipart(b"Content-Type: text/plain\r\n\r\nSee the log.", log, headers=from_ann)
    told, plain = (
        mail("[premium-production] Down", f"password: {hidden}"),
        mail("[premium-production] Slow", "It takes long."),
    )
    async with opened(House(tmp_path, files=shelf)) as house:
        for raw in (with_log, told, plain):
            assert (await house.sends(raw))[0] == 250
        facts = await house.settles(3)
        async with asyncio.timeout(30):
            while len(shelf.kept) < 3:
                await asyncio.sleep(0.01)
    assert {fact.type for fact in facts} == {"MailTicketed"}
    names = [hashlib.sha256(raw).hexdigest() for raw in (with_log, told, plain)]
    assert shelf.kept[names[2]] == plain, "the hash of what came stays its name"
    readable = [read_message(shelf.kept[name], envelope()) for name in names[:2]]
    assert "[masked: password in an address]" in readable[0].attachments[0].content.decode()
    assert "[masked: password]" in readable[1].text
    files = b"".join(
        path.read_bytes()
        for path in tmp_path.rglob("*")
        if path.is_file() and "bag" not in path.parts
    )
    assert hidden.encode() not in b"".join(
        (files, *shelf.kept.values(), *(event.wire() for event in house.said))
    )


async def test_the_log_is_away_and_the_mail_waits_on_the_disk(tmp_path: Path) -> None:
    async with opened(House(tmp_path, away=True), Simple()) as house:
        assert (await house.sends(mail()))[0] == 250
        assert house.waiting == 1
        assert not house.said
        house.away = False
        (fact,) = await house.settles(1)
    assert fact.type == "MailTicketed"


async def test_a_crash_in_between_is_taken_up_and_says_the_same(tmp_path: Path) -> None:
    """The first life ends before the log has anything, the second before what is done was noted."""
    async with opened(House(tmp_path, away=True), Simple()) as first:
        for n in range(5):
            assert (await first.sends(mail(f"Help {n}")))[0] == 250
    (bag,) = (tmp_path / "bag").rglob("*.mail")
    before = bag.read_bytes()
    async with opened(House(tmp_path), Simple()) as second:
        said = {fact.id for fact in await second.settles(5)}
    bag.write_bytes(before)
    (tmp_path / "seen.sqlite").unlink()
    async with opened(House(tmp_path), Simple()) as third:
        assert {fact.id for fact in await third.settles(5)} == said
    tickets = [
        {e.key for e in house.said if isinstance(e, OpenTicket)} for house in (second, third)
    ]
    assert tickets[0] == tickets[1]
    assert len(tickets[0]) == 5


async def test_a_mail_that_a_crash_tore_while_it_was_written_is_passed_over(tmp_path: Path) -> None:
    async with opened(House(tmp_path, away=True), Simple()) as house:
        for n in range(2):
            await house.sends(mail(f"Help {n}"))
    (bag,) = (tmp_path / "bag").rglob("*.mail")
    bag.write_bytes(bag.read_bytes()[:-1])
    async with opened(House(tmp_path), Simple()) as again:
        await again.settles(1)
    assert [event.subject for event in again.said if isinstance(event, OpenTicket)] == ["Help 0"]


async def test_the_disk_is_full_and_nothing_is_taken(tmp_path: Path) -> None:
    async with opened(House(tmp_path, free=0.04), Simple()) as house:
        code, words = await house.sends(mail())
        assert (code, words[:5]) == (451, "4.3.0")
        house.free = 0.5
        assert (await house.sends(mail()))[0] == 250
        await house.settles(1)


async def test_one_message_that_meets_a_bug_stops_nobody(tmp_path: Path) -> None:
    async with opened(House(tmp_path), Simple()) as house:
        for subject in ("one", "bug", "two"):
            assert (await house.sends(mail(subject)))[0] == 250
        facts = await house.settles(3)
    kept = [fact for fact in facts if isinstance(fact, MailQuarantined)]
    assert [fact.why for fact in kept] == [Cause.UNREADABLE]
    assert sorted(fact.type for fact in facts) == [
        "MailQuarantined",
        "MailTicketed",
        "MailTicketed",
    ]


class Picky(House):
    """Its log never takes a ticket with this subject."""

    async def publish(self, records: Sequence[Record]) -> str:
        if any(
            b'"subject":"poison"' in (record.value or b"") and record.topic == "requests"
            for record in records
        ):
            raise Poisonous("too large for ever")
        return await super().publish(records)


async def test_what_the_log_never_takes_is_set_aside_and_what_was_said_with_it_is_said(
    tmp_path: Path,
) -> None:
    house = Picky(tmp_path)
    subjects = ("one", "poison", "two", "three")
    async with opened(Picky(tmp_path, away=True), Simple()) as before:
        for subject in subjects:
            assert (await before.sends(mail(subject)))[0] == 250
    async with opened(house, Simple()):  # all are taken up at once
        facts = await house.settles(4)
    assert [event.subject for event in house.said if isinstance(event, OpenTicket)] == [
        "one",
        "two",
        "three",
    ]
    assert sorted(fact.type for fact in facts) == ["MailQuarantined", *["MailTicketed"] * 3]


async def test_messages_of_one_sender_keep_their_order_and_their_allowance(tmp_path: Path) -> None:
    async with opened(House(tmp_path, away=True), Simple()) as before:
        for n in range(40):
            assert (await before.sends(mail(f"Help {n}")))[0] == 250
    async with opened(House(tmp_path), Simple(), most_tickets=25) as house:
        facts = await house.settles(40)
    assert [event.subject for event in house.said if isinstance(event, OpenTicket)] == [
        f"Help {n}" for n in range(25)
    ]
    assert [fact.why for fact in facts if isinstance(fact, MailQuarantined)] == [
        Cause.TOO_MANY
    ] * 15


async def test_where_too_much_waits_a_sender_waits_and_is_told_to_come_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "MOST_IN_HAND", 2)
    monkeypatch.setattr(room, "PATIENCE_S", 0.2)
    async with opened(House(tmp_path, away=True), Simple()) as house:
        codes = [(await house.sends(mail(f"Help {n}")))[0] for n in range(3)]
        assert codes == [250, 250, 451]
        monkeypatch.setattr(room, "PATIENCE_S", 60)
        waits = asyncio.create_task(house.sends(mail("Help 4")))
        house.away = False
        assert (await waits)[0] == 250
        await house.settles(3)


async def test_so_many_connections_and_no_more(tmp_path: Path) -> None:
    async with opened(House(tmp_path, limits=SmtpLimits(each=2)), Simple()) as house:
        lines = [await asyncio.open_connection("127.0.0.1", house.port) for _ in range(3)]
        greetings = [await reader.readline() for reader, _ in lines]
        assert [greeting[:3] for greeting in greetings] == [b"220", b"220", b"421"]
        for _, writer in lines:
            writer.close()
        async with asyncio.timeout(30):
            while house.limits.open:
                await asyncio.sleep(0.01)
        assert (await house.sends(mail()))[0] == 250


async def test_a_session_ends_whatever_is_sent_in_it(tmp_path: Path) -> None:
    async with opened(House(tmp_path, limits=SmtpLimits(session=0.5)), Simple()) as house:
        reader, writer = await asyncio.open_connection("127.0.0.1", house.port)
        assert (await reader.readline()).startswith(b"220 ")  # nobody speaks before the greeting
        heard = asyncio.create_task(reader.read())
        while not heard.done():
            with contextlib.suppress(ConnectionError):
                writer.write(b"NOOP\r\n")
                await writer.drain()
            await asyncio.sleep(0.05)
        assert b"421 4.4.2" in await heard
        assert (await house.sends(mail()))[0] == 250


@pytest.mark.parametrize(
    ("headers", "sender", "wanted"),
    [
        (
            {"From": "bot@notifications.signalbox.example"},
            "bot@notifications.signalbox.example",
            Cause.LOOP,
        ),
        ({"From": "eve@elsewhere.example"}, "eve@elsewhere.example", Cause.UNKNOWN_SENDER),
        ({"Auto-Submitted": "auto-replied"}, "premium@example.com", Cause.AUTOMATIC),
        ({"From": None}, "premium@example.com", Cause.NO_SENDER),
    ],
)
async def test_quarantined_under_its_name(
    headers: dict[str, Any], sender: str, wanted: Cause, tmp_path: Path
) -> None:
    async with opened(House(tmp_path)) as house:
        assert (
            await house.sends(written("premium@example.com", "x", "y", headers=headers), sender)
        )[0] == 250
        (fact,) = await house.settles(1)
    assert isinstance(fact, MailQuarantined)
    assert fact.why is wanted
    assert "premium" not in fact.explanation
