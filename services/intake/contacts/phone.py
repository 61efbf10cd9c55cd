"""What Twilio tells us of replies and pressed keys: is it Twilio's, and what does it ask. Pure.

The signature is Twilio's own (twilio.com, "Webhooks security"): base64 of HMAC-SHA1, keyed with the
account's auth token, over the address as it was called and each parameter's name and value, sorted
by name.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

from shared.errors import Refused
from shared.policy.on_call.document import Channel, OnCallPolicy
from shared.signed.reply_code import code_of, read_acknowledged_code
from shared.text.characters import valid

# Channels whose address is a telephone number.
_PHONES = frozenset({Channel.SMS, Channel.VOICE})
# A text message has little room.
_MOST_NAMED = 3


@dataclass(frozen=True, slots=True)
class SentPage:
    """An open page that was sent to the person who replies."""

    page: str
    subject: str


def signature_of(token: str, url: str, form: Mapping[str, Sequence[str]]) -> str:
    """What Twilio sends as `X-Twilio-Signature`."""
    # Each value once: this is how Twilio counts repeated parameters.
    said = "".join(name + value for name in sorted(form) for value in sorted(set(form[name])))
    return base64.b64encode(
        hmac.digest(token.encode(), (url + said).encode(), hashlib.sha1)
    ).decode()


def check(token: str | None, url: str, form: Mapping[str, Sequence[str]], given: str) -> None:
    """Raises Refused `bad-signature` (401), also where no account is set."""
    # In constant time, so that no signature can be guessed letter by letter.
    if token is None or not hmac.compare_digest(
        signature_of(token, url, form).encode(), given.encode()
    ):
        raise Refused(
            "bad-signature",
            "The signature does not fit the address, the form and the account's token.",
            status=401,
        )


def find_names_at(policy: OnCallPolicy | None, number: str) -> frozenset[str]:
    """The people of the on-call document who are reached at `number`."""
    people = policy.people if policy else {}
    return frozenset(
        name
        for name, person in people.items()
        if any(
            # A number that is not verified could be anybody's.
            method.verified and method.channel in _PHONES and method.address == number
            for method in person.methods
        )
    )


def choose_page(text: str, waiting: Collection[SentPage]) -> tuple[str | None, str]:
    """The page that a reply acknowledges, and what to answer."""
    # Anything but an acknowledgement gets help, never a guess.
    code = read_acknowledged_code(text)
    if code is None:
        return None, "Reply ACK and the code of the message to acknowledge, or use its link."
    # Without a code any page of theirs is meant, if there is only one.
    found = [page for page in waiting if not code or code_of(page.page) == code]
    if not found:
        return None, "No page of yours is open" + (f" with the code {code}." if code else ".")
    # Several are open: it must be said which one.
    if len(found) > 1:
        named = "; ".join(
            f"ACK {code_of(page.page)} for {page.subject[:60]}"
            for page in list(found)[:_MOST_NAMED]
        )
        return None, f"{len(found)} pages of yours are open. Reply {named}."
    return found[
        0
    ].page, f"Acknowledged: {found[0].subject[:100]}. Nobody else will be woken for it."


def answer_to_text(words: str) -> bytes:
    """TwiML that answers a text message."""
    return f"<Response><Message>{escape(valid(words))}</Message></Response>".encode()


def answer_to_call(words: str) -> bytes:
    """TwiML that is read to a caller, and ends the call."""
    return f"<Response><Say>{escape(valid(words))}</Say><Hangup/></Response>".encode()
