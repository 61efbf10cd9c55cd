"""A page as a text message. `address` is a number in E.164 (`+15550100`); a reply `ACK <code>` acknowledges."""

from __future__ import annotations

import re

from shared.channels import twilio
from shared.channels.line import Line
from shared.channels.outcome import Outcome, Refused, Summons, shortened
from shared.reply_code import code_of

NUMBER = re.compile(r"\+[1-9][0-9]{6,14}", re.ASCII)
_LONGEST_SUBJECT = 160


def text_of(summons: Summons) -> str:
    """Three or four segments, links included; Twilio takes 1,600 characters."""
    if summons.purpose == "verify":
        return f"Signalbox code {summons.code}, good for 15 minutes: it confirms this number for pages to {summons.person}."
    subject = shortened(summons.subject, _LONGEST_SUBJECT)
    if summons.purpose == "stand-down":
        return f"No longer needed: {subject}"
    began = f" Began {shortened(summons.began, 80)}." if summons.began else ""
    return f"URGENT {subject} ({summons.requester}).{began} Reply ACK {code_of(summons.page_id)} or: {summons.ack_url}"


async def send(line: Line, address: str, summons: Summons) -> Outcome:
    if not NUMBER.fullmatch(address):
        return Refused("its address is no number in E.164, such as +15550100")
    sender = line.twilio.sender if line.twilio else ""
    by = "MessagingServiceSid" if sender.startswith("MG") else "From"
    return await twilio.ask(line, "Messages", {"To": address, by: sender, "Body": text_of(summons)}, summons)
