"""Mail in the views: whatever is repeated or comes in any order of deliveries, every one of them is
counted once.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from services.portal.projector.mail import MAIL_VIEW, STATES, places, project_mail
from shared import events as e
from shared.topics import MAIL

AT = datetime(2026, 11, 22, 10, tzinfo=UTC)
KEY = "a" * 64


class Views:
    """The three collections, fed fact by fact as the projector does."""

    def __init__(self) -> None:
        self.docs: dict[tuple[str, str], dict[str, Any] | None] = {}

    def take(self, *facts: e.MailFact) -> Views:
        for fact in facts:
            known = {place: self.docs.get(place) for place in places(fact, 0)}
            self.docs.update(project_mail(known, fact, 0))
        return self

    def mail(self, key: str = KEY) -> dict[str, Any]:
        found = self.docs["mail", key]
        assert found is not None
        return found

    @property
    def sums(self) -> dict[str, int]:
        found = self.docs["mail_counts", "0"]
        assert found is not None
        return {name: found[name] for name in STATES if found[name]}

    @property
    def causes(self) -> dict[str, int]:
        found = self.docs["mail_counts", "0"]
        assert found is not None
        return {why: n for why, n in found["causes"].items() if n}

    @property
    def in_hand(self) -> int:
        return sum(
            not doc["settled"]
            for (kind, _), doc in self.docs.items()
            if kind == "mail_deliveries" and doc
        )


def about(what: str, delivery: str = "d1", key: str = KEY) -> dict[str, Any]:
    return {"id": f"{what}-{delivery}", "key": key, "at": AT, "delivery": delivery}


def received(delivery: str = "d1", key: str = KEY) -> e.MailReceived:
    return e.MailReceived(
        **about("r", delivery, key), blob=key, size=5, sender="ann@example.com", subject="Help"
    )


def ticketed(delivery: str = "d1", again: str = "", key: str = KEY) -> e.MailTicketed:
    return e.MailTicketed(
        **about(f"t{again}", delivery, key),
        ticket_id="tkt_1",
        request_id="req_1",
        sender="ann@example.com",
    )


def threaded(delivery: str = "d1") -> e.MailThreaded:
    return e.MailThreaded(
        **about("th", delivery), ticket_id="tkt_1", request_id="req_1", sender="ann@example.com"
    )


def quarantined(
    delivery: str = "d1", why: e.Cause = e.Cause.UNKNOWN_SENDER, key: str = KEY
) -> e.MailQuarantined:
    return e.MailQuarantined(
        **about("q", delivery, key),
        why=why,
        explanation="E",
        answerable=True,
        sender="ann@example.com",
    )


def duplicate(delivery: str) -> e.MailDuplicate:
    return e.MailDuplicate(**about("d", delivery))


RELEASED = e.MailReleased(
    **about("rel"), by="agent@example.com", cause_was=e.Cause.UNKNOWN_SENDER, received_at=AT
)
REFUSED = e.MailQuarantined(
    id="ref",
    key=KEY,
    at=AT,
    why=e.Cause.REFUSED,
    explanation="closed",
    answerable=True,
    sender="ann@example.com",
    ticket_id="tkt_1",
)


def test_a_ticket_and_its_repeat() -> None:
    views = Views().take(received(), ticketed(), received("d2"), duplicate("d2"))
    assert views.sums == {"received": 2, "ticketed": 1, "duplicate": 1}
    assert (views.mail()["state"], views.mail()["ticket_id"], views.mail()["deliveries"]) == (
        "ticketed",
        "tkt_1",
        2,
    )


def test_two_processes_settle_the_same_bytes_and_the_first_in_the_log_counts() -> None:
    views = Views().take(received(), received("d2"), ticketed("d2"), quarantined("d1"))
    assert views.sums == {"received": 2, "ticketed": 1, "duplicate": 1}
    assert views.mail()["state"] == "ticketed"


def test_released_from_quarantine() -> None:
    views = Views().take(received(), quarantined())
    assert (views.sums, views.causes) == ({"received": 1, "quarantined": 1}, {"unknown-sender": 1})
    views.take(RELEASED, ticketed(again="2"))
    assert (views.sums, views.causes) == ({"received": 1, "ticketed": 1}, {})
    mail = views.mail()
    assert (mail["state"], mail["why"], mail["released_by"]) == (
        "ticketed",
        None,
        "agent@example.com",
    )
    assert [line["type"] for line in mail["history"]] == [
        "MailReceived",
        "MailQuarantined",
        "MailReleased",
        "MailTicketed",
    ]


def test_refused_by_the_router_whichever_is_heard_first() -> None:
    for facts in (
        (received(), threaded(), REFUSED),
        (REFUSED, received(), threaded()),
        (received(), REFUSED, threaded()),
    ):
        views = Views().take(*facts)
        assert (views.sums, views.causes) == ({"received": 1, "quarantined": 1}, {"refused": 1}), (
            facts
        )
        assert (views.mail()["state"], views.mail()["explanation"]) == ("quarantined", "closed")


def test_a_repeated_fact_does_not_undo_what_came_after_it() -> None:
    views = Views().take(received(), quarantined(), RELEASED, ticketed(again="2"))
    views.take(received(), quarantined(), RELEASED)
    assert (views.sums, views.mail()["state"]) == ({"received": 1, "ticketed": 1}, "ticketed")


KEYS = ("a" * 64, "b" * 64)
FACTS = [
    make(delivery=f"{key[0]}{n}", key=key)
    for key in KEYS
    for n in range(3)
    for make in (received, ticketed, quarantined)
]


@given(st.lists(st.sampled_from(FACTS), max_size=40))
def test_received_is_the_sum_of_the_outcomes_and_what_is_in_hand(facts: list[e.MailFact]) -> None:
    views = Views().take(*facts)
    sums = views.sums if ("mail_counts", "0") in views.docs else {}
    deliveries = [doc for (kind, _), doc in views.docs.items() if kind == "mail_deliveries" and doc]
    unannounced = sum(not doc["received"] for doc in deliveries)
    assert (
        sums.get("received", 0) + unannounced
        == sum(n for name, n in sums.items() if name != "received") + views.in_hand
    )
    states = [views.mail(key)["state"] for key in KEYS if ("mail", key) in views.docs]
    for state in ("ticketed", "quarantined"):
        assert states.count(state) == sums.get(state, 0), (
            "messages, each counted under the state it is in"
        )
    counted = views.docs.get(("mail_counts", "0"))
    assert (counted or {}).get("in_hand", 0) == sum(
        doc["received"] and not doc["settled"] for doc in deliveries
    )
    before = {place: dict(doc) for place, doc in views.docs.items() if doc}
    views.take(*(fact for fact in facts if isinstance(fact, e.MailReceived)))
    assert views.docs == before, "hearing it again changes nothing"


def test_every_fact_of_mail_is_shown() -> None:
    assert set(MAIL_VIEW) == set(MAIL.events)
