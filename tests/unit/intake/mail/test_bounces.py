"""Which reports stop mail to an address, and which do not."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from services.intake.mail.bounces import stopped_by
from shared.events import BouncedRecipient, MailBounced
from shared.subscriptions import stop_id

AT = datetime(2026, 11, 22, 7, tzinfo=UTC)
ANN = "ann@example.com"


def report(address: str = ANN, permanent: bool = True, status: str = "5.1.1", **more: Any) -> MailBounced:
    recipient = BouncedRecipient(address=address, permanent=permanent, status=status, diagnostic="550 no such user")
    return MailBounced(**{"id": "f", "key": "m", "at": AT, "recipients": (recipient,), "notice_id": "ntc_1", **more})


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
    ],
    ids=[
        "no such user", "in any case", "no status", "disabled", "temporary", "full mailbox", "too large", "of somebody else", "not ours",
        "no notice named", "guessed", "still tried",
    ],
)  # fmt: skip
def test_what_stops_mail(found: MailBounced, sent_to: str | None, stops: bool) -> None:
    record = stopped_by(found, sent_to, AT)
    assert (record is not None) is stops
    if record is not None:
        assert (record.doc_id, record.kind) == (stop_id(ANN), "subscriptions")
        assert record.document is not None
        assert "550 no such user" in record.document["said"]
