"""A test mail goes to whoever asked; a test event to the provider's webhook, or a record says why
not.
"""

from __future__ import annotations

from typing import Any

import pytest

from services.notifier.mail import letter
from services.notifier.notices import Notice, SuppressedNotice, notices_for
from services.notifier.notices.told import NO_PROVIDER, NO_WEBHOOK
from shared.events import Actor, TestNotice
from shared.ids import notice_id
from tests.unit.notifier_courier.test_notices import AT, HOUSE, MAIL_SENDER
from tests.unit.notifier_courier.test_sign_in_notices import ANN, KNOWN

HOOK = "https://hooks.redisco.example/in"


class Providers:
    def __init__(self, **document: Any) -> None:
        self._document = document or None

    def get(self, kind: str, id_: str) -> dict[str, Any] | None:
        return self._document if (kind, id_) == ("providers", "redisco") else None

    def ids(self, kind: str) -> list[str]:
        return []


def asked(**about: Any) -> TestNotice:
    actor = Actor(email=ANN, name="Ann")
    return TestNotice(id="req_1", key="tst_1", at=AT, actor=actor, **about)


def test_the_mail_goes_to_whoever_asked() -> None:
    (told,) = notices_for(asked(kind="mail"), KNOWN, HOUSE)
    assert isinstance(told, Notice)
    assert (told.to, told.id) == (ANN, notice_id("req_1", ANN, "mail")), "as intake answers"
    message = letter(told.id, told.to, told.template, told.body, MAIL_SENDER)
    text = message.decode()
    assert "Subject: A test mail" in text
    assert "that Ann asked for" in " ".join(text.split())


def test_the_event_goes_to_the_webhook() -> None:
    about = asked(kind="webhook", provider="redisco")
    (told,) = notices_for(about, Providers(webhook_url=HOOK), HOUSE)
    assert isinstance(told, Notice)
    assert (told.url, told.destination, told.ticket_id) == (HOOK, "webhook:redisco", "")
    assert told.id == notice_id("req_1", "provider:redisco", "webhook")
    assert told.body["type"] == "test"


@pytest.mark.parametrize(
    ("known", "reason"), [(Providers(), NO_PROVIDER), (Providers(name="Redisco"), NO_WEBHOOK)]
)
def test_what_is_not_sent_has_its_record(known: Providers, reason: str) -> None:
    (told,) = notices_for(asked(kind="webhook", provider="redisco"), known, HOUSE)
    assert isinstance(told, SuppressedNotice)
    assert told.reason == reason
