"""Who asked for status updates is asked whether it was them: once a day at most, and with none of
the asker's words. Pure.

Anybody can name anybody's address, so nothing else is sent there before it confirms. A webhook is
asked by a signed request to it, which also tells it the secret that its notices are signed with:
only whoever runs it reads that.
"""

from __future__ import annotations

from collections.abc import Iterator

from services.notifier.courier.webhook_keys import derive_secret
from services.notifier.notices.told import (
    MAIL_DESTINATION,
    OWN_ADDRESS,
    DirectoryIndex,
    SenderIdentity,
    Told,
    make_notice,
)
from shared.events import DirectoryRecorded
from shared.people.subscriptions import CONFIRM_WITHIN, KIND, subscription_in


def on_asked(
    fact: DirectoryRecorded, directory: DirectoryIndex, house: SenderIdentity
) -> Iterator[Told]:
    found = subscription_in(fact.document) if fact.kind == KIND else None
    # Other documents of this kind (stops, opt-outs) ask nobody, and no more does one without a
    # wish.
    if found is None or found.wish is None:
        return
    url = house.subscribe_url(fact.doc_id, found.target, found.wish.at + CONFIRM_WITHIN)
    # The same day, the same id: asking again sends no second mail.
    once = found.wish.at.date().isoformat()
    if found.kind == "webhook":
        data = {
            "subscription_id": fact.doc_id,
            "confirm_url": _to_post_url(url),
            "page_url": url,
            "secret": _secret(fact.doc_id, house),
        }
        payload = {
            "type": "subscription.confirm",
            "timestamp": fact.at.isoformat().replace("+00:00", "Z"),
            "data": data,
        }
        to, place = f"subscriber:{fact.doc_id}", f"webhook:{fact.doc_id}"
        yield make_notice(
            fact,
            "webhook",
            to,
            "subscription.confirm",
            place,
            payload,
            house,
            "",
            found.target,
            once=once,
        )
        return
    # Our own addresses are never written to: a loop would begin.
    own = OWN_ADDRESS if found.target in house.own_addresses else ""
    body = {
        "url": url,
        "link": "Yes, send me status updates",
        "to_name": "",
        "components": len(found.wish.components),
    }
    yield make_notice(
        fact,
        "mail",
        found.target,
        "subscription-confirm",
        MAIL_DESTINATION,
        body,
        house,
        own,
        once=once,
    )


def _to_post_url(url: str) -> str:
    """What a machine posts to, with nothing in the body: the page's address under `/v1`."""
    page, _, token = url.partition("?")
    base, _, id_ = page.rpartition("/status/subscribe/")
    return f"{base}/v1/subscriptions/{id_}/confirm?{token}"


def _secret(id_: str, house: SenderIdentity) -> str:
    return derive_secret(id_, house.secret)
