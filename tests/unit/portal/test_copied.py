"""Who was in copy of a mail is offered to be asked: to its writer and to staff, and nobody else."""

from __future__ import annotations

from typing import Any

import pytest

from services.portal.tickets.copied import find_copied
from shared.events import Actor, Role

OWN = "support@help.example.com"
ACCOUNTS = {
    "agent@example.com": {"roles": ["agent"]},
    "rae@redisco.example": {"roles": ["provider"], "provider": "redisco"},
}
TICKET: dict[str, Any] = {
    "requester": "ann@example.org",
    "participants": ["Ben@example.org"],
    "asked": [{"email": "dan@example.org"}],
}
WRITER, STAFF = Actor(email="Ann@example.org"), Actor(email="s@example.com", roles=(Role.AGENT,))
OTHER = Actor(email="ben@example.org")


class People:
    def get(self, kind: str, name: str) -> Any:
        return ACCOUNTS.get(name) if kind == "accounts" else None


def offered(actor: Actor, *cc: str, verified: bool | None = True) -> list[str]:
    mail = {"sender": "ann@example.org", "cc": list(cc), "verified": verified}
    return find_copied([mail], People(), TICKET, actor, OWN)


@pytest.mark.parametrize(
    "left_out",
    [
        "SUPPORT@help.example.com",
        "ann@example.org",
        "ben@example.org",
        "Dan@example.org",
        "agent@example.com",
        "rae@redisco.example",
    ],
)
def test_who_is_not_offered(left_out: str) -> None:
    assert offered(STAFF, left_out, "cy@example.org") == ["cy@example.org"]


def test_the_writer_and_staff_are_offered_it_and_others_on_the_ticket_learn_nothing() -> None:
    assert offered(WRITER, "Cy@example.org", "cy@EXAMPLE.org") == ["Cy@example.org"]
    assert offered(STAFF, "cy@example.org") == ["cy@example.org"]
    assert offered(OTHER, "cy@example.org") == []


def test_a_sender_nobody_vouches_for_proposes_nobody() -> None:
    assert offered(STAFF, "cy@example.org", verified=False) == []
    assert offered(STAFF, "cy@example.org", verified=None) == ["cy@example.org"]


def test_few_are_offered_however_many_were_in_copy() -> None:
    assert len(offered(STAFF, *(f"p{n}@example.org" for n in range(30)))) == 5
