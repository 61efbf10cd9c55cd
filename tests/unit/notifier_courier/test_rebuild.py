"""What the log tells of notices when the outbox is lost."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from services.notifier import ledger
from services.notifier.notices import Notice, Suppressed
from services.notifier.rebuild import document_of, told_by
from shared.channels.outcome import Accepted, Refused, TryLater
from shared.events import NoticeFact

AT = datetime(2026, 3, 3, 10, tzinfo=UTC)
TEXT = Notice("ntc_1", "fct_1", "tkt_1", "mail", "ann@example.com", "ticket-received", "mail", {"subject": "s"})


def log_of(*outcomes: Accepted | Refused | TryLater) -> list[NoticeFact]:
    """The facts of a notice whose attempts came to `outcomes`."""
    owed = ledger.owed_from(TEXT, AT, None)
    facts = ledger.document_of(owed)[1]
    for number, outcome in enumerate(outcomes, 1):
        if number > 1:
            owed.tries = number
            facts.append(ledger.attempted(owed, AT))
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
        (log_of(Refused("550")), "failed", 1),
        ([*log_of(Accepted("250")), *log_of()], "delivered", 1),
    ],
)
def test_how_far_it_came(facts: list[NoticeFact], phase: str, tries: int) -> None:
    ((notice, story),) = told_by(facts).items()
    document = document_of(notice, story, TEXT)
    assert (document["phase"], document["tries"]) == (phase, tries)
    assert document.get("open", False) == (phase in ("sending", "waiting"))
    if document.get("open"):
        assert ledger.owed_in(document).body == TEXT.body
    assert ("retry_at" in document) == (phase == "waiting")


def test_a_suppressed_one_stays_so() -> None:
    suppressed = Suppressed("ntc_2", "fct_1", "tkt_1", "mail", "x@example.com", "ticket-received", "mail", "why")
    ((notice, story),) = told_by(ledger.suppressed_document(suppressed, AT)[1]).items()
    assert document_of(notice, story, None)["phase"] == "suppressed"


def test_an_open_one_without_its_text_is_for_a_human() -> None:
    ((notice, story),) = told_by(log_of()).items()
    document = document_of(notice, story, None)
    assert document["phase"] == "failed"
    assert "open" not in document
