"""Why a page rang for somebody, and why not, in words."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from services.portal.on_call.reasons import names_of, why_not, why_stood_down, why_this
from shared.policy import OnCallPolicy

AT = datetime(2026, 3, 3, 3, tzinfo=UTC)


def person(name: str, *, verified: bool = True) -> dict[str, Any]:
    return {
        "email": f"{name}@example.com",
        "methods": [
            {
                "name": "phone",
                "channel": "webhook",
                "address": "https://phone.example/secret",
                "verified": verified,
            }
        ],
    }


def schedule(*people: str) -> dict[str, Any]:
    return {
        "zone": "UTC",
        "rotation": {"people": list(people), "starts_at": "2026-01-05T09:00:00Z", "every": "7d"},
    }


POLICY = OnCallPolicy.model_validate(
    {
        "people": {
            "ann": person("ann"),
            "ben": person("ben"),
            "cleo": person("cleo", verified=False),
            "dan": person("dan"),
            "eve": person("eve"),
        },
        "schedules": {"first": schedule("ann")},
        "escalation": {
            "support": {
                "steps": [
                    {"schedule": "first", "wait": "5m"},
                    {"person": "cleo", "wait": "5m"},
                    {"person": "ben", "wait": "5m"},
                ],
                "fallback": "dan",
            }
        },
    }
)


def page(**changes: Any) -> dict[str, Any]:
    known = {
        "escalation": "support",
        "state": "open",
        "step": 1,
        "round": 0,
        "acknowledged_by": None,
        "ended_by": None,
    }
    return {**known, **changes}


def test_a_person_is_known_by_their_address_whatever_its_case() -> None:
    assert names_of(POLICY, "Ann@Example.com") == {"ann"}
    assert (
        names_of(POLICY, "nobody@example.com") == frozenset() == names_of(None, "ann@example.com")
    )


@pytest.mark.parametrize(
    ("step", "round_", "name", "words"),
    [
        (1, 0, "ann", "step 1 of support: on call for first; it is the first step"),
        (
            3,
            0,
            "ben",
            "step 3 of support: the step names this person; nobody before had acknowledged in time, or could be reached",
        ),
        (
            1,
            1,
            "ann",
            "step 1 of support, round 2: on call for first; nobody before had acknowledged in time, or could be reached",
        ),
        (
            4,
            1,
            "dan",
            "the fallback of support: nobody before had acknowledged in time, or could be reached",
        ),
    ],
)
def test_why_it_rang(step: int, round_: int, name: str, words: str) -> None:
    assert why_this(page(), step, round_, {name}, POLICY, AT) == words


@pytest.mark.parametrize(
    ("email", "changes", "words"),
    [
        ("stranger", {}, "the on-call document names nobody with this address"),
        (
            "eve",
            {},
            "support asks whoever is on call for first, then cleo, then ben, in the end dan: that was somebody else",
        ),
        (
            "ben",
            {"state": "acknowledged", "acknowledged_by": "ann"},
            "ann acknowledged at step 1; theirs is step 3",
        ),
        ("ben", {}, "it is at step 1; theirs is step 3"),
        (
            "ben",
            {"state": "cancelled", "ended_by": "rita"},
            "it was cancelled by rita at step 1; theirs is step 3",
        ),
        ("cleo", {"step": 3}, "step 2 was theirs, and they have no verified contact method"),
        ("dan", {"step": 2}, "it is at step 2; theirs is step 4"),
        (
            "ben",
            {"escalation": "gone"},
            "it went by gone, which the document of that time does not have",
        ),
    ],
)
def test_why_it_did_not(email: str, changes: dict[str, Any], words: str) -> None:
    assert why_not(page(**changes), names_of(POLICY, f"{email}@example.com"), POLICY, AT) == words


SILENT = {"by": "mnt_1", "at": "2026-03-03T02:00:00Z", "until": None, "round": None}
RESTORED = {**SILENT, "until": "2026-03-03T03:00:00Z", "round": 1}


@pytest.mark.parametrize(
    ("step", "round_", "changes", "words"),
    [
        (
            1,
            1,
            {"silences": [RESTORED]},
            "step 1 of support: on call for first; a maintenance had silenced it, and it still fired afterwards",
        ),
        (
            1,
            2,
            {"silences": [RESTORED]},
            "step 1 of support, round 2: on call for first; nobody before had acknowledged in time, or could",
        ),
        (
            3,
            0,
            {"reopenings": [{"by": "ann", "at": "2026-03-03T03:00:00Z"}]},
            "person; it had been acknowledged, and nothing came of it",
        ),
    ],
)
def test_why_it_rang_again(step: int, round_: int, changes: dict[str, Any], words: str) -> None:
    assert words in why_this(page(**changes), step, round_, {"ann"}, POLICY, AT)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"state": "silenced", "silences": [SILENT]},
            "it is silent: maintenance mnt_1 covers what it is about, and it rings afterwards if it still fires",
        ),
        (
            {"state": "acknowledged", "acknowledged_by": "ann", "acknowledged_via": "email"},
            "ann acknowledged by a reply to the mail at step 1; theirs is step 3",
        ),
    ],
)
def test_why_it_did_not_for_the_newer_reasons(changes: dict[str, Any], words: str) -> None:
    assert why_not(page(**changes), {"ben"}, POLICY, AT) == words


def test_why_somebody_was_told_that_nothing_is_needed() -> None:
    over = page(
        state="resolved",
        ended_by="alertmanager",
        reason="the ticket was solved",
        silences=[RESTORED],
    )
    assert (
        why_stood_down(over, SILENT["at"] or "")
        == "maintenance mnt_1 had begun: the page went silent"
    )
    assert (
        why_stood_down(over, "2026-03-03T04:00:00Z")
        == "the page was resolved by alertmanager: the ticket was solved"
    )


def test_no_reason_tells_an_address_of_a_contact_method() -> None:
    told = [why_not(page(), {name}, POLICY, AT) for name in POLICY.people] + [
        why_this(page(), 1, 0, {"ann"}, POLICY, AT)
    ]
    assert "phone.example" not in "".join(told)
