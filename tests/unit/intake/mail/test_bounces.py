"""Which reports stop mail to an address, and which do not; that a report is proven by the address
its mail was sent from.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.intake.mail.admission.bounces import make_stop_record
from services.intake.mail.reading.message import read_message
from services.intake.mail.stopping import make_stops
from shared.errors import Unavailable
from shared.events import BouncedRecipient, MailBounced
from shared.people.subscriptions import stop_id
from shared.signed.return_path import is_return_path, proven_notice, return_path
from tests.support.mails import envelope

AT = datetime(2026, 11, 22, 7, tzinfo=UTC)
ANN = "ann@example.com"


def report(
    address: str = ANN, permanent: bool = True, status: str = "5.1.1", **more: Any
) -> MailBounced:
    recipient = BouncedRecipient(
        address=address, permanent=permanent, status=status, diagnostic="550 no such user"
    )
    return MailBounced(
        **{
            "id": "f",
            "key": "m",
            "at": AT,
            "recipients": (recipient,),
            "notice_id": "ntc_1",
            "proven": True,
            **more,
        }
    )


@pytest.mark.parametrize(
    ("found", "sent_to", "stops"),
    [
        (report(), ANN, True),
        (report(), "Ann@Example.com", True),
        (report(status=""), ANN, True),
        (report(status="5.2.1"), ANN, True),
        (report(permanent=False, status="4.2.2"), ANN, False),
        (report(status="5.2.2"), ANN, False),
        (report(status="5.3.4"), ANN, False),
        (report(address="victim@example.com"), ANN, False),
        (report(), None, False),
        (report(notice_id=None), ANN, False),
        (report(standard=False), ANN, False),
        (report(delayed=True), ANN, False),
        (report(proven=False), ANN, False),
    ],
    ids=[
        "no such user",
        "in any case",
        "no status",
        "disabled",
        "temporary",
        "full mailbox",
        "too large",
        "of somebody else",
        "not ours",
        "no notice named",
        "guessed",
        "still tried",
        "of somebody who never had it",
    ],
)
def test_what_stops_mail(found: MailBounced, sent_to: str | None, stops: bool) -> None:
    record = make_stop_record(found, sent_to, AT)
    assert (record is not None) is stops
    if record is not None:
        assert (record.doc_id, record.kind) == (stop_id(ANN), "subscriptions")
        assert record.document is not None
        assert "550 no such user" in record.document["said"]


@pytest.mark.parametrize(
    ("kind", "more", "stops"),
    [
        ("abuse", {}, True),
        ("fraud", {}, True),
        ("abuse", {"recipients": ()}, True),
        ("not-spam", {}, False),
        ("virus", {}, False),
        ("abuse", {"proven": False}, False),
        ("abuse", {"notice_id": None}, False),
    ],
)
def test_what_complaint_stops_mail(kind: str, more: dict[str, Any], stops: bool) -> None:
    record = make_stop_record(report(complaint=kind, **more), ANN, AT)
    assert (record is not None) is stops
    if record is not None:
        assert record.document is not None
        assert (record.doc_id, record.document["why"]) == (stop_id(ANN), "complained")


SECRET, BOT, NOTICE = (
    b"a secret of sixteen",
    "bot@notifications.signalbox.example",
    f"ntc_{'a' * 26}",
)


class Late:
    """The view of notices, before and after it holds ours."""

    def __init__(self, to: str | None) -> None:
        self.to = to

    async def sent_to(self, notice: str) -> str | None:
        return self.to


async def test_a_proven_report_waits_for_the_view_that_it_was_faster_than() -> None:
    with pytest.raises(Unavailable):
        await make_stops(report(), Late(None), AT, AT + timedelta(seconds=1))
    (stop,) = await make_stops(report(), Late(ANN), AT, AT + timedelta(seconds=2))
    assert stop.doc_id == stop_id(ANN)
    assert await make_stops(report(), Late(None), AT, AT + timedelta(minutes=1)) == [], "no longer"
    forged = report(proven=False)
    assert await make_stops(forged, Late(None), AT, AT) == [], "a forger makes nobody wait"


def test_only_who_had_the_mail_knows_where_reports_about_it_go() -> None:
    path = return_path(SECRET, BOT, NOTICE)
    assert len(path.partition("@")[0]) <= 64
    assert is_return_path(BOT, path)
    assert proven_notice(SECRET, BOT, ["x@example.com", path.upper()]) == NOTICE
    forged = [
        path.replace("+ntc_a", "+ntc_b"),
        return_path(b"another secret of ours", BOT, NOTICE),
        BOT,
        path.replace("@", "@x."),
        f"x{path}",
    ]
    assert proven_notice(SECRET, BOT, forged) is None
    assert (
        return_path(b"", BOT, NOTICE)
        == return_path(SECRET, f"{'b' * 20}{BOT}", NOTICE).removeprefix("b" * 20)
        == BOT
    )


ARF = (
    b"From: fbl@mailbox.example\r\nTo: bot@notifications.signalbox.example\r\nSubject: complaint\r\nMIME-Version: 1.0\r\n"
    b'Content-Type: multipart/report; report-type=feedback-report; boundary="b"\r\n\r\n'
    b"--b\r\nContent-Type: text/plain\r\n\r\nThis is an abuse report.\r\n"
    b"--b\r\nContent-Type: message/feedback-report\r\n\r\nFeedback-Type: Abuse\r\nUser-Agent: Some/1.0\r\nVersion: 1\r\n"
    b"Original-Mail-From: <bot+x@notifications.signalbox.example>\r\nOriginal-Rcpt-To: <ann@example.com>\r\n"
    b"--b\r\nContent-Type: message/rfc822\r\n\r\nReturn-Path: <bot+y@notifications.signalbox.example>\r\n"
    b"Message-ID: <ntc_1@notifications.signalbox.example>\r\nSubject: Received\r\n\r\nHello\r\n--b--\r\n"
)


def test_a_complaint_is_read() -> None:
    found = read_message(ARF, envelope("fbl@mailbox.example")).bounce
    assert found is not None
    assert (found.complaint, found.standard, found.original_id) == (
        "abuse",
        True,
        "<ntc_1@notifications.signalbox.example>",
    )
    assert [each.address for each in found.recipients] == [ANN]
    assert found.return_paths == (
        "bot+x@notifications.signalbox.example",
        "bot+y@notifications.signalbox.example",
    )


@pytest.mark.parametrize(
    "raw",
    [
        ARF.replace(b"Feedback-Type: Abuse\r\n", b""),
        ARF.replace(b"Feedback-Type: Abuse", b"Feedback-Type: a b"),
        ARF.replace(b"message/feedback-report", b"text/plain"),
        ARF.replace(b"multipart/report", b"multipart/mixed"),
    ],
)
def test_what_is_no_complaint(raw: bytes) -> None:
    assert read_message(raw, envelope("fbl@mailbox.example")).bounce is None
