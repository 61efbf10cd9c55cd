"""What the log proves about a page."""

from __future__ import annotations

import pytest

from shared.certificate import TryOutcome, Verdict, certificate
from shared.events import AckAsked
from tests.unit.notifier.lane_words import Pager, method, page_of, person, policy, wanted

TWO = {"primary": person("primary", method("phone"), method("pager", "pagerduty"))}


def after(*outcomes: str, people: dict[str, object] | None = None) -> Pager:
    pager = Pager(policy(people=people or {}))
    pager.takes(wanted())
    for outcome in outcomes:
        pager.answers(outcome)
        pager.moves(seconds=1)
    return pager


@pytest.mark.parametrize(
    ("outcomes", "people", "verdict"),
    [
        (["accepted"], None, Verdict.EXACTLY_ONE),
        (["try-later", "accepted"], None, Verdict.EXACTLY_ONE),
        (["refused", "accepted"], TWO, Verdict.EXACTLY_ONE),
        (["refused", "accepted"], None, Verdict.EXACTLY_ONE),  # the secondary's
        ([], None, Verdict.UNKNOWN),  # recorded, no outcome: it may be on its way
        (["unknown"], None, Verdict.UNKNOWN),
        (["unknown", "accepted"], None, Verdict.UNKNOWN),  # the first may have arrived as well
        (["refused"] * 5, None, Verdict.NONE),
    ],
)
def test_verdicts(outcomes: list[str], people: dict[str, object] | None, verdict: Verdict) -> None:
    assert certificate(after(*outcomes, people=people).log).verdict is verdict


def test_two_receipts_under_one_key_are_a_duplicate() -> None:
    pager = after(people=TWO)
    for _ in range(3):
        pager.answers("try-later")
        pager.moves(seconds=4)
    for send in pager.owes():
        pager.takes(pager.outcome(send, "accepted"))
    found = certificate(pager.log)
    assert (found.verdict, found.dedup_key) == (Verdict.DUPLICATE, f"{page_of()}.s1")


def test_later_steps_and_stand_downs_do_not_spoil_it() -> None:
    pager = after("accepted")
    pager.moves(minutes=5)
    pager.answers("accepted")
    pager.downgrades("tkt_1")
    pager.answers("accepted")
    found = certificate(pager.log)
    assert found.verdict is Verdict.EXACTLY_ONE
    assert [receipt.to for receipt in found.receipts] == ["primary", "secondary"]


def test_it_lists_tries_receipts_and_acknowledgements_in_order_and_ignores_repeats() -> None:
    pager = after("try-later", "accepted")
    pager.asks(AckAsked)
    found = certificate([*pager.log, *pager.log])
    assert [sent.outcome for sent in found.tries] == [TryOutcome.REFUSED, TryOutcome.ACCEPTED]
    assert [(ack.by, ack.via) for ack in found.acknowledgements] == [("primary", "web")]
    assert len(found.receipts) == 1
