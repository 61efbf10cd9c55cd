"""Who may have a notice sent once more, and which."""

from __future__ import annotations

import pytest

from services.intake.subscriptions.redeliver import check
from services.intake.world.portal_view import SentNotice
from shared.errors import Refused
from shared.events import Actor, Role

STAFF = Actor(email="agent@example.com", roles=(Role.AGENT,))
OWN = Actor(email="rae@redisco.example", roles=(Role.PROVIDER,), provider="redisco")
OTHER = Actor(email="mel@mailgrid.example", roles=(Role.PROVIDER,), provider="mailgrid")
CUSTOMER = Actor(email="ann@example.com")
HOOK = SentNotice("provider:redisco", "webhook", "failed")


@pytest.mark.parametrize(
    ("actor", "found", "status"),
    [
        (STAFF, HOOK, None),
        (OWN, HOOK, None),
        (STAFF, SentNotice("provider:redisco", "webhook", "delivered"), None),
        (STAFF, SentNotice("ann@example.com", "mail", "failed"), None),
        (OTHER, HOOK, 404),
        (CUSTOMER, HOOK, 404),
        (OWN, SentNotice("agents@redisco.example", "mail", "failed"), 404),
        (STAFF, None, 404),
        (STAFF, SentNotice("provider:redisco", "webhook", "retrying"), 409),
        (STAFF, SentNotice("provider:redisco", "webhook", "suppressed"), 409),
        (STAFF, SentNotice("ann@example.com", "mail", "delivered"), 409),
    ],
)
def test_who_may_and_what(actor: Actor, found: SentNotice | None, status: int | None) -> None:
    if status is None:
        check(actor, found)
        return
    with pytest.raises(Refused) as refused:
        check(actor, found)
    assert refused.value.status == status
