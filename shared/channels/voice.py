"""A page as a call: the text is read twice, and pressing 1 acknowledges. `address` is a number in
E.164.

A stand-down goes to the same number as a text message: nobody is rung up to be told that nothing is
needed.
"""

from __future__ import annotations

from urllib.parse import quote
from xml.sax.saxutils import escape, quoteattr

from shared.channels import sms, twilio
from shared.channels.line import ChannelContext
from shared.channels.outcome import Outcome, PageMessage, Rejected, shorten
from shared.text.characters import valid

_LONGEST_SUBJECT = 200
# Seconds of ringing; then Twilio gives up.
_RINGS_FOR_S = 30


def twiml_of(summons: PageMessage) -> str:
    """What is said, as TwiML (twilio.com, "TwiML for Programmable Voice"): at most 4,000
    characters.
    """
    if summons.purpose == "verify":
        # Commas make the voice read digit by digit.
        digits = f"Signalbox. Your code is {', '.join(summons.code)}."
        return (
            "<Response>"
            f"{(f'<Say>{digits}</Say><Pause length=' + quoteattr('1') + '/>') * 2}</Response>"
        )
    page = quote(summons.page_id, safe="")
    # The link's own token goes on to the address that Twilio calls.
    base, _, token = summons.ack_url.partition(f"/pages/{page}/ack?token=")
    pressed = f"{base}/v1/channels/twilio/voice?page={page}&token={token}"
    words = escape(
        valid(
            f"Signalbox. Urgent ticket: {shorten(summons.subject, _LONGEST_SUBJECT)}. "
            "Press 1 to acknowledge."
        )
    )
    # Read twice: whoever was asleep misses the first.
    said = f'<Say>{words}</Say><Pause length="1"/>' * 2
    return (
        '<Response><Gather numDigits="1" timeout="10" '
        f"action={quoteattr(pressed)}>{said}</Gather></Response>"
    )


async def send(line: ChannelContext, address: str, summons: PageMessage) -> Outcome:
    if summons.purpose == "stand-down":
        return await sms.send(line, address, summons)
    if not sms.NUMBER.fullmatch(address):
        return Rejected("its address is no number in E.164, such as +15550100")
    sender = line.twilio.sender if line.twilio else ""
    if sender.startswith("MG"):
        return Rejected(
            "a call needs a number of ours as SIGNALBOX_TWILIO_FROM, not a messaging service"
        )
    form = {"To": address, "From": sender, "Twiml": twiml_of(summons), "Timeout": str(_RINGS_FOR_S)}
    return await twilio.ask(line, "Calls", form, summons)
