"""The page on which one ticket is put beside another, before they are merged."""

from __future__ import annotations

from typing import Any

import pytest

from services.portal.desk.merge_page import id_in, warnings_for, why_not, why_not_at_all
from services.portal.web.filters import FactView
from tests.support.administering import Office
from tests.support.drawing import draw, draw_part

ONE, OTHER = "tkt_" + "a" * 26, "tkt_" + "b" * 26
ANN, BEN = "ann@example.com", "ben@example.com"


def ticket(name: str = ONE, **fields: Any) -> dict[str, Any]:
    given = {"requester": ANN, "participants": [], **fields}
    return {
        "id": name,
        "subject": f"About {name[4:8]}",
        "status": "open",
        "requester_name": "",
        "people": sorted({given["requester"], *given["participants"]}),
        "priority": "normal",
        "queue": "platform",
        "opened_at": "2026-11-30T05:00:00.000000Z",
        "verified": True,
        **given,
    }


@pytest.mark.parametrize(
    ("text", "named"),
    [
        (ONE, ONE),
        (f"  {ONE} ", ONE),
        ("aaaaaaaa", "aaaaaaaa"),
        ("#aaaaaaaa", "#aaaaaaaa"),
        (f"https://help.example/tickets/{ONE}?after=req_x#newest", ONE),
        (f"https://help.example/tickets/{ONE}", ONE),
        ("Alfa Bravo Charlie Delta Echo Foxtrot two three", "abcdef23"),
        (f"https://help.example/tickets/{ONE}x", f"https://help.example/tickets/{ONE}x"),
    ],
)
def test_which_ticket_somebody_means(text: str, named: str) -> None:
    assert id_in(text) == named


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (ticket(OTHER), ""),
        (ticket(OTHER, status="new"), ""),
        (ticket(OTHER, status="pending"), ""),
        (ticket(ONE), "this ticket itself"),
        (ticket(OTHER, status="solved"), "is solved. Reopen it first"),
        (ticket(OTHER, status="closed"), "is closed"),
    ],
)
def test_into_which_it_can_go(other: dict[str, Any], said: str) -> None:
    found = why_not(ticket(), other)
    assert said in found and bool(found) is bool(said)


def test_what_is_closed_goes_nowhere() -> None:
    assert why_not_at_all(ticket(status="closed"))
    assert not why_not_at_all(ticket(status="solved"))


@pytest.mark.parametrize(
    ("one", "other", "said"),
    [
        (ticket(), ticket(OTHER), []),
        (ticket(requester="Ann@Example.com"), ticket(OTHER), []),
        (ticket(), ticket(OTHER, requester=BEN), [f"{ANN} does not see it"]),
        (
            ticket(),
            ticket(OTHER, requester=BEN, participants=[ANN]),
            [f"{ANN} is on it, and is told"],
        ),
        (ticket(verified=False), ticket(OTHER), ["has not confirmed"]),
        (ticket(priority="urgent"), ticket(OTHER), ["paged"]),
        (ticket(participants=[BEN]), ticket(OTHER), [BEN]),
        (ticket(participants=[BEN]), ticket(OTHER, participants=[BEN]), []),
    ],
)
def test_what_one_should_know_before(
    one: dict[str, Any], other: dict[str, Any], said: list[str]
) -> None:
    found = warnings_for(one, other)
    assert len(found) == len(said)
    for sentence, words in zip(found, said, strict=True):
        assert words in sentence


def page(**context: Any) -> str:
    given: dict[str, Any] = {
        "other": None,
        "into": "",
        "mistake": "",
        "warnings": [],
        "theirs": [],
        "idempotency_key": "k",
    }
    drawn: str = draw("merge.html", **{"ticket": ticket(), **given, **context})
    return drawn


def test_first_one_names_the_other_ticket_then_sees_both_and_says_yes() -> None:
    asking = page(theirs=[ticket(OTHER)])
    assert f'href="/tickets/{ONE}/merge?into={OTHER}"' in asking and "for good" not in asking
    wrong = page(into="zzz", mistake="There is none.")
    assert 'value="zzz"' in wrong and 'aria-describedby="into-error"' in wrong
    both = page(other=ticket(OTHER, requester=BEN), warnings=["Mind."])
    assert f'name="into" value="{OTHER}"' in both and "Mind." in both
    assert ANN in both and BEN in both and "cannot be undone" in both
    assert 'name="into"' not in page(ticket=ticket(status="closed"), mistake="It is closed.")


LINE = '{% from "timeline.html" import entry with context %}{{ entry(fact, "staff") }}'


def fact(kind: str, **data: Any) -> dict[str, Any]:
    about = {"id": "fct_1", "type": kind, "at": "2026-11-30T05:00:00.000000Z", "topic": "tickets"}
    return {**about, "by": "agent@example.com", "data": FactView(data), "words": None}


def test_both_tickets_say_so_and_the_one_quotes_the_other() -> None:
    told = draw_part(LINE, fact=fact("TicketMerged", into=OTHER, is_shared=True))
    assert f'href="/tickets/{OTHER}"' in told and "not told" not in told
    assert "was not told" in draw_part(LINE, fact=fact("TicketMerged", into=OTHER, is_shared=False))
    words = fact("ReplyAdded", body="It is **so** <b>slow</b>.", side="customer")
    noted = draw_part(LINE, fact={**fact("MergeNoted", merged=ONE), "words": words})
    assert f'href="/tickets/{ONE}"' in noted
    assert "<strong>so</strong> &lt;b&gt;slow" in noted, "as a message, and nothing of it as HTML"
    assert "blockquote" not in draw_part(LINE, fact=fact("MergeNoted", merged=ONE))


@pytest.mark.parametrize("who", ["premier", "redisco"])
async def test_to_others_there_is_no_such_page(who: str) -> None:
    async with Office() as office:
        assert (await office.get(f"/tickets/{ONE}/merge", who)).status_code == 404
