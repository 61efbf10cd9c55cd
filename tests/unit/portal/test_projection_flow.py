"""Appeals, ends, participants and custody in a ticket's document, and who is shown what of them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from services.portal.projector.ticket_flow import FLOW_VIEW, time_with
from services.portal.projector.tickets import project
from services.portal.tickets import documents as shapes
from shared import events as e
from shared.access import Standing, may_see_fact
from tests.support.facts import BEGAN, POLICY, stamped

ANN, BEN, REVIEWER = "rae@example.com", "ben@example.com", "reviewer@example.com"


class Doc:
    """A ticket's document, fed fact by fact."""

    def __init__(self, requested: e.Priority | None = None, **opened: Any) -> None:
        self.doc: dict[str, Any] | None = None
        about: dict[str, Any] = {"at": BEGAN, "by": ANN, "policy": POLICY}
        self.add(
            e.TicketOpened(
                **about,
                subject="S",
                body="B",
                requester=ANN,
                plan=e.Plan.PREMIUM,
                lane="l",
                **opened,
            ),
            e.PrioritySet(
                **about,
                requested=requested,
                priority=e.Priority.NORMAL,
                plan=e.Plan.PREMIUM,
                opened_at=BEGAN,
                lane="l",
                trail=(e.RuleTried(rule="plan_may_not_choose", matched=False),),
            ),
        )

    def add(self, *facts: e.TicketFact) -> dict[str, Any]:
        for fact in stamped(facts, "tkt_1", (self.doc or {"seq": 0})["seq"] + 1):
            self.doc = project(self.doc, fact)
        assert self.doc is not None
        return self.doc


def at(minutes: float = 1, by: str = ANN) -> dict[str, Any]:
    return {"at": BEGAN + timedelta(minutes=minutes), "by": by, "policy": POLICY}


def reviewed(final: bool = False) -> e.PriorityReviewed:
    levels = {"previous": e.Priority.NORMAL, "priority": e.Priority.HIGH}
    return e.PriorityReviewed(
        **at(by=REVIEWER), **levels, reason="r", plan=e.Plan.PREMIUM, lane="l", final=final
    )


def solved(minutes: float = 1, side: Any = "staff") -> e.TicketSolved:
    return e.TicketSolved(
        **at(minutes), resolution="r", side=side, subject="S", requester=ANN, lane="l"
    )


def reopened(minutes: float) -> e.TicketReopened:
    return e.TicketReopened(
        **at(minutes), side="customer", subject="S", requester=ANN, priority=e.Priority.NORMAL
    )


APPEALED = e.PriorityAppealed(
    **at(), information="I", priority=e.Priority.HIGH, changed_by=REVIEWER
)
DECIDED = e.AppealDecided(
    **at(by="admin@example.com"), previous=e.Priority.HIGH, priority=e.Priority.NORMAL, reason="r"
)
SHARED = e.TicketShared(**at(), token_hash="h", expires_at=BEGAN + timedelta(days=30))
JOINED = e.ParticipantJoined(
    **at(by=BEN), participant=BEN, subject="S", requester=ANN, participants=(ANN, BEN)
)
ASKED = e.ParticipantAsked(
    **at(), person="Cy@example.com", asks=1, expires_at=BEGAN + timedelta(days=14), requester=ANN
)
REMOVED = e.ParticipantRemoved(**at(), person=BEN, left=False, participants=(ANN,))
LINKED = e.TicketLinked(
    **at(), incident="inc_b", title="T", incidents=("inc_a", "inc_b"), subject="S", requester=ANN
)

OWNED = e.OwnerChanged(**at(), owner=BEN, owner_name="Ben", how="taken", priority=e.Priority.NORMAL)
MERGED = e.TicketMerged(
    **at(),
    into="tkt_b",
    is_shared=True,
    waits=False,
    subject="S",
    requester=ANN,
    lane="l",
)


def noted(merged: str, status: str = "open") -> e.MergeNoted:
    return e.MergeNoted(**at(), merged=merged, status=status, priority=e.Priority.NORMAL)


TAGGED = e.TicketTagged(**at(), tags=("billing", "vip"), added=("vip",))
CHANGES: dict[str, tuple[list[e.TicketFact], dict[str, Any]]] = {
    "nothing yet": (
        [],
        {
            "appeal": None,
            "rating": None,
            "rateable": False,
            "shared_until": None,
            "access_granted": False,
        },
    ),
    "reviewed": ([reviewed()], {"appeal": {"state": "possible", "changed_by": REVIEWER}}),
    "carried out": ([reviewed(), APPEALED, DECIDED, reviewed(final=True)], {"priority": "high"}),
    "tagged": ([TAGGED], {"tags": ["billing", "vip"]}),
    "taken": ([OWNED], {"owner": BEN, "owner_name": "Ben"}),
    "released": (
        [OWNED, OWNED.model_copy(update={"owner": None, "how": "released"})],
        {"owner": None},
    ),
    "shared": ([SHARED], {"shared_until": "2026-04-02T15:00:00.000000Z"}),
    "ended": ([SHARED, e.ShareRevoked(**at(), links=1)], {"shared_until": None}),
    "joined": ([JOINED], {"participants": [BEN], "people": [BEN, ANN]}),
    "asked": (
        [ASKED, ASKED],
        {
            "asked": [{"email": "Cy@example.com", "until": "2026-03-17T15:00:00.000000Z"}],
            "people": [ANN],
        },
    ),
    "declined": (
        [ASKED, e.ParticipantDeclined(**at(), person="cy@example.com")],
        {"asked": [], "people": [ANN]},
    ),
    "asked no more": (
        [ASKED, REMOVED.model_copy(update={"person": "cy@example.com"})],
        {"asked": []},
    ),
    "closed, so nobody is asked": (
        [ASKED, solved(), e.TicketClosed(**at(5))],
        {"asked": [], "status": "closed"},
    ),
    "joined and removed": ([JOINED, REMOVED], {"participants": [], "people": [ANN]}),
    "linked": ([LINKED], {"incident_ids": ["inc_a", "inc_b"]}),
    "taken off": (
        [LINKED, e.TicketUnlinked(**at(), incident="inc_a", incidents=("inc_b",))],
        {"incident_ids": ["inc_b"]},
    ),
    "granted": ([e.AccessGranted(**at())], {"access_granted": True}),
    "granted no more": (
        [e.AccessGranted(**at()), e.AccessEnded(**at())],
        {"access_granted": False},
    ),
    "confirmed": (
        [e.SenderConfirmed(**at(), priority=e.Priority.NORMAL, plan=e.Plan.PREMIUM, lane="l")],
        {"verified": True},
    ),
    "solved": ([solved()], {"rateable": True, "rating": None}),
    "solved by the customer": ([solved(side="customer")], {"rateable": False}),
    "closed": ([solved(), e.TicketClosed(**at(5))], {"status": "closed", "rateable": False}),
    "merged": ([MERGED], {"merged_into": "tkt_b", "is_merge_shared": True, "mentioned": []}),
    "merged and closed": (
        [MERGED, e.TicketClosed(**at(5), reason="it was merged into another ticket")],
        {"status": "closed", "merged_into": "tkt_b", "shelves": []},
    ),
    "others merged into it": (
        [noted("tkt_b"), noted("tkt_c", "pending")],
        {"merged": ["tkt_b", "tkt_c"], "status": "pending"},
    ),
    "reopened": ([solved(), reopened(5)], {"status": "open", "rateable": False}),
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_a_fact_changes(name: str) -> None:
    facts, wanted = CHANGES[name]
    doc = Doc().add(*facts)
    assert {field: doc[field] for field in wanted} == wanted


def test_an_appeal_from_change_to_end() -> None:
    doc = Doc()
    assert doc.add(reviewed(), APPEALED)["appeal"] == {
        "state": "open",
        "changed_by": REVIEWER,
        "by": ANN,
        "at": "2026-03-03T15:01:00.000000Z",
        "information": "I",
    }
    ended = doc.add(DECIDED, reviewed(final=True))["appeal"]
    assert (ended["state"], ended["decided_by"], ended["reason"]) == (
        "decided",
        "admin@example.com",
        "r",
    )


def test_a_rules_change_can_be_appealed_and_the_urgent_form_grants_access() -> None:
    doc = Doc(e.Priority.URGENT, urgent=e.UrgentDetails(access_granted=True)).add()
    assert doc["appeal"] == {"state": "possible", "changed_by": "system"}
    assert doc["access_granted"]


def test_a_new_solving_is_rated_anew() -> None:
    doc = Doc()
    rated = doc.add(solved(1), e.TicketRated(**at(2), score=2, comment="c"))["rating"]
    assert (rated["score"], rated["comment"]) == (2, "c")
    assert doc.add(reopened(3), solved(4))["rating"] is None


def test_the_three_times_add_up_to_the_age() -> None:
    doc = Doc()
    assigned = {
        "queue": "provider:redisco",
        "provider": "redisco",
        "subject": "S",
        "requester": ANN,
        "priority": e.Priority.NORMAL,
    }
    reply = {
        "side": "provider",
        "audience": "everyone",
        "via": "api",
        "body": "b",
        "status": "pending",
    }
    doc.add(e.TicketAssigned(**at(10), **assigned))
    made = doc.add(
        e.ReplyAdded(
            **at(25), author="x", subject="S", requester=ANN, priority=e.Priority.NORMAL, **reply
        )
    )
    now = BEGAN + timedelta(minutes=45)
    assert time_with(made, now) == {"requester": 1200.0, "platform": 600.0, "provider": 900.0}
    made = doc.add(solved(50))
    assert sum(time_with(made, now + timedelta(days=9)).values()) == 50 * 60, "until it was solved"
    made = doc.add(reopened(60))
    assert time_with(made, BEGAN + timedelta(minutes=61)) == {
        "requester": 2100.0,
        "platform": 600.0,
        "provider": 960.0,
    }


def test_what_is_between_the_customer_and_us_is_not_the_providers() -> None:
    doc = Doc().add(reviewed(), SHARED, e.AccessGranted(**at()))
    for who in Standing:
        shown = shapes.ticket(doc, [], who, [], BEGAN)
        between = [shown[name] for name in ("appeal", "shared_until", "access_granted")]
        assert (between == [None, None, None]) is (who is Standing.PROVIDER)
        assert set(shown["time_with"]) == {"requester", "platform", "provider"}
        assert "h" not in map(str, shown.values())


def test_an_open_appeal_is_a_flag_in_the_lists_of_staff() -> None:
    staff, customer = e.Actor(email="a", roles=(e.Role.AGENT,)), e.Actor(email=ANN)
    doc = Doc()
    doc.add(reviewed())
    assert not shapes.to_list_row(doc.add(), staff)["appealed"]
    assert shapes.to_list_row(doc.add(APPEALED), staff)["appealed"]
    assert not shapes.to_list_row(doc.add(), customer)["appealed"]
    assert not shapes.to_list_row(doc.add(DECIDED), staff)["appealed"]


def test_the_hash_of_a_link_is_for_staff_only() -> None:
    fact = {
        "id": "f",
        "topic": "tickets",
        "seq": 4,
        "type": "TicketShared",
        "at": "",
        "order": "",
        "data": SHARED.model_dump(mode="json"),
    }
    assert "token_hash" not in shapes.entry(fact, Standing.CUSTOMER)["data"]


def test_every_fact_of_the_flow_is_tried_here() -> None:
    tried = {type(fact) for facts, _ in CHANGES.values() for fact in facts} | {e.TicketRated}
    assert set(FLOW_VIEW) <= tried


def test_a_ticket_opened_for_somebody_was_written_by_one_of_ours() -> None:
    agent = {"author": "agent@example.com", "author_name": "Agnes"}
    doc = Doc(**agent).doc
    assert doc is not None
    assert (doc["requester"], doc["people"], doc["opened_by"]) == (ANN, [ANN], agent["author"])
    assert (doc["last"]["by"], doc["last"]["name"], doc["last"]["side"]) == (
        "agent@example.com",
        "Agnes",
        "staff",
    )
    for who, named in (
        (Standing.STAFF, "agent@example.com"),
        (Standing.PROVIDER, "agent@example.com"),
        (Standing.CUSTOMER, "support"),
    ):
        shown = shapes.ticket(doc, [], who, [], BEGAN)
        assert (shown["opened_by"], shown["opened_by_name"]) == (named, "Agnes")
    own = Doc().doc
    assert own is not None
    assert ("opened_by" in own, own["last"]["side"]) == (False, "customer")
    assert shapes.ticket(own, [], Standing.CUSTOMER, [], BEGAN)["opened_by"] is None


def test_what_takes_up_a_ticket_again_says_which_but_to_no_provider() -> None:
    doc = Doc(follows="tkt_0").doc
    assert doc is not None and doc["follows"] == "tkt_0"
    for who in Standing:
        shown = shapes.ticket(doc, [], who, [], BEGAN)
        assert shown["follows"] == (None if who is Standing.PROVIDER else "tkt_0")


def test_where_a_ticket_goes_on_is_said_to_those_who_may_know() -> None:
    for is_shared in (True, False):
        doc = Doc().add(MERGED.model_copy(update={"is_shared": is_shared}), noted("tkt_c"))
        for who in Standing:
            shown = shapes.ticket(doc, [], who, [], BEGAN)
            knows = who is Standing.STAFF or (who is Standing.CUSTOMER and is_shared)
            assert shown["merged_into"] == ("tkt_b" if knows else None)
            assert shown.get("merged") == (["tkt_c"] if who is Standing.STAFF else None)
    for fact in (MERGED, noted("tkt_b")):
        seen = [who for who in Standing if may_see_fact(who, fact.type)]
        assert seen == [Standing.STAFF]
