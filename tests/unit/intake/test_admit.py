"""Admission: who gets in, what is recorded, and what the asker is told."""

from typing import Any

import pytest

from services.intake.domain import NOT_A_COLLABORATOR, RequestContext, World, admit
from services.intake.forms import TicketForm, fill
from shared.errors import Refused
from shared.events import Actor, Plan, Priority, Stage
from tests.unit.intake.building import NOW, Bench

REFERENCE = Bench().reference
COMPLETE: dict[str, Any] = {
    "access_granted": True,
    "users_affected": "all of them",
    "business_impact": "no sales",
    "steps_to_reproduce": "open the page",
    "seen_in_staging": "no",
    "staging_differences": "a larger database in production",
    "began_at": "2026-11-22 02:50:00 UTC",
    "logs": "2026-11-22T02:50:00Z H10",
    "configuration": "WEB_CONCURRENCY=4",
    "third_party_services": [],
}


def world(name: str, app: str | None, addon: str | None = None) -> World:
    account = REFERENCE.directory.account(f"{name}@example.com")
    assert account is not None
    known = REFERENCE.directory.app(app) if app else None
    attached = tuple(
        p for slug in (known.addons if known else ()) if (p := REFERENCE.directory.provider(slug))
    )
    return World(
        account,
        known,
        REFERENCE.directory.provider(addon) if addon else None,
        attached,
        REFERENCE.rules(),
    )


def submit(name: str, app: str | None = None, key: str = "k", **fields: Any) -> Any:
    form = fill(
        TicketForm,
        {
            "subject": "Down",
            "body": "It is down for everybody since this morning.",
            **({"app": app} if app else {}),
            **fields,
        },
    )
    return admit(
        form,
        world(name, app, fields.get("addon")),
        RequestContext(Actor(email=f"{name}@example.com"), NOW, key, "digest"),
    )


@pytest.mark.parametrize(
    ("name", "app", "priority", "pages"),
    [
        ("premier", "premier-production", "urgent", True),
        ("premier", None, "urgent", True),
        ("premier", "premier-staging", "urgent", False),
        ("premier", "premier-production", "high", False),
        ("premier", "premier-production", None, False),
        ("legacy", "legacy-production", "urgent", True),
        ("enterprise", "enterprise-production", "urgent", False),
        ("premium", "premium-production", "urgent", False),
        ("free", "free-production", "urgent", False),
    ],
)
def test_who_is_entitled_to_wake_somebody(
    name: str, app: str | None, priority: str | None, pages: bool
) -> None:
    assert submit(name, app, **({"priority": priority} if priority else {})).request.pages is pages


@pytest.mark.parametrize(
    ("name", "app"),
    [
        ("stranger", "premier-production"),
        ("premier", "free-production"),
        ("premier", "no-such-app"),
        ("stranger", "no-such-app"),
    ],
)
def test_an_app_of_others_and_an_app_that_is_not_there_are_refused_alike(
    name: str, app: str
) -> None:
    with pytest.raises(Refused) as refusal:
        submit(name, app)
    assert (refusal.value.code, refusal.value.status, refusal.value.detail) == (
        "not-a-collaborator",
        403,
        NOT_A_COLLABORATOR,
    )
    assert app not in refusal.value.detail


def test_a_collaborator_gets_in() -> None:
    assert (
        submit("enterprise", "premier-production").request.admission.app_owner
        == "premier@example.com"
    )


def test_an_unknown_addon_is_refused_at_its_field() -> None:
    with pytest.raises(Refused) as refusal:
        submit("premier", "premier-production", addon="nosuch")
    assert refusal.value.status == 422
    assert refusal.value.extra["errors"] == [
        {"pointer": "#/addon", "detail": "not an add-on we know"}
    ]


def test_the_facts_known_stand_in_the_request() -> None:
    request = submit("premier", "premier-production", addon="redisco").request
    facts = request.admission
    assert (facts.plan, facts.app_stage, facts.requester_name) == (
        Plan.PREMIER,
        Stage.PRODUCTION,
        "Priya Premier",
    )
    assert {addon.slug for addon in facts.addons} == {"redisco", "mailgrid", "logdrain"}
    assert "redis" in next(addon for addon in facts.addons if addon.slug == "redisco").aliases
    assert (request.policy, request.at, request.digest) == (
        {"components": 1, "default": 1, "on-call": 1},
        NOW,
        "digest",
    )


def test_the_same_key_makes_the_same_ids_and_another_key_or_account_others() -> None:
    first, again, other = (submit("premier", key=key).request for key in ("a", "a", "b"))
    assert (first.key, first.id) == (again.key, again.id)
    assert len({first.key, other.key, submit("free", key="a").request.key}) == 3


def test_two_collaborators_with_one_broken_app_share_a_lane() -> None:
    lanes = {submit(name, "premier-production").request.lane for name in ("premier", "enterprise")}
    assert len(lanes) == 1
    assert submit("premier", "premier-staging").request.lane not in lanes


@pytest.mark.parametrize(
    ("name", "app", "fields", "says"),
    [
        (
            "free",
            "free-production",
            {"priority": "high"},
            "a free account cannot choose a priority",
        ),
        (
            "premier",
            "premier-staging",
            {"priority": "urgent"},
            "urgent is for production apps only",
        ),
        ("enterprise", "enterprise-production", {"priority": "urgent"}, "pages nobody"),
        ("premier", None, {"addon": "redisco"}, "because no app is named"),
        ("premier", "premier-production", {"priority": "urgent"}, "access_granted"),
    ],
)
def test_what_is_taken_with_a_word_of_warning(
    name: str, app: str | None, fields: dict[str, Any], says: str
) -> None:
    assert any(says in warning for warning in submit(name, app, **fields).warnings)


def test_an_ordinary_ticket_and_a_complete_urgent_one_have_no_warning() -> None:
    assert submit("free", "free-production").warnings == ()
    assert (
        submit("premier", "premier-production", priority="urgent", urgent=COMPLETE).warnings == ()
    )


def test_a_free_account_keeps_what_it_asked_for_on_record() -> None:
    assert submit("free", priority="urgent").request.priority is Priority.URGENT


@pytest.mark.parametrize("item", sorted(COMPLETE))
def test_each_missing_item_is_asked_for(item: str) -> None:
    given = {name: value for name, value in COMPLETE.items() if name != item}
    (warning,) = submit("premier", "premier-production", priority="urgent", urgent=given).warnings
    assert item in warning


def test_times_are_recorded_with_the_request_and_an_unclear_one_is_asked_back() -> None:
    pst = submit(
        "premier", priority="urgent", urgent={**COMPLETE, "began_at": "2026-11-21 18:50 PST"}
    )
    assert [(read.field, str(read.utc)) for read in pst.request.times] == [
        ("began_at", "2026-11-22 02:50:00+00:00"),
        ("logs", "2026-11-22 02:50:00+00:00"),
    ]
    assert pst.warnings == ()
    ist = submit(
        "premier", priority="urgent", urgent={**COMPLETE, "began_at": "2026-11-22 08:20 IST"}
    )
    assert ist.request.times[0].utc is None
    assert "India" in ist.warnings[0]
    guessed = submit("premier", priority="urgent", urgent={**COMPLETE, "began_at": "02:50 UTC"})
    assert "Please reply if that is wrong" in guessed.warnings[0]
