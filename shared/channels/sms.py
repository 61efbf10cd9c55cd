"""A page as a text message. `address` is a number in E.164 (`+15550100`); a reply `ACK <code>`
acknowledges.
"""

from __future__ import annotations

import re

from shared.channels import twilio
from shared.channels.line import ChannelContext
from shared.channels.outcome import Outcome, PageMessage, Rejected, shorten
from shared.signed.reply_code import code_of

# E.164: a plus, no zero first, 7 to 15 digits.
NUMBER = re.compile(r"\+[1-9][0-9]{6,14}", re.ASCII)
# Characters: one segment.
_LONGEST_SUBJECT = 160


def text_of(summons: PageMessage) -> str:
    """Three or four segments, links included; Twilio takes 1,600 characters."""
    if summons.purpose == "verify":
        return (
            f"Signalbox code {summons.code}, good for 15 minutes: it confirms this number for "
            f"pages to {summons.person}."
        )
    subject = shorten(summons.subject, _LONGEST_SUBJECT)
    if summons.purpose == "stand-down":
        return f"No longer needed: {subject}"
    began = f" Began {shorten(summons.began, 80)}." if summons.began else ""
    return (
        f"URGENT {subject} ({summons.requester}).{began} Reply ACK {code_of(summons.page_id)} "
        f"or: {summons.ack_url}"
    )


async def send(line: ChannelContext, address: str, summons: PageMessage) -> Outcome:
    if not NUMBER.fullmatch(address):
        return Rejected("its address is no number in E.164, such as +15550100")
    sender = line.twilio.sender if line.twilio else ""
    # Twilio has another field for messaging services; their ids begin with MG.
    by = "MessagingServiceSid" if sender.startswith("MG") else "From"
    return await twilio.ask(
        line, "Messages", {"To": address, by: sender, "Body": text_of(summons)}, summons
    )
