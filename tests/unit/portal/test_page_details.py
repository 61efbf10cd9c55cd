"""Pages to the on-call engineer: whose they are, what they say, and how much a link shows."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from services.portal.on_call.page_details import (
    add_details,
    for_link,
    group_pages,
    is_mine,
    list_called,
    matter_of,
)
from tests.support.drawing import NOW, PRIMARY, draw

ME = ("primary@example.com", "primary")


def attempt(to: str, step: int = 1, round_: int = 0, purpose: str = "page") -> dict[str, Any]:
    return {
        "to": to,
        "step": step,
        "round": round_,
        "purpose": purpose,
        "channel": "sms",
        "at": NOW.isoformat(),
        "outcome": "accepted",
        "reason": "",
    }


def page(state: str = "open", *attempts: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "id": "lane_a.b",
        "seq": 3,
        "state": state,
        "subject": "Checkout is down",
        "requester": "priya@shop.example",
        "app": "shop-production",
        "ticket_id": "tkt_abcdefgh",
        "ticket_ids": ["tkt_abcdefgh"],
        "opened_at": (NOW - timedelta(minutes=6)).isoformat(),
        "next_at": (NOW + timedelta(seconds=45)).isoformat() if state == "open" else None,
        "acknowledged_by": "primary@example.com" if state == "acknowledged" else None,
        "acknowledged_at": NOW.isoformat() if state == "acknowledged" else None,
        "began": "2026-11-30 05:00 UTC",
        "attempts": list(attempts),
        "reason": "",
        "reopens_at": None,
        "joined": [],
        "notes": [],
        "silences": [],
        "step": 1,
        **more,
    }


@pytest.mark.parametrize(
    ("found", "mine"),
    [
        (page("open", attempt("primary")), True),
        (page("open", attempt("Primary")), True),
        (page("open", attempt("primary"), attempt("secondary", 2)), False),
        (page("open", attempt("secondary"), attempt("primary", 1, 1)), True),
        (page("open", attempt("primary", purpose="stand-down")), False),
        (page("open"), False),
        (page("acknowledged"), True),
        (page("acknowledged", acknowledged_by="lead@example.com"), False),
        (page("resolved", attempt("primary")), False),
    ],
)
def test_a_page_is_yours_while_it_rings_at_you_or_you_have_it(
    found: dict[str, Any], mine: bool
) -> None:
    assert is_mine(found, *ME) is mine


def test_open_and_handled_pages_stand_apart_from_what_is_over_and_yours_come_first() -> None:
    pages = [
        page("open", attempt("lead"), id="1"),
        page("open", attempt("primary"), id="2"),
        page("silenced", id="3"),
        page("acknowledged", id="4"),
        page("resolved", id="5"),
        page("cancelled", id="6"),
    ]
    found = {name: [one["id"] for one in each] for name, each in group_pages(pages, *ME).items()}
    assert found == {"open": ["2", "1"], "handled": ["4", "3"], "over": ["5", "6"]}


@pytest.mark.parametrize(
    ("id_", "href", "subject"),
    [("tkt_1", "/tickets/tkt_1", "Down"), ("inc_1", "/ops/incidents/inc_1", "Redis is slow")],
)
def test_what_a_page_is_about_is_read_where_it_exists(id_: str, href: str, subject: str) -> None:
    found = matter_of(id_, {"subject": "Down"}, {"title": "Redis is slow"})
    assert (found["href"], found["subject"]) == (href, subject)


def test_who_was_called_is_told_once_each_in_their_order() -> None:
    tried = [attempt("b"), attempt("a", 2), attempt("b", 1, 1), attempt("c", purpose="stand-down")]
    assert list_called(page("open", *tried)) == ["b", "a"]


OPENING = {
    "body": "Every order fails.\nSince five.",
    "urgent": {"business_impact": "No orders", "users_affected": "all", "logs": "SECRET LOG"},
}
TICKET = {"requester_name": "Priya Premier", "plan": "premier", "subject": "Checkout is down"}


def in_detail(**more: Any) -> dict[str, Any]:
    found = page("open", attempt("primary"), attempt("secondary", 2), **more)
    return add_details(found, [matter_of("tkt_abcdefgh", TICKET, None)], TICKET, OPENING)


def test_the_link_shows_what_decides_whether_to_get_up_and_no_addresses_notes_or_files() -> None:
    noted = in_detail(notes=[{"by": "lead@example.com", "at": "", "body": "Internal remark"}])
    text = draw(
        "ack.html",
        page=for_link(noted),
        person="primary",
        done=False,
        problem="",
        path="/x",
        idempotency_key="k",
    )

    for said in (
        "Checkout is down",
        "Priya Premier (Premier)",
        "shop-production",
        "No orders",
        "Every order fails.",
        "primary, secondary",
        "in 45 s",
        'href="/tickets/tkt_abcdefgh"',
        "Acknowledge: I have it",
    ):
        assert said in text, said
    for hidden in ("priya@shop.example", "lead@example.com", "Internal remark", "SECRET LOG"):
        assert hidden not in text, hidden


def test_the_link_works_while_nothing_is_known_of_the_page() -> None:
    text = draw(
        "ack.html", page=None, person="primary", done=False, problem="", idempotency_key="k"
    )
    assert "Acknowledge: I have it" in text


@pytest.mark.parametrize("kind", ["page.html", "pages.html"])
def test_an_alert_leads_to_its_incident(kind: str) -> None:
    about = {"ticket_id": "inc_abcdefgh", "ticket_ids": ["inc_abcdefgh"]}
    found = add_details(page("open", **about), [matter_of("inc_abcdefgh", None, None)], None, {})
    more = {"certificate": None, "people": ["lead"], "page": found}
    if kind == "pages.html":
        more = {"pages": group_pages([found], *ME), "cursor": "", "more_href": "", "asked_of_me": 0}
    text = draw(kind, actor=PRIMARY, idempotency_key="k", **more)

    assert 'href="/ops/incidents/inc_abcdefgh"' in text
    assert "/tickets/inc_" not in text


def test_acknowledged_pages_are_not_called_quiet() -> None:
    groups = group_pages([page("acknowledged")], *ME)
    text = draw(
        "pages.html",
        actor=PRIMARY,
        pages=groups,
        cursor="",
        more_href="",
        asked_of_me=2,
        idempotency_key="k",
    )
    assert "Being handled" in text
    assert 'Cover is asked of you</a> <span class="n">2</span>' in text
    assert "No open pages" not in text
    assert "Yours" in text
