"""How many a message reaches is what the courier would tell."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.portal.incidents.reach import Reach, reach_of_announcement, reach_of_update
from shared.people.subscriptions import KIND, opt_out_id, stop_id

NOW = datetime(2026, 11, 30, tzinfo=UTC)


class Known:
    def __init__(self, **kinds: dict[str, Any]) -> None:
        self._kinds = kinds

    def get(self, kind: str, doc_id: str) -> Mapping[str, Any] | None:
        return self._kinds.get(kind, {}).get(doc_id)

    def all(self, kind: str | None = None) -> Mapping[str, Mapping[str, Any]]:
        return self._kinds.get(kind or "", {})


def subscription(
    target: str, *components: str, kind: str = "email", ago: int = 1
) -> dict[str, Any]:
    return {
        "what": "subscription",
        "kind": kind,
        "target": target,
        "components": list(components),
        "confirmed_at": (NOW - timedelta(days=ago)).isoformat(),
    }


DIRECTORY = Known(
    apps={
        "shop": {
            "owner": "Ann@x.example",
            "collaborators": ["bob@x.example"],
            "addons": ["redisco"],
        },
        "blog": {"owner": "ann@x.example", "collaborators": [], "addons": ["redisco", "mailgrid"]},
        "bare": {"owner": "carl@x.example", "collaborators": []},
    },
    **{
        KIND: {
            "sub_1": subscription("ann@x.example"),
            "sub_2": subscription("dora@x.example", "routing"),
            "sub_3": subscription("https://x.example/hook", kind="webhook"),
            "sub_4": subscription("later@x.example", ago=-1),
            "sub_5": {**subscription("x@x.example"), "confirmed_at": None},
            opt_out_id("redisco", "bob@x.example"): {"what": "opt-out"},
            stop_id("dora@x.example"): {"what": "stop"},
        }
    },
)


@pytest.mark.parametrize(
    ("critical", "reach"),
    [(True, Reach(mails=2)), (False, Reach(mails=1, opted_out=1))],
)
def test_an_announcement_reaches_the_people_of_the_apps_each_once(
    critical: bool, reach: Reach
) -> None:
    assert reach_of_announcement(DIRECTORY, "redisco", critical=critical) == reach


@pytest.mark.parametrize(
    ("components", "addons", "reach"),
    [
        (["routing"], [], Reach(mails=1, webhooks=1, stopped=1)),
        (["builds"], [], Reach(mails=1, webhooks=1)),
        ([], [], Reach(mails=1, webhooks=1, stopped=1)),
        (["redis"], ["redisco"], Reach(mails=2, webhooks=1)),
    ],
)
def test_an_update_reaches_subscribers_of_its_components_and_the_add_ons_users(
    components: list[str], addons: list[str], reach: Reach
) -> None:
    assert reach_of_update(DIRECTORY, components, addons, NOW) == reach
