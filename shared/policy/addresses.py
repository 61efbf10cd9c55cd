"""Whether an address can be one of its channel, and whether a text only stands for a value. Pure.

Whether an address reaches its person is what the code proves (`shared/signed/contact_code.py`).
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

from shared.policy.on_call.document import Channel

HIDDEN = "(hidden)"
"""What a reader sees in place of a secret."""

# What people write where a value is to follow, in any case and with blanks around it.
_STANDS_FOR = re.compile(
    r"""\s* (?: | \(\s*hidden\s*\) | <.*> | \[.*\] | \*+ | \.{3} | … | -+ | x{3,} | \?+
    | change[\s_-]*me | example | placeholder | todo | tbd | fixme | none | null | n/?a
    | redacted | hidden | masked | your[\s_-].* | insert[\s_-].* | replace[\s_-].* )\s*""",
    re.IGNORECASE | re.VERBOSE | re.DOTALL,
)
# E.164: a plus, no zero first, 7 to 15 digits.
_PHONE = re.compile(r"\+[1-9][0-9]{6,14}", re.ASCII)
# Much narrower than RFC 5322: no quotes, no comments, no address lists.
_EMAIL = re.compile(r"[^@\s<>,;:\"()\[\]\\]{1,64}@(?P<domain>[^@\s<>,;:\"()\[\]\\]{1,255})")
# Letters of any script: domains may be written in their own.
_LABEL = re.compile(r"[^\W_](?:[\w-]{0,61}[^\W_])?")
# PagerDuty's integration keys (Events API v2).
_ROUTING_KEY = re.compile(r"[A-Za-z0-9]{32}", re.ASCII)
_APPRISE = re.compile(r"[a-z][a-z0-9+.-]*://\S+", re.ASCII)
_MARK = "whsec_"
_LEAST_KEY, _LONGEST = 16, 2_000
"""Bytes of a signing key; Standard Webhooks asks for 24, and keys of ours have 32."""

WORDS: dict[Channel, str] = {
    Channel.WEBHOOK: "an http(s) URL",
    Channel.EMAIL: "an e-mail address",
    Channel.SMS: "a number such as +15550100",
    Channel.VOICE: "a number such as +15550100",
    Channel.PAGERDUTY: "the routing key of an integration",
    Channel.APPRISE: "an Apprise URL",
}


def stands_for_something(text: str) -> bool:
    """Whether a text is a placeholder: `(hidden)`, `<your key>`, `changeme`, `${SINK}`, nothing."""
    return _STANDS_FOR.fullmatch(text) is not None or "${" in text or "{{" in text


def is_email(text: str) -> bool:
    """`name@domain`, with a domain of plain labels."""
    found = _EMAIL.fullmatch(text)
    return (
        found is not None
        and len(text) <= 254
        and all(_LABEL.fullmatch(label) for label in found["domain"].split("."))
    )


def is_url(text: str) -> bool:
    """An http or https URL with a host and, where one is named, a port that there is."""
    if len(text) > _LONGEST or re.search(r"[\s\x00-\x1f\x7f\\<>\"]", text):
        return False
    try:
        parts = urlsplit(text)
        named = parts.port
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname) and named != 0


def mistake_of(channel: Channel, address: str) -> str | None:
    """Why `address` is none of `channel`, in words; None where it can be one."""
    if stands_for_something(address):
        return f"{address!r} is a placeholder: write the real address"
    # Built at each call, not once: the table is short, and it is asked when somebody writes an
    # address.
    fits: Mapping[Channel, Callable[[str], object]] = {
        Channel.WEBHOOK: is_url,
        Channel.EMAIL: is_email,
        Channel.SMS: _PHONE.fullmatch,
        Channel.VOICE: _PHONE.fullmatch,
        Channel.PAGERDUTY: _ROUTING_KEY.fullmatch,
        Channel.APPRISE: _APPRISE.fullmatch,
    }
    return (
        None
        if fits[channel](address) and len(address) <= _LONGEST
        else f"this is not {WORDS[channel]}"
    )


def mistake_of_secret(secret: str) -> str | None:
    """Why a webhook's secret cannot sign, in words; None for `whsec_` and the base64 of a key."""
    if stands_for_something(secret) or not secret.startswith(_MARK):
        return "a signing secret is whsec_ and the base64 of a random key"
    text = secret.removeprefix(_MARK)
    try:
        # Padding is optional in what people paste.
        key = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        return "what follows whsec_ is not base64"
    # A key of few different bytes was typed, not drawn. Standard Webhooks does not ask for this.
    if len(key) < _LEAST_KEY or len(set(key)) < _LEAST_KEY // 3:
        return f"the key after whsec_ is too short or too plain: {_LEAST_KEY} random bytes at least"
    return None
