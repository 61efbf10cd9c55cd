"""An answer to a page by mail: which page it names, and what it asks for. Pure.

The address was made for one page and one person; our Message-ID has the page's whole id. Words are
optional: whoever answers has seen it. Only a word alone in the first line asks for something else,
so that "no problem, on it" hands nothing on.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from shared.ids import lane_of
from shared.people.folding import fold_address, is_same_address
from shared.policy.on_call.document import Channel, OnCallPolicy
from shared.signed.reply_address import page_in

Asked = Literal["acknowledge", "resolve", "escalate"]

WORDS: Mapping[str, Asked] = {
    **dict.fromkeys(("resolve", "resolved", "close", "closed", "fixed", "solved"), "resolve"),
    **dict.fromkeys(("escalate", "next", "pass", "not me"), "escalate"),
}
"""The whole first line → what it asks for. Anything else acknowledges."""

# The page, the round (from the second on) and the step, as in the dedup key of its mail.
_KEY = re.compile(r"([\w-]{1,100}\.[a-z2-7]{26})\.(?:r\d{1,4})?s\d{1,4}", re.ASCII)


@dataclass(frozen=True, slots=True)
class PageNamed:
    """The page that a message answers. `page` is its id, empty where nobody knows it; `person`
    whose mailbox From is, empty: nobody's, and `email` their account's address.

    `by_token`: the message went to a page's reply address; `genuine`: that was made for this
    person.
    """

    page: str
    person: str
    email: str
    by_token: bool
    genuine: bool


def read_action(reply: str) -> Asked:
    """What a reply asks for; `reply` is what its writer wrote, without what they quote."""
    first = next((line for line in reply.splitlines() if line.strip()), "")
    # A full stop behind the word changes nothing; a second word makes it a sentence.
    return WORDS.get(" ".join(first.lower().split()).strip(" .!,:;"), "acknowledge")


def page_tokens_in(addresses: Iterable[str], mailbox: str) -> list[tuple[str, str]]:
    """(second half of a page's id, seal) of each page's reply address among `addresses`."""
    return [found for address in addresses if (found := page_in(mailbox, address)) is not None]


def pages_of_ours(message_ids: Iterable[str], domain: str) -> list[str]:
    """The pages whose mails' Message-IDs are among these, the latest first."""
    found = []
    for given in reversed(list(message_ids)):
        local, _, at = given.strip("<> \t").rpartition("@")
        if (
            is_same_address(at, domain)
            and (key := _KEY.fullmatch(local)) is not None
            # A page's id begins with its lane; anything else is not one of ours.
            and lane_of(key[1])
        ):
            found.append(key[1])
    return found


def people_at(policy: OnCallPolicy | None, address: str) -> list[str]:
    """The person whose mailbox `address` is: a verified contact method, or their account's own."""
    people = policy.people if policy else {}
    given = fold_address(address)
    return [
        name
        for name, person in people.items()
        if fold_address(person.email) == given
        or any(
            # An address that is not verified could be anybody's.
            method.verified
            and method.channel is Channel.EMAIL
            and fold_address(method.address) == given
            for method in person.methods
        )
    ]
