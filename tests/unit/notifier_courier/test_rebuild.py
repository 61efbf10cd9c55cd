"""What the log tells of notices when the outbox is lost."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from services.notifier.courier import ledger
from services.notifier.courier.rebuild import collect_histories, document_of
from services.notifier.notices import Notice, SuppressedNotice
from shared.channels.outcome import Accepted, Rejected, TryLater
from shared.events import NoticeFact

AT = datetime(2026, 3, 3, 10, tzinfo=UTC)
TEXT = Notice(
    "ntc_1",
    "fct_1",
    "tkt_1",
    "mail",
    "ann@example.com",
    "ticket-received",
    "mail",
    {"subject": "s"},
)


def log_of(*outcomes: Accepted | Rejected | TryLater) -> list[NoticeFact]:
    """The facts of a notice whose attempts came to `outcomes`."""
    owed = ledger.make_owed(TEXT, AT, None)
    facts = ledger.document_of(owed)[1]
    for number, outcome in enumerate(outcomes, 1):
        if number > 1:
            owed.tries = number
            facts.append(ledger.make_attempted(owed, AT))
        facts.append(ledger.settle(owed, outcome, AT).fact)
    return facts


@pytest.mark.parametrize(
    ("facts", "phase", "tries"),
    [
        (log_of(), "sending", 1),
        (log_of()[:1], "sending", 1),
        (log_of(Accepted("250")), "delivered", 1),
        (log_of(TryLater("451")), "waiting", 1),
        (log_of(TryLater("451"), TryLater("451")), "waiting", 2),
        (log_of(TryLater("451"), TryLater("451"))[:4], "sending", 2),
        (log_of(TryLater("451"), Accepted("250")), "delivered", 2),
        (log_of(Rejected("550")), "failed", 1),
        ([*log_of(Accepted("250")), *log_of()], "delivered", 1),
    ],
)
def test_how_far_it_came(facts: list[NoticeFact], phase: str, tries: int) -> None:
    ((notice, story),) = collect_histories(facts).items()
    document = document_of(notice, story, TEXT)
    assert (document["phase"], document["tries"]) == (phase, tries)
    assert document.get("open", False) == (phase in ("sending", "waiting"))
    if document.get("open"):
        assert ledger.read_owed(document).body == TEXT.body
    assert ("retry_at" in document) == (phase == "waiting")


def test_a_suppressed_one_stays_so() -> None:
    suppressed = SuppressedNotice(
        "ntc_2", "fct_1", "tkt_1", "mail", "x@example.com", "ticket-received", "mail", "why"
    )
    ((notice, story),) = collect_histories(ledger.make_suppressed(suppressed, AT)[1]).items()
    assert document_of(notice, story, None)["phase"] == "suppressed"


def test_an_open_one_without_its_text_is_for_a_human() -> None:
    ((notice, story),) = collect_histories(log_of()).items()
    document = document_of(notice, story, None)
    assert document["phase"] == "failed"
    assert "open" not in document
