"""A page as a PagerDuty event (Events API v2). `address` is the integration's routing key; a
stand-down resolves.
"""

from __future__ import annotations

import orjson

from shared.channels.http import post
from shared.channels.line import ChannelContext
from shared.channels.outcome import Outcome, PageMessage

_LONGEST_SUMMARY = 1024


def body_of(summons: PageMessage, routing_key: str) -> bytes:
    """The event; PagerDuty itself folds events of one `dedup_key` into one incident. A code comes
    as one of severity `info`.
    """
    # A code is no emergency, so it has no link to acknowledge.
    if summons.purpose == "verify":
        said = {
            "summary": f"Your Signalbox code: {summons.code}",
            "source": "signalbox",
            "severity": "info",
        }
        return orjson.dumps(
            {
                "routing_key": routing_key,
                "event_action": "trigger",
                "dedup_key": summons.dedup_key,
                "payload": said,
            }
        )
    event: dict[str, object] = {
        "routing_key": routing_key,
        # A stand-down resolves the event of the same `dedup_key`.
        "event_action": "trigger" if summons.purpose == "page" else "resolve",
        "dedup_key": summons.dedup_key,
    }
    if summons.purpose == "page":
        event["client"] = "Signalbox"
        event["client_url"] = summons.ticket_url
        event["links"] = [{"href": summons.ack_url, "text": "Acknowledge in Signalbox"}]
        event["payload"] = {
            # The longest that PagerDuty permits.
            "summary": f"Urgent: {summons.subject}"[:_LONGEST_SUMMARY],
            "source": summons.app or summons.requester,
            "severity": "critical",
            "timestamp": summons.accepted_at,
            "custom_details": {
                "ticket": summons.ticket_id,
                "requester": summons.requester,
                "page": summons.page_id,
                "step": summons.step,
                **({"began": summons.began} if summons.began else {}),
            },
        }
    return orjson.dumps(event)


async def send(line: ChannelContext, address: str, summons: PageMessage) -> Outcome:
    return await post(
        line.http,
        line.pagerduty_url,
        body_of(summons, address),
        {"content-type": "application/json"},
        summons.timeout,
    )
