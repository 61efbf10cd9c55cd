"""A mail or a webhook that is sent to see whether it arrives. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from services.notifier.notices.told import (
    NO_PROVIDER,
    NO_WEBHOOK,
    DirectoryIndex,
    SenderIdentity,
    Told,
    mail,
    make_notice,
)
from shared.events import TestNotice


def tell_test(fact: TestNotice, directory: DirectoryIndex, house: SenderIdentity) -> Iterator[Told]:
    """The mail goes to whoever asked for it. The webhook's event is of the type `test` and about no
    ticket: receivers ignore types that they do not know.
    """
    if fact.kind == "mail":
        body = {
            "url": f"{house.public_url}/admin/mail",
            "link": "Back to Mail",
            "by": fact.actor.name or fact.actor.email,
        }
        yield mail(fact, fact.actor.email, "test", body, directory, house)
        return
    provider = directory.get("providers", fact.provider)
    url = str((provider or {}).get("webhook_url") or "")
    # The first reason that holds; without one it is sent.
    because = NO_PROVIDER if provider is None else "" if url else NO_WEBHOOK
    payload = {
        "type": "test",
        "timestamp": fact.at.isoformat().replace("+00:00", "Z"),
        "data": {"provider": fact.provider},
    }
    to, destination = f"provider:{fact.provider}", f"webhook:{fact.provider}"
    yield make_notice(fact, "webhook", to, "test", destination, payload, house, because, url)
