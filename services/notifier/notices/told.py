"""What a rule of this package answers with: something owed, or something left out with the reason;
and how each is made. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Protocol

from shared import ids
from shared.events import ClockFact, Event, TicketFact
from shared.people.folding import fold_address
from shared.signed import links

NoticeKind = Literal["mail", "webhook"]
Body = dict[str, Any]

MAIL_DESTINATION = "mail"
"""Mail about tickets; every provider's webhook is a destination of its own: `webhook:<slug>`."""
BULK_DESTINATION = "bulk"
"""Mail to many: the same relay, but connections of its own, so that no ticket's mail waits behind
it.
"""


class DirectoryIndex(Protocol):
    """The directory, as `shared.spine.replica.Replica` gives it: the document of a kind and id, or
    None; all ids of a kind.
    """

    def get(self, kind: str, id_: str) -> dict[str, Any] | None: ...

    def ids(self, kind: str) -> list[str]: ...


def no_promise(_: object) -> datetime | None:
    return None


@dataclass(frozen=True, slots=True)
class SenderIdentity:
    """Who we are: the address our mail comes from, the addresses that are ours (they are never
    written to), our web address.
    """

    bot_address: str
    own_addresses: frozenset[str]
    public_url: str
    secret: bytes = b""
    """Signs the links in mails."""
    promised: Callable[[Any], datetime | None] = no_promise
    """By when a ticket's first answer is due; None where nobody knows."""

    def confirm_url(self, ticket: str, person: str, expires_at: datetime) -> str:
        """Where `person` confirms that the mail which opened `ticket` was theirs: GET shows a
        button, POST confirms.
        """
        token = links.sign(self.secret, links.CONFIRM_SENDER, ticket, person, expires_at)
        return f"{self.public_url}/tickets/{ticket}/confirm?token={token}"

    def take_part_url(self, ticket: str, person: str, expires_at: datetime) -> str:
        """Where `person`, who was asked, says whether they take part in `ticket`: GET shows two
        buttons, POST answers.
        """
        token = links.sign(self.secret, links.TAKE_PART, ticket, person, expires_at)
        return f"{self.public_url}/tickets/{ticket}/take-part?token={token}"

    def subscribe_url(self, subscription: str, target: str, expires_at: datetime) -> str:
        """Where `target` confirms that it wants status updates: GET shows a button, POST
        confirms.
        """
        token = links.sign(self.secret, links.SUBSCRIBE, subscription, target, expires_at)
        return f"{self.public_url}/status/subscribe/{subscription}?token={token}"

    def make_unsubscribe_urls(
        self, purpose: str, what: str, target: str, expires_at: datetime
    ) -> dict[str, str]:
        """Where `target` gets no more of `what` (a subscription, or a provider): the page for
        people, and what a mail client posts to (RFC 8058)."""
        token = links.sign(self.secret, purpose, what, target, expires_at)
        name = what if purpose == links.UNSUBSCRIBE else f"from-{what}"
        return {
            "leave_url": f"{self.public_url}/status/unsubscribe/{name}?token={token}",
            "leave_post_url": f"{self.public_url}/v1/subscriptions/{name}"
            f"/unsubscribe?token={token}",
        }

    def ticket_url(self, ticket: str) -> str:
        return f"{self.public_url}/tickets/{ticket}"


@dataclass(frozen=True, slots=True)
class Notice:
    """Something owed. `body` is a webhook's payload, or what a mail's template is filled with;
    `url` is the webhook's address.

    `to` is the mail address or `provider:<slug>`; `id` is what the far side deduplicates by.
    """

    id: str
    fact_id: str
    ticket_id: str
    kind: NoticeKind
    to: str
    template: str
    destination: str
    body: Body
    url: str = ""
    about: str = ""
    """The incident or maintenance it tells of; empty for other news."""
    place: str = ""
    """Where in the audience this person was found (`notices/status.py`)."""
    once: bool = False
    """The id is not of the fact but of the person and what they are told: told before, it is left
    out, with a record.
    """


@dataclass(frozen=True, slots=True)
class SuppressedNotice:
    """Something deliberately not sent."""

    id: str
    fact_id: str
    ticket_id: str
    kind: NoticeKind
    to: str
    template: str
    destination: str
    reason: str


Told = Notice | SuppressedNotice

Rule = Callable[[Any, DirectoryIndex, SenderIdentity], Iterator[Told]]
"""What a fact makes owed: (fact, directory, house) → notices and those left out."""

# Why a notice is left out. People read these in the notification log.
OWN_ADDRESS = "the address is our own"
NO_ADDRESS = "this person has no e-mail address; they stand here by a name from an import"
UNREGISTERED = "no account is registered under this address"
AUTHOR = "they wrote it themselves"
AUTOMATIC = "the reply came from a machine; answering it could start a loop"
NO_WEBHOOK = "the provider has no webhook address"
NO_PROVIDER = "the directory has no such provider"
OWN_DOING = "the provider did this themselves"
UNCONFIRMED = "the sender has not confirmed the mail; nobody is told what a forger may have written"
IMPORTED = "it was imported: it happened elsewhere and before"
TOLD_BEFORE = "they were told the same before"


def mail(
    fact: Event,
    to: str,
    template: str,
    body: Body,
    directory: DirectoryIndex,
    house: SenderIdentity,
    because: str = "",
    *,
    once: str = "",
) -> Told:
    """A mail to a person. Whoever is not registered gets none: ticket texts go to known addresses
    only.

    `once`: of all mails of this template to this person with the same word, the first is sent.
    """
    to = fold_address(to)
    # The address is looked up folded: that is how accounts are filed.
    account = directory.get("accounts", to)
    reason = because or _why_none(to, account is not None, house)
    named = {**body, "to_name": (account or {}).get("name", "")}
    return make_notice(
        fact, "mail", to, template, MAIL_DESTINATION, named, house, reason, once=once
    )


def _why_none(to: str, is_registered: bool, house: SenderIdentity) -> str:
    """Why this person gets no mail; empty: they get it."""
    if to in house.own_addresses:
        return OWN_ADDRESS
    # Imports make up such addresses for people without one (RFC 2606).
    if to.endswith(".invalid"):
        return NO_ADDRESS
    return "" if is_registered else UNREGISTERED


def make_notice(
    fact: Event,
    kind: NoticeKind,
    to: str,
    template: str,
    destination: str,
    body: Body,
    house: SenderIdentity,
    reason: str,
    url: str = "",
    *,
    once: str = "",
) -> Told:
    """`body` of a mail that is about no ticket has `url` and `link` (its words) of its own."""
    # An id of fact, person and kind: the same fact makes the same notice again.
    notice = ids.notice_id(fact.id, to, kind)
    ticket = fact.key if isinstance(fact, TicketFact | ClockFact) else ""
    if reason:
        return SuppressedNotice(notice, fact.id, ticket, kind, to, template, destination, reason)
    # A mail's template is filled with the ticket, a webhook's payload has it already.
    if kind == "mail":
        about = (
            {"ticket_id": ticket, "ticket_url": house.ticket_url(ticket)}
            if ticket
            else {"ticket_id": "", "ticket_url": ""}
        )
        body = {**body, **about, "at": fact.at.isoformat()}
    # Another id: of person, template and the word, whatever fact it comes from.
    if once:
        notice = ids.derive("ntc", "once", to, template, once)
    return Notice(
        notice, fact.id, ticket, kind, to, template, destination, body, url, once=bool(once)
    )


def suppress_told_before(notice: Notice) -> SuppressedNotice:
    """What becomes of a `once` notice whose like was sent: its record."""
    return left_out(notice, TOLD_BEFORE)


def left_out(notice: Notice, reason: str) -> SuppressedNotice:
    """The record of a notice that is not sent after all."""
    # The id that its fact gives, because that of a `once` notice belongs to the one that was sent.
    own = ids.notice_id(notice.fact_id, notice.to, notice.kind)
    return SuppressedNotice(
        own,
        notice.fact_id,
        notice.ticket_id,
        notice.kind,
        notice.to,
        notice.template,
        notice.destination,
        reason,
    )


def provider_told(
    fact: TicketFact,
    slug: str,
    event: str,
    about: Body,
    directory: DirectoryIndex,
    house: SenderIdentity,
    *,
    more: Body | None = None,
    mail_because: str = "",
    because: str = "",
) -> Iterator[Told]:
    """A provider is told twice over: a mail to its designated address (seed 003) and a signed
    webhook.

    `about` describes the ticket, `more` what happened to it. `because` suppresses both,
    `mail_because` the mail alone.
    """
    provider = directory.get("providers", slug)
    # No such provider: both records say so, and nothing below needs a provider.
    if provider is None:
        because, provider = because or NO_PROVIDER, {}
    # The template is named as the event, with hyphens: `ticket.taken_back`, `ticket-taken-back`.
    template = event.replace(".", "-").replace("_", "-")
    mailbox = fold_address(str(provider.get("agent_email", "")))
    context = {**about, **(more or {}), "to_name": provider.get("name", slug)}
    own = OWN_ADDRESS if mailbox in house.own_addresses else ""
    yield make_notice(
        fact,
        "mail",
        # Without a mailbox the record still names the provider.
        mailbox or f"provider:{slug}",
        template,
        MAIL_DESTINATION,
        context,
        house,
        because or mail_because or own,
    )
    url = str(provider.get("webhook_url") or "")
    payload = {
        "type": event,
        "timestamp": fact.at.isoformat().replace("+00:00", "Z"),
        "data": {
            "ticket": {"id": fact.key, **about, "url": house.ticket_url(fact.key)},
            **(more or {}),
        },
    }
    # Without an address nothing can be sent; the record says so.
    no_url = "" if url else NO_WEBHOOK
    yield make_notice(
        fact,
        "webhook",
        f"provider:{slug}",
        event,
        f"webhook:{slug}",
        payload,
        house,
        because or no_url,
        url,
    )
