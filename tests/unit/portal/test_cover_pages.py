"""Asking for cover on the page of the rota: who sees what, who can do what, and what the rota says
afterwards.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from services.portal.on_call.asks import asks_of, own_shifts
from shared.policy import OnCallPolicy
from shared.policy.on_call.coverage import shifts
from shared.policy.on_call.rota import person_on
from tests.support.administering import Office
from tests.unit.intake.building import NOW, POLICIES

pytestmark = pytest.mark.costly

BEGAN = "2025-01-06T09:00:00Z"
TURNS = {"people": ["primary"], "starts_at": BEGAN}
BACKUP = {"people": ["secondary", "lead"], "starts_at": BEGAN}
SCHEDULE = {
    "zone": "UTC",
    "layers": [{"name": "backup", "rotation": BACKUP}, {"name": "main", "rotation": TURNS}],
}
ROTA = {
    **POLICIES["on-call"],
    "schedules": {**POLICIES["on-call"]["schedules"], "shared": SCHEDULE},
}
SINCE, UNTIL = NOW + timedelta(days=1), NOW + timedelta(days=1, hours=6)
ASK = {"since": f"{SINCE:%Y-%m-%dT%H:%M}", "until": f"{UNTIL:%Y-%m-%dT%H:%M}"}


async def asked(office: Office, **more: str) -> str:
    """The id of what `primary` asks."""
    office.bench.log.publishes("on-call", 2, ROTA)
    done = await office.post("/on-call/ask", "primary", schedule="shared", **ASK, **more)
    assert done.status_code == 303, done.text
    found = office.bench.reference.policy("on-call")
    assert found is not None
    return str(found.document["schedules"]["shared"]["asks"][0]["id"])


def buttons_in(page: str) -> set[str]:
    return set(re.findall(r'action="/on-call/asks/shared/ask_\w+/(\w+)"', page))


async def test_it_is_asked_seen_and_accepted_and_the_rota_goes_by_it() -> None:
    async with Office() as office:
        key = await asked(office, word="The dentist <b>calls</b>.")
        reference = office.bench.reference
        before = reference.on_call()
        assert before is not None
        assert person_on(before, "shared", SINCE) == "primary"

        own = (await office.get("/on-call?done=asked", "primary")).text
        assert "You stay on call until somebody accepts." in own
        assert "Cover asked" in own
        theirs = (await office.get("/on-call", "lead")).text
        assert "Paula Primary asks" in theirs
        assert "1 asked of you" in theirs
        assert "The dentist &lt;b&gt;calls&lt;/b&gt;." in theirs

        done = await office.post(f"/on-call/asks/shared/{key}/accept", "lead")
        assert (done.status_code, done.headers["location"]) == (303, "/on-call?done=accept#cover")
        after = reference.on_call()
        assert after is not None
        assert person_on(after, "shared", SINCE) == "lead"
        assert person_on(after, "shared", UNTIL) == "primary"
        assert "Lena Lead took it" in (await office.get("/on-call", "primary")).text
        history = reference.policy("on-call")
        assert history is not None
        assert history.actor is not None
        assert history.actor.email == "lead@example.com"

        late = await office.post(f"/on-call/asks/shared/{key}/accept", "secondary")
        assert late.status_code == 409
        assert "Lena Lead took it already." in late.text


@pytest.mark.parametrize(
    ("who", "buttons"),
    [
        ("primary", {"withdraw"}),
        ("lead", {"accept", "decline"}),
        ("secondary", {"accept", "decline"}),
        ("ops", set()),
        ("admin", set()),
        ("agent", set()),
    ],
)
async def test_who_looks_sees_the_buttons_that_work(who: str, buttons: set[str]) -> None:
    async with Office() as office:
        await asked(office)
        page = await office.get("/on-call", who)
        assert page.status_code == 200
        assert buttons_in(page.text) == buttons


async def test_of_one_colleague_the_other_is_not_asked() -> None:
    async with Office() as office:
        key = await asked(office, of="lead")
        assert not buttons_in((await office.get("/on-call", "secondary")).text)
        refused = await office.post(f"/on-call/asks/shared/{key}/accept", "secondary")
        assert refused.status_code == 403
        assert "You were not asked." in refused.text


@pytest.mark.parametrize("who", ["agent", "premier", "redisco"])
async def test_for_others_there_is_no_such_page(who: str) -> None:
    async with Office() as office:
        office.bench.log.publishes("on-call", 2, ROTA)
        assert (await office.get("/on-call/ask?schedule=shared", who)).status_code == 404
        assert (await office.post("/on-call/ask", who, schedule="shared")).status_code == 404
        where = "/on-call/asks/shared/ask_aaaaaaaaaaaaaaaaaaaaaaaaaa/accept"
        assert (await office.post(where, who)).status_code == 404


async def test_the_form_offers_colleagues_and_keeps_what_was_typed() -> None:
    async with Office() as office:
        office.bench.log.publishes("on-call", 2, ROTA)
        form = (await office.get("/on-call/ask?schedule=shared", "primary")).text
        assert re.findall(r'<option value="(\w*)"', form) == ["", "secondary", "lead"]
        wrong = await office.post(
            "/on-call/ask",
            "primary",
            schedule="shared",
            since="soon",
            until=ASK["until"],
            word="Hm",
        )
        assert wrong.status_code == 422
        assert "This is not a date and time." in wrong.text
        assert 'value="Hm"' in wrong.text
        past = {**ASK, "since": f"{NOW - timedelta(hours=1):%Y-%m-%dT%H:%M}"}
        late = await office.post("/on-call/ask", "primary", schedule="shared", **past)
        assert late.status_code == 422
        assert "Cover is asked for a time to come." in late.text


async def test_a_short_list_is_shown_and_the_rest_folds_away() -> None:
    turns = {**TURNS, "people": ["primary", "lead"], "every": "1d"}
    async with Office() as office:
        rota = {**ROTA["schedules"], "shared": {"zone": "UTC", "rotation": turns}}
        office.bench.log.publishes("on-call", 2, {**ROTA, "schedules": rota})
        page = (await office.get("/on-call", "primary")).text
        shown, _, folded = page.partition('<section class="panel" id="own"')[2].partition(
            "<details>"
        )
        assert (shown.count("<li"), folded.partition("</details>")[0].count("<li")) == (5, 11)
        assert "11 more" in folded


async def test_whoever_has_no_shift_is_told_so() -> None:
    async with Office() as office:
        page = (await office.get("/on-call", "lead")).text
        assert "No shifts of yours in the next four weeks" in page
        assert "nobody else takes turns" in (await office.get("/on-call", "primary")).text
        assert "My shifts" not in (await office.get("/on-call", "agent")).text


def alone(schedule: dict[str, Any]) -> dict[str, Any]:
    """The document with one schedule."""
    return {**ROTA, "schedules": {**ROTA["schedules"], "shared": schedule}}


def own(zone: str, days: int) -> list[dict[str, Any]]:
    """The shifts of `primary`, who takes turns of so many days with `lead`."""
    turns = {
        "people": ["primary", "lead"],
        "starts_at": "2026-11-22T05:00:00Z",
        "every": f"{days}d",
    }
    document = alone({"zone": "UTC", "rotation": turns})
    policy = OnCallPolicy.model_validate(document)
    planned = [
        ("shared", shift)
        for shift in shifts(policy, "shared", NOW, NOW + timedelta(days=90))
        if shift.person == "primary"
    ]
    return own_shifts(policy, "primary", planned, NOW, ZoneInfo(zone))


def test_todays_shift_is_todays_by_the_readers_clock() -> None:
    """It begins at 05:00 UTC on the 22nd, an hour of the 22nd in Berlin and in New York; now it is
    still the 21st in New York.
    """
    assert [shift["is_today"] for shift in own("Europe/Berlin", 7)] == [True, False]
    assert [shift["is_today"] for shift in own("America/New_York", 7)] == [False, False]


def test_four_weeks_are_shown_and_a_long_shift_is_offered_by_the_day() -> None:
    shown = own("UTC", 7)
    assert [shift["since"][:10] for shift in shown] == ["2026-11-22", "2026-12-06"]
    assert shown[0]["asks_since"] == shown[0]["since"]
    assert shown[0]["asks_until"] == shown[0]["until"]
    (long,) = own("UTC", 60)
    assert long["asks_until"][:16] == "2026-11-23T05:00"


def test_what_waits_stands_on_top_and_what_is_long_over_is_left_out() -> None:
    def ask(number: int, days: int, **more: Any) -> dict[str, Any]:
        times = {"since": NOW + timedelta(days=days), "until": NOW + timedelta(days=days, hours=1)}
        return {"id": f"ask_{number}", "by": "primary", "asked_at": NOW, **times, **more}

    ended = {"end": "withdrawn", "ended_by": "primary", "ended_at": NOW}
    asks = [ask(1, 9), ask(2, 3, **ended), ask(3, 2), ask(4, -1), ask(5, -20)]
    document = alone({**SCHEDULE, "asks": asks})
    found = asks_of(OnCallPolicy.model_validate(document), ["lead"], NOW)
    assert [(one["id"], one["state"]) for one in found] == [
        ("ask_3", "open"),
        ("ask_1", "open"),
        ("ask_2", "withdrawn"),
        ("ask_4", "expired"),
    ]
    assert [one["steps"] for one in found[:3]] == [["accept", "decline"]] * 2 + [[]]
