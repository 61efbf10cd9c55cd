"""What somebody is told by mail, as their page says it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from services.portal.account.notifications import (
    LEAVABLE,
    describe_notifications,
    list_stopped_mail,
)
from shared.events import Actor, Role
from shared.people.subscriptions import (
    KIND,
    OptOut,
    Stop,
    Subscription,
    Wish,
    opt_out_id,
    stop_id,
    subscription_id,
)

AT = datetime(2026, 3, 3, 15, tzinfo=UTC)
ANN = Actor(email="Ann@example.com")
PARTS = {"routing": "Routing", "api": "API"}
APPS: list[dict[str, Any]] = [
    {"name": "shop", "addons": ["redisco", "mailgrid"]},
    {"name": "blog", "addons": ["redisco"]},
    {"name": "bare", "addons": None},
]


class Directory:
    def __init__(self, subscriptions: dict[str, dict[str, Any]] | None = None) -> None:
        self.documents: dict[tuple[str, str], dict[str, Any]] = {
            ("providers", "redisco"): {"name": "Redisco", "agent_email": "in@redisco.example"},
            **{(KIND, key): document for key, document in (subscriptions or {}).items()},
        }

    def get(self, kind: str, doc_id: str) -> dict[str, Any] | None:
        return self.documents.get((kind, doc_id))


OURS = subscription_id("ann@example.com")
ASKED = Subscription(kind="email", target="ann@example.com", wish=Wish(components=("api",), at=AT))


@pytest.mark.parametrize(
    ("subscription", "on", "waits", "chosen"),
    [
        (None, False, False, []),
        (ASKED, False, True, []),
        (ASKED.confirmed(AT), True, False, ["api"]),
        (ASKED.asked(Wish(at=AT)).confirmed(AT), True, False, []),
    ],
)
def test_status_updates(
    subscription: Subscription | None, on: bool, waits: bool, chosen: list[str]
) -> None:
    directory = Directory({OURS: subscription.kept()} if subscription else {})
    status = describe_notifications(ANN, directory, [], PARTS)["status"]
    assert (status["on"], status["waits"]) == (on, waits)
    assert [part["id"] for part in status["components"]] == ["routing", "api"]
    assert [part["id"] for part in status["components"] if part["chosen"]] == chosen
    assert (status["since"] is not None) is on


def test_announcements_are_by_provider_with_the_apps_they_come_of() -> None:
    left = OptOut(provider="redisco", email="ann@example.com", at=AT).kept()
    found = describe_notifications(
        ANN, Directory({opt_out_id("redisco", "ANN@example.com"): left}), APPS, {}
    )["announcements"]
    assert [(each["provider"], each["name"], each["apps"], each["wanted"]) for each in found] == [
        ("mailgrid", "mailgrid", ["shop"], True),
        ("redisco", "Redisco", ["blog", "shop"], False),
    ]
    assert found[1]["since"] == left["at"]
    assert LEAVABLE == ("feature", "survey")


def test_that_mail_is_stopped_is_said_with_the_reason() -> None:
    stop = Stop(email="ann@example.com", why="bounced", said="550 no such user", at=AT).kept()
    assert describe_notifications(ANN, Directory(), [], {})["stopped"] is None
    found = describe_notifications(ANN, Directory({stop_id("ann@example.com"): stop}), [], {})[
        "stopped"
    ]
    assert (found["why"], found["said"]) == ("bounced", "550 no such user")


BEN = "ben@example.com"
STOPS = {
    stop_id(who): Stop(email=who, why=why, said="550 x", at=AT).kept()  # type: ignore[arg-type]
    for who, why in (("ann@example.com", "bounced"), (BEN, "complained"))
}


@pytest.mark.parametrize(
    ("standing", "actor", "shown"),
    [
        ("staff", "agent@example.com", [("ann@example.com", "550 x"), (BEN, "550 x")]),
        ("provider", "rae@example.com", [("ann@example.com", ""), (BEN, "")]),
        ("customer", "Ben@example.com", [(BEN, "550 x")]),
        ("customer", "cat@example.com", []),
    ],
)
def test_a_ticket_says_who_on_it_gets_no_mail(
    standing: str, actor: str, shown: list[tuple[str, str]]
) -> None:
    ticket = {"standing": standing, "requester": "Ann@example.com", "participants": [BEN]}
    found = list_stopped_mail(ticket, Directory(STOPS), Actor(email=actor))
    assert [(stop["email"], stop["said"]) for stop in found] == shown
    assert list_stopped_mail(ticket, Directory(), Actor(email=actor)) == []


@pytest.mark.parametrize(
    ("actor", "side", "mailbox"),
    [
        (ANN, "customer", None),
        (Actor(email="agent@example.com", roles=(Role.AGENT,)), "staff", None),
        (
            Actor(email="rae@example.com", roles=(Role.PROVIDER,), provider="redisco"),
            "provider",
            "in@redisco.example",
        ),
    ],
)
def test_where_the_news_of_tickets_go(actor: Actor, side: str, mailbox: str | None) -> None:
    found = describe_notifications(actor, Directory(), [], {})
    assert (found["side"], found["mailbox"]) == (side, mailbox)
