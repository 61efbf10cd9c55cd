"""By when a first answer is promised, in the mail that says a ticket has arrived."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from deploy.demo.directory import policies
from services.notifier.courier.promise import answer_by
from services.notifier.mail import BotSender, letter
from shared.events import Plan, PolicyPublished, Priority, PrioritySet
from shared.policy import DESK
from shared.policy.book import PolicyLog

OPENED = datetime(2026, 11, 30, 5, 14, tzinfo=UTC)


def read() -> PolicyLog:
    log = PolicyLog((DESK,))
    published = PolicyPublished(key=DESK, at=OPENED, version=1, document=policies()[DESK])
    log.take(DESK, published.wire())
    return log


def priority(plan: Plan, given: Priority, version: int = 1) -> PrioritySet:
    return PrioritySet(
        at=OPENED,
        by="rae@example.com",
        policy={DESK: version},
        requested=None,
        priority=given,
        plan=plan,
        opened_at=OPENED,
        lane="lane_a",
    )


@pytest.mark.parametrize(
    ("plan", "given", "due"),
    [
        (Plan.PREMIER, Priority.URGENT, datetime(2026, 11, 30, 5, 44, tzinfo=UTC)),
        (Plan.PREMIUM, Priority.NORMAL, datetime(2026, 11, 30, 17, 14, tzinfo=UTC)),
        (Plan.FREE, Priority.NORMAL, datetime(2026, 12, 1, 2, 0, tzinfo=UTC)),
    ],
)
def test_it_is_what_the_clock_will_say(plan: Plan, given: Priority, due: datetime) -> None:
    assert answer_by(read(), priority(plan, given)) == due


def test_a_version_that_was_not_read_promises_nothing() -> None:
    assert answer_by(read(), priority(Plan.FREE, Priority.LOW, version=2)) is None


@pytest.mark.parametrize(
    ("answer", "said", "unsaid"),
    [
        ("2026-11-30T05:44:00+00:00", "You get a first answer by 2026-11-30 05:44 UTC.", "None"),
        ("", "You can follow it", "first answer"),
    ],
)
def test_the_mail_says_it_and_that_it_may_be_answered(answer: str, said: str, unsaid: str) -> None:
    body = {
        "subject": "Down",
        "priority": "urgent",
        "requested": "urgent",
        "reason": "",
        "pages": True,
        "missing": [],
        "answer_by": answer,
        "to_name": "Rae",
        "ticket_id": "tkt_abc",
        "ticket_url": "https://x.example/tickets/tkt_abc",
        "at": OPENED.isoformat(),
    }
    sender = BotSender("bot@x.example", "Signalbox", "x.example", "support@x.example", b"secret")
    text = letter("ntc_1", "rae@example.com", "ticket-received", body, sender).decode()
    assert said in text.replace("=\r\n", "").replace("\r\n", " ").replace("  ", " ")
    assert unsaid not in text
    assert "You can answer this mail" in text
