"""Who is told what: fact → the mails and webhooks it makes owed, and those left out on purpose, with the reason. Pure.

| fact | told |
|---|---|
| PrioritySet | requester: `ticket-received` with its priority and why. One mail for TicketOpened and PrioritySet together |
| ReplyAdded | customers' side: `reply-added`; a customer's also the provider: `ticket.replied`; never its author |
| TicketAssigned | the provider: `ticket.assigned`; the one that had it before: `ticket.taken_back` |
| TicketReopened | the provider that has it: `ticket.reopened` |
| TicketSolved by staff or provider | customers' side: `ticket-solved`; the requester's has the one invitation to rate |
| PriorityReviewed | requester: `priority-reviewed`, with the reason; not where it carries out an AppealDecided |
| AppealDecided | requester: `appeal-decided`, with the reason |
| ScopeDecided | requester: `scope-decided`, with the reason and pointers; not where they insisted |
| ParticipantJoined | requester: `participant-joined` |
| ClockWarned of the provider's answer | the provider: `ticket-reminder`, by mail only |

What is absent tells nobody: notes and appeals are for staff, who look at the desk; other clocks, pages and refusals are on the
screens.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from shared import ids
from shared.events import (
    AppealDecided,
    Audience,
    ClockName,
    ClockWarned,
    Fact,
    ParticipantJoined,
    PriorityReviewed,
    PrioritySet,
    ReplyAdded,
    Scope,
    ScopeDecided,
    TicketAssigned,
    TicketFact,
    TicketReopened,
    TicketSolved,
)

NoticeKind = Literal["mail", "webhook"]
Body = dict[str, Any]

MAIL_DESTINATION = "mail"
"""All mail goes through one relay; every provider's webhook is a destination of its own: `webhook:<slug>`."""


class Lookup(Protocol):
    """The directory, as `shared.replica.Replica` gives it: the document of a kind and id, or None."""

    def get(self, kind: str, id_: str) -> dict[str, Any] | None: ...


@dataclass(frozen=True, slots=True)
class House:
    """Who we are: the address our mail comes from, the addresses that are ours (they are never written to), our web address."""

    bot_address: str
    own_addresses: frozenset[str]
    public_url: str

    def ticket_url(self, ticket: str) -> str:
        return f"{self.public_url}/tickets/{ticket}"


@dataclass(frozen=True, slots=True)
class Notice:
    """Something owed. `body` is a webhook's payload, or what a mail's template is filled with; `url` is the webhook's address.

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


@dataclass(frozen=True, slots=True)
class Suppressed:
    """Something deliberately not sent."""

    id: str
    fact_id: str
    ticket_id: str
    kind: NoticeKind
    to: str
    template: str
    destination: str
    reason: str


Told = Notice | Suppressed


def notices_for(fact: Fact, directory: Lookup, house: House) -> list[Told]:
    """What `fact` makes owed; empty for a fact that tells nobody. The ids depend on the fact and the recipient only."""
    rule = _RULES.get(type(fact))
    return list(rule(fact, directory, house)) if rule else []


def is_somebody_unknown(told: Iterable[Told]) -> bool:
    """Whether something was suppressed because the directory does not know its recipient: worth asking a fresher one."""
    return any(isinstance(one, Suppressed) and one.reason in {UNREGISTERED, NO_PROVIDER} for one in told)


OWN_ADDRESS = "the address is our own"
UNREGISTERED = "no account is registered under this address"
AUTHOR = "they wrote it themselves"
AUTOMATIC = "the reply came from a machine; answering it could start a loop"
NO_WEBHOOK = "the provider has no webhook address"
NO_PROVIDER = "the directory has no such provider"
OWN_DOING = "the provider did this themselves"


def _mail(fact: Fact, to: str, template: str, body: Body, directory: Lookup, house: House, because: str = "") -> Told:
    """A mail to a person. Whoever is not registered gets none: ticket texts go to known addresses only."""
    to = to.lower()
    account = directory.get("accounts", to)
    reason = because or (OWN_ADDRESS if to in house.own_addresses else UNREGISTERED if account is None else "")
    named = {**body, "to_name": (account or {}).get("name", "")}
    return _told(fact, "mail", to, template, MAIL_DESTINATION, named, house, reason)


def _told(
    fact: Fact, kind: NoticeKind, to: str, template: str, destination: str, body: Body, house: House, reason: str, url: str = ""
) -> Told:
    notice = ids.notice_id(fact.id, to, kind)
    if reason:
        return Suppressed(notice, fact.id, fact.key, kind, to, template, destination, reason)
    if kind == "mail":
        body = {**body, "ticket_id": fact.key, "ticket_url": house.ticket_url(fact.key), "at": fact.at.isoformat()}
    return Notice(notice, fact.id, fact.key, kind, to, template, destination, body, url)


def _provider(
    fact: TicketFact, slug: str, event: str, about: Body, directory: Lookup, house: House, *, more: Body | None = None,
    mail_because: str = "", because: str = "",
) -> Iterator[Told]:  # fmt: skip
    """A provider is told twice over: a mail to its designated address (seed 003) and a signed webhook.

    `about` describes the ticket, `more` what happened to it. `because` suppresses both, `mail_because` the mail alone.
    """
    provider = directory.get("providers", slug)
    if provider is None:
        because, provider = because or NO_PROVIDER, {}
    template = event.replace(".", "-").replace("_", "-")
    mailbox = str(provider.get("agent_email", "")).lower()
    context = {**about, **(more or {}), "to_name": provider.get("name", slug)}
    own = OWN_ADDRESS if mailbox in house.own_addresses else ""
    yield _told(fact, "mail", mailbox or f"provider:{slug}", template, MAIL_DESTINATION, context, house, because or mail_because or own)
    url = str(provider.get("webhook_url") or "")
    payload = {
        "type": event,
        "timestamp": fact.at.isoformat().replace("+00:00", "Z"),
        "data": {"ticket": {"id": fact.key, **about, "url": house.ticket_url(fact.key)}, **(more or {})},
    }
    no_url = "" if url else NO_WEBHOOK
    yield _told(fact, "webhook", f"provider:{slug}", event, f"webhook:{slug}", payload, house, because or no_url, url)


def _customers(fact: ReplyAdded | TicketSolved) -> Iterator[str]:
    """Everybody on the customer's side, once; whoever did it (`fact.by`) knows."""
    people = dict.fromkeys(address.lower() for address in (fact.requester, *fact.participants))
    return (address for address in people if address != fact.by.lower())


def _received(fact: PrioritySet, directory: Lookup, house: House) -> Iterator[Told]:
    body = {"subject": fact.subject, "priority": fact.priority, "requested": fact.requested, "reason": fact.reason, "pages": fact.pages}
    yield _mail(fact, fact.requester, "ticket-received", body, directory, house)


def _replied(fact: ReplyAdded, directory: Lookup, house: House) -> Iterator[Told]:
    because = AUTOMATIC if fact.automatic else ""
    reply = {"author": fact.author, "author_name": fact.author_name, "side": fact.side, "body": fact.body, "at": fact.at.isoformat()}
    if fact.audience is Audience.EVERYONE:
        body = {"subject": fact.subject, "reply": reply}
        for address in _customers(fact):
            yield _mail(fact, address, "reply-added", body, directory, house, because)
    to_provider = {Audience.EVERYONE: fact.side == "customer", Audience.PROVIDER: fact.side != "provider", Audience.STAFF: False}
    if fact.provider and to_provider[fact.audience]:
        about = {"subject": fact.subject, "requester": fact.requester, "priority": fact.priority}
        more = {"reply": {**reply, "audience": fact.audience}}
        yield from _provider(fact, fact.provider, "ticket.replied", about, directory, house, more=more, because=because)


def _assigned(fact: TicketAssigned, directory: Lookup, house: House) -> Iterator[Told]:
    about = {"subject": fact.subject, "requester": fact.requester, "app": fact.app, "priority": fact.priority}
    if fact.previous and fact.previous != fact.provider:
        doer = (directory.get("accounts", fact.by.lower()) or {}).get("provider")
        itself = OWN_DOING if doer == fact.previous else ""
        yield from _provider(
            fact, fact.previous, "ticket.taken_back", about, directory, house, more={"reason": fact.reason}, mail_because=itself
        )
    if fact.provider:
        about |= {"body": fact.body, "requester_name": fact.requester_name}
        yield from _provider(fact, fact.provider, "ticket.assigned", about, directory, house, more={"reason": fact.reason})


def _reopened(fact: TicketReopened, directory: Lookup, house: House) -> Iterator[Told]:
    if fact.provider:
        about = {"subject": fact.subject, "requester": fact.requester, "priority": fact.priority}
        itself = OWN_DOING if fact.side == "provider" else ""
        yield from _provider(
            fact, fact.provider, "ticket.reopened", about, directory, house, more={"reason": fact.reason}, mail_because=itself
        )


def _solved(fact: TicketSolved, directory: Lookup, house: House) -> Iterator[Told]:
    if fact.side != "customer":
        for address in _customers(fact):
            rate_url = house.ticket_url(fact.key) + "#rate" if address == fact.requester.lower() else ""
            body = {"subject": fact.subject, "resolution": fact.resolution, "by": fact.by, "side": fact.side, "rate_url": rate_url}
            yield _mail(fact, address, "ticket-solved", body, directory, house)


def _reviewed(fact: PriorityReviewed, directory: Lookup, house: House) -> Iterator[Told]:
    if fact.final:
        return
    body = {"subject": fact.subject, "priority": fact.priority, "previous": fact.previous, "reason": fact.reason}
    because = AUTHOR if fact.by.lower() == fact.requester.lower() else ""
    yield _mail(fact, fact.requester, "priority-reviewed", body, directory, house, because)


def _appeal_decided(fact: AppealDecided, directory: Lookup, house: House) -> Iterator[Told]:
    body = {"subject": fact.subject, "priority": fact.priority, "previous": fact.previous, "reason": fact.reason}
    yield _mail(fact, fact.requester, "appeal-decided", body, directory, house)


def _scoped(fact: ScopeDecided, directory: Lookup, house: House) -> Iterator[Told]:
    if fact.rule == "insisted":
        return
    body = {
        "subject": fact.subject, "reason": fact.reason, "pointers": list(fact.pointers), "not_covered": fact.scope is Scope.NOT_COVERED,
        "moved": fact.rule == "break_fix_sent_as_architecture",
    }  # fmt: skip
    yield _mail(fact, fact.requester, "scope-decided", body, directory, house)


def _joined(fact: ParticipantJoined, directory: Lookup, house: House) -> Iterator[Told]:
    """A link may end up where it was not sent: the requester hears of everybody who used it."""
    body = {"subject": fact.subject, "participant": fact.participant, "participant_name": fact.participant_name}
    yield _mail(fact, fact.requester, "participant-joined", body, directory, house)


def _warned(fact: ClockWarned, directory: Lookup, house: House) -> Iterator[Told]:
    if fact.clock != ClockName.PROVIDER_ANSWER or not fact.provider:
        return
    provider = directory.get("providers", fact.provider)
    mailbox = str((provider or {}).get("agent_email", "")).lower()
    because = NO_PROVIDER if provider is None else OWN_ADDRESS if mailbox in house.own_addresses else ""
    name = (provider or {}).get("name", fact.provider)
    body = {"subject": fact.subject, "due_at": fact.due_at.isoformat(), "percent": fact.percent, "to_name": name}
    yield _told(fact, "mail", mailbox or f"provider:{fact.provider}", "ticket-reminder", MAIL_DESTINATION, body, house, because)


HANDLERS: Mapping[str, Mapping[type[Fact], Callable[[Any, Lookup, House], Iterator[Told]]]] = {
    "tickets": {
        PrioritySet: _received,
        ReplyAdded: _replied,
        TicketAssigned: _assigned,
        TicketReopened: _reopened,
        TicketSolved: _solved,
        PriorityReviewed: _reviewed,
        AppealDecided: _appeal_decided,
        ScopeDecided: _scoped,
        ParticipantJoined: _joined,
    },
    "clocks": {ClockWarned: _warned},
    "pages": {},
    "status": {},
    "mail": {},
}
"""Topic → fact → whom it tells. Other facts of these topics tell nobody and are not even parsed."""

_RULES = {kind: rule for kinds in HANDLERS.values() for kind, rule in kinds.items()}

WANTED = {(topic, kind.__name__) for topic, kinds in HANDLERS.items() for kind in kinds}
