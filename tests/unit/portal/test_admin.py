"""The overview: what is missing is said, with the page where it is mended; and it is for
administrators alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

import pytest

from services.portal.admin.areas import SetupState, areas, next_after
from shared.policy import DeskPolicy, OnCallPolicy
from shared.policy.writing.documents import MODELS
from tests.support.administering import Office
from tests.unit.intake.building import NOW, POLICIES, Bench

pytestmark = pytest.mark.costly

NOTHING = SetupState(
    desk=None,
    on_call=None,
    components=None,
    is_named=False,
    roles={},
    customers=0,
    apps=0,
    providers=0,
    support_address="support@signalbox.example",
    relay=("127.0.0.1", 8026),
    demo=False,
)


def test_every_area_of_an_empty_installation_lacks_something() -> None:
    found = areas(NOTHING, NOW)

    assert [area.key for area in found if area.is_done] == []
    assert {area.offer for area in found if area.offer} == {"default", "on-call", "components"}
    assert all(said.endswith(".") for area in found for said in area.lacks)


def test_the_steps_are_walked_in_order_and_skipped() -> None:
    found = areas(NOTHING, NOW)
    walked, key = [], ""
    while (step := next_after(found, key)) is not None:
        walked.append(step.key)
        key = step.key

    assert walked == [area.key for area in found]


def lacks(key: str, **fields: object) -> tuple[str, ...]:
    known = SetupState(**{**vars(NOTHING), **fields})  # type: ignore[arg-type]
    return next(area.lacks for area in areas(known, NOW) if area.key == key)


def with_calendar(**calendar: object) -> DeskPolicy:
    calendars = {**POLICIES["default"]["calendars"]}
    calendars["business"] = {**calendars["business"], "holidays": None, **calendar}
    return DeskPolicy.model_validate({**POLICIES["default"], "calendars": calendars})


@pytest.mark.parametrize(
    ("calendar", "is_missing"),
    [
        ({}, True),
        ({"holidays": "US"}, False),
        ({"extra_holidays": ["2025-12-25"]}, True),
        ({"extra_holidays": ["2026-12-25"]}, False),
        ({"special": {"2026-12-24": "closed"}}, False),
    ],
)
def test_a_calendar_without_this_year_is_named(
    calendar: dict[str, object], is_missing: bool
) -> None:
    said = lacks("hours", desk=with_calendar(**calendar))

    assert said == (("business: no holidays in 2026.",) if is_missing else ())


def test_a_schedule_with_nobody_now_is_named() -> None:
    schedule = {
        "zone": "UTC",
        "layers": [
            {
                "name": "day",
                "rotation": {"people": ["primary"], "starts_at": "2025-01-06T09:00:00Z"},
                "week": {"mon": [{"opens": "09:00", "closes": "17:00"}]},
            }
        ],
    }
    document = {
        "people": POLICIES["on-call"]["people"],
        "schedules": {"days": schedule},
        "escalation": {},
    }
    policy = OnCallPolicy.model_validate(document)

    assert lacks("on-call", on_call=policy) == (
        "No escalation: an urgent ticket wakes nobody.",
        "days: nobody is on call now.",
    )


def test_addresses_of_the_demo_count_only_there() -> None:
    assert len(lacks("mail")) == 2
    assert lacks("mail", demo=True) == ()
    assert lacks("mail", support_address="help@shop.test", relay=("relay", 25)) == ()


async def test_the_overview_of_an_empty_installation_offers_ours_and_publishes_it_once() -> None:
    bench = Bench(empty=True)
    bench.log.holds(
        "accounts",
        "admin@example.com",
        {"email": "admin@example.com", "plan": "premier", "roles": ["admin"]},
    )
    async with Office(bench) as office:
        page = (await office.get("/admin")).text
        assert "No opening hours: no ticket can be taken yet." in page
        assert "Publish ours, to begin with" in page

        for name in ("default", "components", "on-call"):
            answer = await office.post("/admin/begin", name=name)
            assert (answer.status_code, answer.headers["location"]) == (303, f"/admin?done={name}")
        again = await office.post("/admin/begin", name="default")

        assert again.status_code == 409
        assert "not published over it" in again.text
        published = bench.log.policies.get("default")
        assert published is not None
        assert (published.version, published.note) == (1, "ours, to begin with")
        on_call = bench.log.policies.get("on-call")
        assert on_call is not None
        assert on_call.document["people"]["administrator"]["email"] == "admin@example.com"
        first = await office.get("/admin/next?after=mail")
        assert first.headers["location"] == "/admin/directory/accounts?role=staff&setup=agents"


OTHERS = ("free", "stranger", "redisco", "agent", "reviewer", "csa", "primary", "ops")
PAGES = [
    "/admin",
    "/admin/next",
    "/admin/directory/accounts",
    "/admin/directory/apps",
    "/admin/directory/providers",
    "/admin/directory/teams",
    "/admin/directory/accounts/agent@example.com",
    "/admin/new/apps",
    "/admin/upload",
    "/admin/tokens",
    "/admin/on-call",
    "/admin/on-call/people",
    "/admin/on-call/schedules?name=ops",
    "/admin/on-call/escalation?name=support",
    "/admin/mail",
    "/admin/policies/brand/form",
    "/admin/policies",
    "/admin/policies/default",
    "/admin/policies/default?version=1",
    "/admin/policies/default/history",
]
FOR_OPS_TOO = {
    path for path in PAGES if path.startswith("/admin/policies") and not path.endswith("/form")
}
PAGES.append("/admin/policies/default/hours")


@pytest.mark.parametrize("path", PAGES)
async def test_pages_are_for_those_who_may(path: str) -> None:
    async with Office() as office:
        for who in OTHERS:
            answer = await office.get(path, who)
            wanted = 200 if who == "ops" and path in FOR_OPS_TOO else 404
            assert answer.status_code == wanted, (who, path)
        assert (await office.get(path)).status_code in (200, 303)


_VALUES = {
    "kind": "accounts",
    "doc_id": "agent@example.com",
    "token_id": "f" * 64,
    "name": "default",
    "key": "people",
    "slug": "redisco",
}


async def test_every_form_of_the_administration_is_for_administrators_alone() -> None:
    """By the routes there are, so that none is forgotten."""
    async with Office() as office:
        paths = {
            re.sub(r"{(\w+)(:path)?}", lambda found: _VALUES[found[1]], route.path)
            for route in flat(office.app.routes)
            if route.path.startswith("/admin") and "POST" in (route.methods or ())
        }
        assert len(paths) >= 12, paths
        for path in sorted(paths):
            for who in OTHERS:
                answer = await office.send(path, {"does": "apply"}, who)
                assert answer.status_code == 404, (who, path)
        assert office.bench.log.written == []


def flat(routes: Iterable[Any]) -> Iterator[Any]:
    """Every route with a path and methods, those of included routers too."""
    for route in routes:
        inner = getattr(route, "original_router", None)
        if inner is not None:
            yield from flat(inner.routes)
        elif hasattr(route, "methods"):
            yield route


@pytest.mark.parametrize("name", MODELS)
async def test_every_document_can_be_begun_with_ours(name: str) -> None:
    bench = Bench(empty=True)
    account = {"email": "admin@example.com", "plan": "premier", "roles": ["admin"]}
    bench.log.holds("accounts", "admin@example.com", account)
    async with Office(bench) as office:
        assert f'value="{name}"' in (await office.get("/admin/policies")).text
        assert (await office.post("/admin/begin", name=name)).status_code == 303
        assert f'value="{name}"' not in (await office.get("/admin/policies")).text
