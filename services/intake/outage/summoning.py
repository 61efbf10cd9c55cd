"""What a channel is given to send for a page of intake's own."""

from __future__ import annotations

from datetime import timedelta

from services.intake.outage.decisions import ContactTry, OutagePage
from shared.channels import PageMessage
from shared.policy import OnCallPolicy
from shared.signed.links import ack_url

# The link must outlast any outage: somebody may come back to it days later.
LINK_LASTS = timedelta(days=7)


def summons_for(
    page: OutagePage, made: ContactTry, policy: OnCallPolicy, secret: bytes, portal_url: str
) -> PageMessage:
    """For the try `made`. `secret` signs the link that acknowledges; `portal_url` has no slash at
    its end.
    """
    # A page about the platform has no ticket, so it shows the status page.
    about = f"tickets/{page.ticket_id}" if page.ticket_id else "status"
    return PageMessage(
        key=made.dedup_key,
        purpose="page",
        page_id=page.page,
        ticket_id=page.ticket_id,
        subject=page.subject,
        requester=page.requester,
        app=page.app,
        person=made.to,
        step=made.step,
        round=made.round,
        tries=made.tries,
        dedup_key=made.dedup_key,
        accepted_at=page.accepted_at,
        ticket_url=f"{portal_url}/{about}",
        timeout=policy.send_timeout,
        began=page.began,
        ack_url=ack_url(secret, portal_url, page.page, made.to, page.accepted_at + LINK_LASTS),
    )
