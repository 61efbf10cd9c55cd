"""One address gets so many automatic mails within an hour, and the rest is recorded; what people
wrote always goes out.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from services.notifier.courier.ceiling import Ceiling
from services.notifier.notices import Notice, SuppressedNotice

AT = datetime(2026, 3, 3, 10, tzinfo=UTC)
ANSWER = Notice("ntc_1", "fct_1", "tkt_1", "mail", "ann@example.com", "ticket-received", "mail", {})


def test_the_ceiling_and_its_end() -> None:
    ceiling = Ceiling(3, {"ticket-received"})
    kept = [
        ceiling.keep(replace(ANSWER, id=f"ntc_{n}"), AT + timedelta(minutes=n)) for n in range(5)
    ]
    assert [type(one) for one in kept] == [
        Notice,
        Notice,
        Notice,
        SuppressedNotice,
        SuppressedNotice,
    ]
    assert isinstance(kept[3], SuppressedNotice)
    assert "3 automatic mails" in kept[3].reason
    assert isinstance(ceiling.keep(replace(ANSWER, to="ben@example.com"), AT), Notice), (
        "others are not concerned"
    )
    assert isinstance(ceiling.keep(ANSWER, AT + timedelta(minutes=60)), Notice), (
        "the first is an hour ago"
    )
    assert isinstance(ceiling.keep(ANSWER, AT + timedelta(minutes=60)), SuppressedNotice)


def test_what_somebody_waits_for_is_exempt() -> None:
    ceiling = Ceiling(1, {"ticket-received"})
    for one in (replace(ANSWER, template="reply-added"), replace(ANSWER, kind="webhook")):
        assert all(ceiling.keep(one, AT) is one for _ in range(5))
