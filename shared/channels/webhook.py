"""A page as a signed POST (Standard Webhooks) to a URL of the person: a paging app, a phone
gateway, the demo's sink.
"""

from __future__ import annotations

import base64
import hashlib
import hmac

import orjson
from standardwebhooks import Webhook

from shared.channels.http import post
from shared.channels.line import ChannelContext
from shared.channels.outcome import Outcome, PageMessage


def signing_key(secret: bytes, person: str) -> str:
    """The `whsec_…` secret of `person`'s receiver, derived from ours: nothing to store, and one
    leak opens one receiver.
    """
    return (
        "whsec_"
        + base64.b64encode(
            hmac.digest(secret, f"page-webhook:{person}".encode(), hashlib.sha256)
        ).decode()
    )


def body_of(summons: PageMessage) -> bytes:
    """The JSON a receiver gets. `type` is `page`, `page.stand-down` or `contact.verify`; fields are
    never renamed or removed.
    """
    if summons.purpose == "verify":
        subject = f"Your Signalbox code: {summons.code}"
        return orjson.dumps(
            {
                "type": "contact.verify",
                "subject": subject,
                "to": summons.person,
                "code": summons.code,
            }
        )
    # Every field is always there, null where it does not apply: receivers need not ask.
    return orjson.dumps(
        {
            "type": "page" if summons.purpose == "page" else "page.stand-down",
            "page_id": summons.page_id,
            "ticket_id": summons.ticket_id,
            "subject": summons.subject,
            "requester": summons.requester,
            "app": summons.app,
            "to": summons.person,
            "step": summons.step,
            "round": summons.round,
            "dedup_key": summons.dedup_key,
            "accepted_at": summons.accepted_at,
            "began": summons.began or None,
            # A stand-down has nothing to acknowledge.
            "ack_url": summons.ack_url if summons.purpose == "page" else None,
            "ticket_url": summons.ticket_url,
        }
    )


async def send(line: ChannelContext, address: str, summons: PageMessage) -> Outcome:
    """`webhook-id` is the idempotency key: a receiver that has seen it answers 2xx and wakes nobody
    again.
    """
    # Signed as it is sent: the receiver checks the bytes.
    body, now = body_of(summons), line.now()
    signature = Webhook(signing_key(line.secret, summons.person)).sign(
        summons.key, now, body.decode()
    )
    headers = {
        "content-type": "application/json",
        "webhook-id": summons.key,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": signature,
    }
    return await post(line.http, address, body, headers, summons.timeout)
