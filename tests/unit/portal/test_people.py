"""The person behind a ticket: what is read of them, what is made of it, and what is drawn."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from services.intake.world.portal_view import SeenTicket
from services.portal.people import pages
from services.portal.people.documents import (
    COUNTED,
    SHOWN,
    app_of,
    order_apps,
    person_of,
    sort_tickets,
)
from services.portal.people.reads import pipeline_for, read_panel
from services.portal.projector.loop import INDEXES, PARTIAL
from services.portal.web.filters import FactView
from services.portal.web.words import draft_of
from shared.access import Standing
from shared.errors import Unavailable
from shared.events import Actor, OpenTicket, Role
from tests.support.administering import AwayStore, Office
from tests.support.drawing import draw, draw_part

pytestmark = pytest.mark.costly

ADA, BEN = "ada@example.com", "ben@example.com"
AGENT = Actor(email="agent@example.com", roles=(Role.AGENT,))
AT = "2026-11-30T05:00:00.000000Z"


class Known:
    """A directory of two documents."""

    def __init__(self, **account: Any) -> None:
        ada = {"email": ADA, "name": "Ada", "plan": "premium", **account}
        shop = {"name": "shop", "owner": ADA, "stage": "production", "addons": ["redisco"]}
        self._found = {("accounts", ADA): ada, ("apps", "shop"): shop}

    def get(self, kind: str, doc_id: str) -> Any:
        return self._found.get((kind, doc_id))


def doc(part: str, name: str, **fields: Any) -> dict[str, Any]:
    return {
        "_id": name,
        "part": part,
        "subject": f"About {name}",
        "status": "open" if part == "open" else "solved",
        "priority": "normal",
        "requester": ADA,
        "opened_at": AT,
        "solved_at": None if part == "open" else AT,
        **fields,
    }


def test_the_ticket_looked_at_is_not_counted_again() -> None:
    found = sort_tickets([doc("open", "a"), doc("open", "b"), doc("solved", "c")], ADA, besides="a")
    assert [each["id"] for each in found["open"]] == ["b"]
    assert (found["open_count"], found["open_more"]) == (1, False)
    assert [each["id"] for each in found["solved"]] == ["c"]


@pytest.mark.parametrize(
    ("read", "besides", "count", "more"),
    [
        (COUNTED, "none", COUNTED, False),
        (COUNTED + 1, "t0", COUNTED, False),
        (COUNTED + 1, "none", COUNTED, True),
        (COUNTED + 2, "t0", COUNTED, True),
    ],
)
def test_many_open_tickets_are_counted_up_to_an_end(
    read: int, besides: str, count: int, more: bool
) -> None:
    found = sort_tickets([doc("open", f"t{n}") for n in range(read)], ADA, besides=besides)
    assert (found["open_count"], found["open_more"]) == (count, more)
    assert len(found["open"]) == SHOWN


def test_a_rating_of_the_ticket_looked_at_is_a_rating() -> None:
    rated = doc("rating", "a", rating={"score": 4, "comment": "", "at": AT})
    assert sort_tickets([rated], ADA, besides="a")["ratings"][0]["rating"]["score"] == 4


def test_what_a_colleague_shared_says_so() -> None:
    found = sort_tickets([doc("open", "a", requester=BEN), doc("open", "b")], ADA)
    assert [each["is_theirs"] for each in found["open"]] == [False, True]


def test_every_part_of_the_read_is_led_by_an_index() -> None:
    """Equality on an index's first field, its second as the order, and an end."""
    read = pipeline_for("Ada@Example.com", ratings=1)
    parts = [read[:4], *(each["$unionWith"]["pipeline"] for each in read[4:])]
    known = {*INDEXES["tickets"], *(fields for fields, _ in PARTIAL)}
    for match, sort, limit, _ in parts:
        equal = next(name for name, value in match["$match"].items() if value == ADA)
        assert ((equal, 1), *sort["$sort"].items()) in known
        assert 0 < limit["$limit"] <= COUNTED + 2
    for _, has in PARTIAL[:2]:
        assert any(match["$match"].get(has) == {"$gt": ""} for match, *_ in parts), has


def test_who_somebody_is() -> None:
    found = person_of(Known(roles=["requester"]), "ADA@example.com", name="A. L.")
    assert (found["email"], found["name"], found["plan"], found["roles"]) == (
        ADA,
        "Ada",
        "premium",
        [],
    )
    assert found["is_known"] and found["is_active"]
    gone = person_of(Known(deactivated_at=AT), ADA)
    assert gone["is_known"] and not gone["is_active"]
    nobody = person_of(Known(), BEN, name="Ben")
    assert (nobody["name"], nobody["plan"], nobody["is_known"]) == ("Ben", None, False)


def test_apps_of_somebody_production_first() -> None:
    apps = [
        {"name": "b", "stage": "staging", "owner": BEN},
        {"name": "c", "stage": "production", "owner": BEN, "addons": ["redisco"]},
        {"name": "a", "stage": "production", "owner": "Ada@example.com"},
    ]
    found = order_apps(apps, ADA)
    assert [(app["name"], app["is_owner"]) for app in found] == [
        ("a", True),
        ("c", False),
        ("b", False),
    ]
    assert app_of(Known(), "gone") == {
        "name": "gone",
        "stage": None,
        "owner": None,
        "addons": [],
        "is_known": False,
    }


def ticket(standing: Standing) -> dict[str, Any]:
    return {
        "id": "tkt_a",
        "standing": standing.value,
        "requester": ADA,
        "requester_name": "Ada",
        "app": "shop",
        "addon": None,
    }


@pytest.mark.parametrize("standing", [Standing.CUSTOMER, Standing.PROVIDER])
async def test_nobody_but_staff_reads_it(standing: Standing) -> None:
    assert await read_panel(AwayStore(), Known(), ticket(standing)) is None  # type: ignore[arg-type]


async def test_staff_read_it() -> None:
    with pytest.raises(Unavailable):
        await read_panel(AwayStore(), Known(), ticket(Standing.STAFF))  # type: ignore[arg-type]


PANEL = '{% include "_person.html" %}'


def panel(*docs: dict[str, Any], touching: Any = (), **person: Any) -> str:
    known = Known(**person)
    behind = {
        "person": person_of(known, ADA),
        "app": app_of(known, "shop"),
        "addons": ["redisco"],
        **sort_tickets(docs, ADA),
    }
    return draw_part(PANEL, behind=behind, links={"touching": list(touching)}, actor=AGENT)


def test_a_panel_of_somebody_new_says_that_there_is_nothing() -> None:
    text = panel()
    for said in ("No other ticket is open.", "None was solved yet.", "No rating yet.", "Premium"):
        assert said in text
    assert 'href="/people/ada%40example.com"' in text
    assert "incident" not in text


def test_a_panel_links_what_there_is_and_escapes_it() -> None:
    rated = doc("rating", "tkt_c", rating={"score": 2, "comment": "<b>slow</b>", "at": AT})
    touching = [{"id": "inc_a", "title": "Routing fails", "components": ["Routing", "Redisco"]}]
    text = panel(
        *(doc("open", f"tkt_o{n}", subject=f"<i>{n}</i>") for n in range(SHOWN + 2)),
        doc("solved", "tkt_s"),
        rated,
        touching=touching,
    )
    assert text.count('href="/tickets/tkt_o') == SHOWN
    assert "All open ones" in text and ">7<" in text
    assert "&lt;i&gt;0" in text and "<i>0" not in text
    assert "2 of 5" in text and "&lt;b&gt;slow" in text
    assert 'href="/status/incidents/inc_a"' in text and "Routing, Redisco" in text


def test_a_panel_of_somebody_without_an_account_says_so() -> None:
    assert "Deactivated" in panel(deactivated_at=AT)


@pytest.mark.parametrize(
    ("who", "status"),
    [("premier", 404), ("redisco", 404), ("agent", 503), ("csa", 503), ("ops", 503)],
)
async def test_a_persons_page_is_for_staff(who: str, status: int) -> None:
    """Without MongoDB those who may are told that it is away, and nobody else that it is there."""
    async with Office() as office:
        shown: httpx.Response = await office.get("/people/premier%40example.com", who)
        assert shown.status_code == status
        assert (await office.get("/people/no-address", who)).status_code == 404


def page(**given: Any) -> str:
    found = {
        "person": person_of(Known(), ADA),
        "stopped": [],
        "apps": [],
        "touching": [],
        "tickets": sort_tickets((), ADA),
        "found": {"items": [], "next": None},
        "tabs": pages._tabs("/people/x", sort_tickets((), ADA), is_open=False),
        "is_open": False,
        "is_later": False,
        "base_href": "/people/x",
        "more_href": "",
        **given,
    }
    return draw("person.html", actor=AGENT, path="/people/x", **found)


def test_a_page_of_somebody_new_says_that_there_is_nothing() -> None:
    text = page()
    for said in ("No tickets yet", "They own no app", "They have rated nothing yet.", "Premium"):
        assert said in text
    assert "There is no account" in page(person=person_of(Known(), BEN))
    assert "deactivated" in page(person=person_of(Known(deactivated_at=AT), ADA))


def test_a_page_names_apps_with_their_owners_plan() -> None:
    apps = order_apps([{"name": "shop", "stage": "production", "owner": ADA, "addons": ["x"]}], BEN)
    text = page(apps=pages._with_owners(apps, Known()))
    assert 'href="/people/ada%40example.com">Ada</a> (Premium)' in text


async def test_staff_open_a_ticket_for_somebody_by_that_persons_plan() -> None:
    async with Office() as office:
        form = (await office.get("/tickets/new?for=Free%40example.com", "agent")).text
        assert 'name="requester" value="free@example.com"' in form
        assert "Free plan" in form and "urgent.access_granted" not in form
        fields = {"requester": "free@example.com", "subject": "S", "body": "B"}
        sent = await office.send("/tickets", {**fields, "idempotency_key": "k"}, "agent")
        assert sent.status_code == 303
        assert "for=free%40example.com" in sent.headers["location"]
        (asked,) = office.bench.log.on("requests")
        assert isinstance(asked, OpenTicket)
        assert (asked.requester, asked.actor.email) == ("free@example.com", "agent@example.com")


async def test_who_is_not_registered_is_said_beside_the_field() -> None:
    async with Office() as office:
        shown = await office.get("/tickets/new?for=who%40example.com", "agent")
        assert shown.status_code == 422
        assert 'id="for-error">Nobody is registered as who@example.com.' in shown.text
        assert 'value="who@example.com"' in shown.text


async def test_a_customer_opens_their_own_whatever_the_link_says() -> None:
    async with Office() as office:
        form = (await office.get("/tickets/new?for=free%40example.com", "premier")).text
        assert "requester" not in form and 'name="for"' not in form
        fields = {"requester": "free@example.com", "subject": "S", "body": "B"}
        sent = await office.send("/tickets", fields, "premier")
        assert sent.status_code == 403
        assert "Only staff open tickets for somebody else." in sent.text
        assert office.bench.log.on("requests") == []


async def test_a_follow_up_goes_along_with_what_is_sent() -> None:
    """The views are away here: the form is there all the same, only empty."""
    before = f"tkt_{'a' * 26}"
    async with Office() as office:
        form = (await office.get(f"/tickets/new?follows={before}", "premier")).text
        assert f'name="follows" value="{before}"' in form
        assert f'data-draft="new-ticket-after-{before}"' in form
        office.bench.view.tickets[before] = SeenTicket(
            "premier@example.com", (), None, "closed", "Old"
        )
        fields = {"follows": before, "subject": "S", "body": "B", "idempotency_key": "k"}
        sent = await office.send("/tickets", fields, "premier")
        assert sent.status_code == 303 and f"on={before}" in sent.headers["location"]
        (asked,) = office.bench.log.on("requests")
        assert isinstance(asked, OpenTicket) and asked.follows == before
        refused = await office.send("/tickets", fields, "enterprise")
        assert refused.status_code == 422
        assert "There is no ticket that it could follow, or none you may see." in refused.text


def test_a_draft_for_another_person_or_ticket_is_another_draft() -> None:
    assert draft_of({}) == draft_of({"requester": "", "follows": ""}) == "new-ticket"
    names = {draft_of({"requester": who}) for who in (ADA, BEN)} | {draft_of({"follows": "tkt_a"})}
    assert len(names) == 3


OPENED = '{% from "timeline.html" import entry with context %}{{ entry(fact, "customer") }}'


def opened_fact(**data: Any) -> dict[str, Any]:
    said = {"requester": ADA, "requester_name": "Ada", "body": "B", "via": "web", **data}
    return {
        "id": "fct_1",
        "type": "TicketOpened",
        "topic": "tickets",
        "at": AT,
        "by": ADA,
        "seq": 1,
        "audience": None,
        "data": FactView(said),
        "files": [],
    }


def test_the_history_says_who_opened_it_for_whom() -> None:
    ada = Actor(email=ADA)
    theirs = draw_part(OPENED, fact=opened_fact(), actor=ada)
    assert "<b>Ada</b>" in theirs and "for " not in theirs.partition("<b>")[2][:60]
    agents = opened_fact(author="support", author_name="Agnes Agent")
    assert '<b>Agnes Agent</b><span class="muted">for you</span>' in draw_part(
        OPENED, fact=agents, actor=ada
    )
    mine = opened_fact(author=AGENT.email, author_name="Agnes Agent")
    text = draw_part(OPENED, fact=mine, actor=AGENT)
    assert "<b>You</b>" in text and ">Ada</span></span>" in text
    assert 'data-message="mine"' in text
