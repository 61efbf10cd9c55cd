"""On call by forms: what they show is what is kept, gaps are shown while a schedule is edited, and
what would leave nobody is refused or said.
"""

from __future__ import annotations

from typing import Any

import pytest

from services.portal.admin.policies import rota as forms
from services.portal.admin.policies.on_call_page import look_ahead
from shared.policy import OnCallPolicy
from tests.support.administering import Office, headers_of
from tests.unit.intake.building import NOW, POLICIES, Bench
from tests.unit.portal.test_admin_policies import editor_of, table_of

pytestmark = pytest.mark.costly

DOCUMENT: dict[str, Any] = POLICIES["on-call"]
HERE = "/admin/on-call"
DAY = {"opens": "09:00", "closes": "17:00"}
LAYERED = {
    **DOCUMENT,
    "schedules": {
        **DOCUMENT["schedules"],
        "days": {
            "zone": "Europe/Berlin",
            "layers": [
                {
                    "name": "base",
                    "rotation": {
                        "people": ["primary", "lead"],
                        "starts_at": "2025-01-06T09:00:00+01:00",
                        "months": 1,
                    },
                },
                {
                    "name": "night",
                    "rotation": {
                        "people": ["secondary"],
                        "starts_at": "2025-01-06T22:00:00+01:00",
                        "every": "12h",
                    },
                    "week": {"mon": [{"opens": "22:00", "closes": "06:00"}]},
                },
            ],
            "overrides": [
                {
                    "person": "ops",
                    "since": "2026-12-24T00:00:00Z",
                    "until": "2026-12-25T00:00:00Z",
                }
            ],
            "asks": [
                {
                    "id": "ask_1",
                    "by": "primary",
                    "since": "2026-12-26T00:00:00Z",
                    "until": "2026-12-27T00:00:00Z",
                    "asked_at": "2026-12-20T00:00:00Z",
                }
            ],
        },
    },
}


@pytest.mark.parametrize("name", LAYERED["schedules"])
def test_a_schedule_survives_its_own_form(name: str) -> None:
    values = forms.schedule_values(LAYERED["schedules"][name])

    assert forms.with_schedule(LAYERED, name, values) == (LAYERED, {})


@pytest.mark.parametrize("name", DOCUMENT["escalation"])
def test_an_escalation_survives_its_own_form(name: str) -> None:
    values = forms.escalation_values(DOCUMENT["escalation"][name])

    assert forms.with_escalation(DOCUMENT, name, values) == (DOCUMENT, {})


@pytest.mark.parametrize("name", DOCUMENT["people"])
def test_a_person_survives_their_own_form(name: str) -> None:
    values = forms.person_values(DOCUMENT["people"][name])

    assert forms.with_person(DOCUMENT, name, values) == (DOCUMENT, {})


GOOD = {
    "zone": "Europe/Berlin",
    "1.people": "primary, lead",
    "1.starts_at": "2026-11-23T09:00",
    "1.every": "7d",
    "1.week": "mon-fri 09:00-17:00",
}


@pytest.mark.parametrize(
    ("change", "field", "said"),
    [
        ({"zone": "Berlin"}, "zone", "IANA"),
        ({"1.people": ""}, "1.people", "at least one person"),
        ({"1.people": "primary, nemo"}, "1.people", "nemo is not among the people"),
        ({"1.starts_at": ""}, "1.starts_at", "when the first turn begins"),
        ({"1.week": "weekdays 09:00-17:00"}, "1.week", "write mon 09:00-17:00"),
        ({"1.week": "mon nine to five"}, "1.week", "no hours"),
    ],
)
def test_a_mistake_in_a_schedule_is_said_beside_its_field(
    change: dict[str, str], field: str, said: str
) -> None:
    _, errors = forms.with_schedule(DOCUMENT, "days", {**GOOD, **change})

    assert list(errors) == [field]
    assert said in errors[field]


def test_the_first_turn_begins_at_the_zones_local_time() -> None:
    made, _ = forms.with_schedule(DOCUMENT, "days", GOOD)
    (layer,) = made["schedules"]["days"]["layers"]

    assert layer["rotation"]["starts_at"] == "2026-11-23T09:00:00+01:00"
    assert layer["week"] == {day: [DAY] for day in ("mon", "tue", "wed", "thu", "fri")}
    OnCallPolicy.model_validate(made)


@pytest.mark.parametrize(
    ("week", "days"),
    [
        ("fri-mon 09:00-17:00", {"fri", "sat", "sun", "mon"}),
        ("sun-mon 09:00-17:00", {"sun", "mon"}),
        ("tue-mon 09:00-17:00", {"mon", "tue", "wed", "thu", "fri", "sat", "sun"}),
        ("sat 09:00-17:00", {"sat"}),
    ],
)
def test_days_may_go_over_the_end_of_the_week(week: str, days: set[str]) -> None:
    made, errors = forms.with_schedule(DOCUMENT, "days", {**GOOD, "1.week": week})
    (layer,) = made["schedules"]["days"]["layers"]

    assert (errors, set(layer["week"])) == ({}, days)


def test_gaps_of_a_schedule_are_shown_while_it_is_edited() -> None:
    days, _ = forms.with_schedule(DOCUMENT, "days", GOOD)
    whole, _ = forms.with_schedule(DOCUMENT, "days", {**GOOD, "1.week": ""})

    gaps = look_ahead(days, "days", NOW)
    assert gaps is not None
    assert (len(gaps["gaps"]), gaps["more"] > 50) == (10, True)
    none = look_ahead(whole, "days", NOW.replace(day=24))
    assert none is not None
    assert none["gaps"] == []
    assert look_ahead({}, "days", NOW) is None


async def test_a_schedule_is_made_by_forms_alone() -> None:
    bench = Bench(empty=True)
    account = {"email": "admin@example.com", "plan": "premier", "roles": ["admin"]}
    bench.log.holds("accounts", "admin@example.com", account)

    async def apply(office: Office, shown: Any) -> None:
        assert shown.status_code == 200, table_of(shown.text)
        draft = editor_of(shown.text)
        applied = await office.send("/admin/policies/on-call", {**draft, "does": "apply"})
        assert applied.status_code == 303, table_of(applied.text)

    async with Office(bench) as office:
        early = await office.get(f"{HERE}/people")
        assert early.headers["location"] == HERE, "without an escalation nobody can be added"
        assert "Wake me by e-mail, to begin with" in (await office.get(HERE)).text
        await office.post("/admin/begin", name="on-call")
        person = {"name": "ann", "email": "ann@shop.example", "made_of": "1"}
        await apply(office, await office.send(f"{HERE}/people", person))
        schedule = {**GOOD, "name": "days", "1.people": "ann, administrator", "1.week": ""}
        shown = await office.send(f"{HERE}/schedules", {**schedule, "made_of": "2"})
        await apply(office, shown)
        steps = {
            "standing": "support",
            "1.whom": "schedule:days",
            "1.wait": "5m",
            "2.whom": "person:administrator",
            "2.wait": "10m",
            "repeat": "2",
            "fallback": "administrator",
            "made_of": "3",
        }
        await apply(office, await office.send(f"{HERE}/escalation", steps))

        found = bench.log.policies.get("on-call")
        assert found is not None
        policy = OnCallPolicy.model_validate(found.document)
        assert [step.schedule or step.person for step in policy.escalation["support"].steps] == [
            "days",
            "administrator",
        ]
        page = (await office.get(HERE)).text
        assert "ann has no verified contact method" in page.lower()
        assert "Send a code" in page


async def test_somebody_who_is_still_named_cannot_be_taken_out() -> None:
    async with Office() as office:
        form = {"standing": "lead", "made_of": "1", "does": "remove"}
        answer = await office.send(f"{HERE}/people", form)

        assert answer.status_code == 422
        assert "'lead' is not among the people" in " ".join(table_of(answer.text))


async def test_the_preview_is_drawn_alone_for_a_script_and_in_the_page_without() -> None:
    form = {**GOOD, "name": "days", "made_of": "1", "does": "preview"}
    async with Office() as office:
        page = await office.send(f"{HERE}/schedules", form)
        assert "Nobody is on call at times" in page.text
        assert "<html" in page.text
        headers = {**headers_of("admin"), "hx-request": "true"}
        headers["content-type"] = "application/x-www-form-urlencoded"
        part = await office._client.post(
            f"{HERE}/schedules", content=page.request.content, headers=headers
        )
        assert "Nobody is on call at times" in part.text
        assert "<html" not in part.text
        assert office.bench.log.on("policies") == []
