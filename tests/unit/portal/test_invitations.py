"""What the form of an invitation asks for."""

from __future__ import annotations

from typing import Any

import pytest

from services.portal.sign_in.invitations_page import invitation_of

ALL = {
    "email": " a@b.example ",
    "name": "Ann",
    "plan": "premier",
    "provider": "redisco",
    "role.agent": "yes",
    "role.admin": "yes",
}


@pytest.mark.parametrize(
    ("kind", "asked"),
    [
        ("customer", {"roles": [], "plan": "premier"}),
        ("staff", {"roles": ["agent", "admin"]}),
        ("provider", {"roles": ["provider"], "provider": "redisco"}),
        ("emperor", {"roles": []}),
    ],
)
def test_only_the_fields_of_the_kind_chosen_count(kind: str, asked: dict[str, Any]) -> None:
    assert invitation_of({**ALL, "kind": kind}) == {"email": "a@b.example", "name": "Ann", **asked}
