"""Who asked for status updates is asked whether it was them: once a day at most, and with none of the asker's words. Pure.

Anybody can name anybody's address, so nothing else is sent there before it confirms. A webhook is asked by a signed request to it,
which also tells it the secret that its notices are signed with: only whoever runs it reads that.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta

from services.notifier.notices.told import MAIL_DESTINATION, OWN_ADDRESS, House, Lookup, Rule, Told, told
from services.notifier.webhook_keys import derived_secret
from shared.events import DirectoryRecorded
from shared.subscriptions import KIND, subscription_in

CONFIRM_WITHIN = timedelta(days=7)


def _asked(fact: DirectoryRecorded, directory: Lookup, house: House) -> Iterator[Told]:
    found = subscription_in(fact.document) if fact.kind == KIND else None
    if found is None or found.wish is None:
        return
    url = house.subscribe_url(fact.doc_id, found.target, found.wish.at + CONFIRM_WITHIN)
    once = found.wish.at.date().isoformat()
    if found.kind == "webhook":
        data = {"subscription_id": fact.doc_id, "confirm_url": _posting(url), "page_url": url, "secret": _secret(fact.doc_id, house)}
        payload = {"type": "subscription.confirm", "timestamp": fact.at.isoformat().replace("+00:00", "Z"), "data": data}
        to, place = f"subscriber:{fact.doc_id}", f"webhook:{fact.doc_id}"
        yield told(fact, "webhook", to, "subscription.confirm", place, payload, house, "", found.target, once=once)
        return
    own = OWN_ADDRESS if found.target in house.own_addresses else ""
    body = {"url": url, "link": "Yes, send me status updates", "to_name": "", "components": len(found.wish.components)}
    yield told(fact, "mail", found.target, "subscription-confirm", MAIL_DESTINATION, body, house, own, once=once)


def _posting(url: str) -> str:
    """What a machine posts to, with nothing in the body: the page's address under `/v1`."""
    page, _, token = url.partition("?")
    base, _, id_ = page.rpartition("/status/subscribe/")
    return f"{base}/v1/subscriptions/{id_}/confirm?{token}"


def _secret(id_: str, house: House) -> str:
    return derived_secret(id_, house.secret)


SUBSCRIPTIONS: Mapping[type[DirectoryRecorded], Rule] = {DirectoryRecorded: _asked}
