"""Whose contact methods are whose business, and what the next version of the on-call document then
says.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from services.intake.contacts.methods import (
    MOST,
    MethodForm,
    method_of,
    methods_of,
    with_first,
    with_method,
    with_verified,
    without_method,
)
from services.intake.forms import fill
from services.intake.policies.check import check_policy
from shared.errors import Refused
from shared.events import Actor, Role
from shared.policy import OnCallPolicy
from shared.signed.contact_code import code_for

pytestmark = pytest.mark.costly

NOW = datetime.fromisoformat("2025-06-02T12:00:00Z")
SECRET = b"a secret of the tests"
PHONE = {
    "name": "phone",
    "channel": "webhook",
    "address": "https://pager.example/x",
    "verified": True,
}
MAIL = {"name": "mail", "channel": "email", "address": "p@example.com", "verified": False}
DOCUMENT: dict[str, Any] = {
    "people": {
        "primary": {"email": "Primary@example.com", "methods": [PHONE, MAIL]},
        "lead": {"email": "lead@example.com", "methods": [PHONE]},
    },
    "schedules": {
        "first": {
            "zone": "UTC",
            "rotation": {"people": ["primary"], "starts_at": "2025-06-02T00:00:00Z"},
        }
    },
    "escalation": {"support": {"steps": [{"schedule": "first", "wait": "5m"}], "fallback": "lead"}},
}
PRIMARY = Actor(email="primary@example.com", roles=(Role.ON_CALL,))
ADMIN = Actor(email="admin@example.com", roles=(Role.ADMIN,))


def form(channel: str, address: str, name: str = "new") -> MethodForm:
    return fill(MethodForm, {"name": name, "channel": channel, "address": address})


def names(document: dict[str, Any], person: str = "primary") -> list[tuple[str, bool]]:
    assert isinstance(check_policy("on-call", document, NOW).policy, OnCallPolicy)
    return [(method.name, method.verified) for method in methods_of(document, person, ADMIN)]


@pytest.mark.parametrize(
    ("channel", "address", "who"),
    [
        ("webhook", "https://pager.example/me", PRIMARY),
        ("email", "me@example.com", PRIMARY),
        ("sms", "+15550100", PRIMARY),
        ("voice", "+15550100", PRIMARY),
        ("pagerduty", "0123456789abcdef0123456789abcdef", PRIMARY),
        ("apprise", "ntfy://topic", ADMIN),
    ],
)
def test_a_new_method_is_last_and_not_verified(channel: str, address: str, who: Actor) -> None:
    changed = with_method(DOCUMENT, "primary", form(channel, address), who)
    assert names(changed) == [("phone", True), ("mail", False), ("new", False)]
    assert names(DOCUMENT) == [("phone", True), ("mail", False)], (
        "the version before stays as it was"
    )


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        (form("webhook", "ftp://pager.example"), "invalid"),
        (form("webhook", "javascript:alert(1)"), "invalid"),
        (form("email", "me@example.com, you@example.com"), "invalid"),
        (form("email", "me@example.com\nBcc: you@example.com"), "invalid"),
        (form("sms", "015550100"), "invalid"),
        (form("pagerduty", "short"), "invalid"),
        (form("apprise", "ntfy://topic"), "forbidden"),
        (form("email", "me@example.com", name="phone"), "method-exists"),
    ],
)
def test_what_cannot_be_added(asked: MethodForm, code: str) -> None:
    with pytest.raises(Refused) as refused:
        with_method(DOCUMENT, "primary", asked, PRIMARY)
    assert refused.value.code == code


@pytest.mark.parametrize("name", ["", "Phone", "a b", "-a", "x" * 33, "a/b"])
def test_a_name_is_one_word_in_lower_case(name: str) -> None:
    with pytest.raises(Refused, match="name"):
        form("email", "me@example.com", name=name)


def test_nobody_has_more_than_enough() -> None:
    document = DOCUMENT
    for number in range(MOST - 2):
        document = with_method(
            document, "primary", form("email", "me@example.com", name=f"m{number}"), PRIMARY
        )
    with pytest.raises(Refused, match="enough"):
        with_method(document, "primary", form("email", "me@example.com"), PRIMARY)


@pytest.mark.parametrize(
    ("person", "who"),
    [
        ("lead", PRIMARY),
        ("nobody", ADMIN),
        ("primary", Actor(email="ops@example.com", roles=(Role.OPS, Role.ON_CALL))),
    ],
)
def test_other_peoples_methods_are_not_there(person: str, who: Actor) -> None:
    with pytest.raises(Refused) as refused:
        methods_of(DOCUMENT, person, who)
    assert refused.value.status == 404


def test_the_last_verified_one_stays_until_there_is_another() -> None:
    with pytest.raises(Refused, match="last way"):
        without_method(DOCUMENT, "primary", "phone", PRIMARY)
    assert names(without_method(DOCUMENT, "primary", "mail", PRIMARY)) == [("phone", True)]
    code = code_for(SECRET, "primary", method_of(DOCUMENT, "primary", "mail", PRIMARY), NOW)
    both = with_verified(DOCUMENT, "primary", "mail", code, PRIMARY, SECRET, NOW)
    assert names(without_method(both, "primary", "phone", PRIMARY)) == [("mail", True)]
    with pytest.raises(Refused, match="no contact method"):
        without_method(DOCUMENT, "primary", "gone", PRIMARY)


def test_the_order_of_tries_is_chosen() -> None:
    assert names(with_first(DOCUMENT, "primary", "mail", PRIMARY)) == [
        ("mail", False),
        ("phone", True),
    ]


def test_a_code_verifies_its_method_alone() -> None:
    code = code_for(SECRET, "primary", method_of(DOCUMENT, "primary", "mail", PRIMARY), NOW)
    assert names(
        with_verified(DOCUMENT, "primary", "mail", f" {code[:4]} {code[4:]} ", PRIMARY, SECRET, NOW)
    ) == [
        ("phone", True),
        ("mail", True),
    ]
    moved = {
        **DOCUMENT,
        "people": {
            **DOCUMENT["people"],
            "primary": {
                "email": "primary@example.com",
                "methods": [{**MAIL, "address": "q@example.com"}],
            },
        },
    }
    for document, given, at in (
        (DOCUMENT, code, NOW + timedelta(minutes=21)),
        (DOCUMENT, "0" * 8, NOW),
        (moved, code, NOW),
    ):
        with pytest.raises(Refused) as refused:
            with_verified(document, "primary", "mail", given, PRIMARY, SECRET, at)
        assert refused.value.code == "wrong-code"
