"""What there is to know before a message is decided on: who stands behind its From address, which ticket and app it names."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

from services.intake.directory import App
from services.intake.mail.admission import Case, Named, Sender, Tally
from services.intake.mail.naming import app_named, messages_of_ours, tokens_in, unique
from services.intake.mail.page_answers import PageNamed, page_tokens_in, pages_of_ours, people_at
from services.intake.mail.reading.shape import Authentication, Envelope, Reading
from services.intake.phone import Waiting
from services.intake.reference import Reference
from services.intake.view import Seen
from shared.access import standing
from shared.events import Actor, Role, Via
from shared.identity import actor_of
from shared.reply_address import is_made_for, is_page_made_for
from shared.return_path import is_return_path, proven_notice

HOUR = timedelta(hours=1)
_PROVIDERS_GOOD_FOR_S = 2.0

Providers = Callable[[], Mapping[str, Mapping[str, Any]]]
"""Every provider's directory document, by slug."""


class Tickets(Protocol):
    """`services.intake.view.View`."""

    async def ticket(self, ticket_id: str) -> Seen | None: ...


class Pages(Protocol):
    """`services.intake.view.View`."""

    async def waiting_for(self, names: Collection[str]) -> list[Waiting]: ...


class Notices(Protocol):
    """`services.intake.mail.known.KnownMail`."""

    async def ticket_of(self, notice: str) -> str | None: ...


@dataclass(frozen=True, slots=True)
class Names:
    """Who we are by mail: the support address, every address of ours, the domain of our Message-IDs, whom notices come from."""

    support: str
    own: frozenset[str]
    message_domain: str
    bot: str = ""
    pager_domain: str = ""
    """That of the Message-IDs of pages."""

    def takes(self, address: str) -> bool:
        """Whether mail for `address` is taken: for the support address and its tagged forms, for our own senders and return paths."""
        given = address.lower()
        local, _, domain = self.support.partition("@")
        name, _, at = given.rpartition("@")
        if at == domain and (name == local or name.startswith(f"{local}+")):
            return True
        if given in self.own or is_return_path(self.bot, given):
            return True
        return name == "postmaster" and at in {domain, self.message_domain}


@dataclass
class Tallies:
    """How much each sender sent within the last hour, in this process. What nobody vouches for is counted apart, so that a
    forger does not use up what the owner of the address may send."""

    most_tickets: int = 20
    most_replies: int = 60
    _tickets: dict[tuple[str, bool], deque[datetime]] = field(default_factory=dict)
    _replies: dict[tuple[str, bool], deque[datetime]] = field(default_factory=dict)

    def of(self, sender: str, vouched: bool, now: datetime) -> Tally:
        key = sender, vouched
        return Tally(_left(self._tickets, key, now), _left(self._replies, key, now), self.most_tickets, self.most_replies)

    def count(self, sender: str, vouched: bool, now: datetime, *, reply: bool) -> None:
        kept = self._replies if reply else self._tickets
        if len(kept) > 50_000:
            for key in [key for key, times in kept.items() if not times or times[-1] <= now - HOUR]:
                del kept[key]
        kept.setdefault((sender, vouched), deque(maxlen=1000)).append(now)


def _left(kept: dict[tuple[str, bool], deque[datetime]], key: tuple[str, bool], now: datetime) -> int:
    times = kept.get(key)
    while times and times[0] <= now - HOUR:
        times.popleft()
    return len(times) if times else 0


class Cases:
    """Looks everything up. `tickets` None: no view is asked, and the router decides on replies alone."""

    def __init__(
        self, reference: Reference, providers: Providers, tickets: Tickets | None, notices: Notices | None, secret: bytes | None,
        names: Names, tallies: Tallies, pages: Pages | None = None,
    ) -> None:  # fmt: skip
        self._pages = pages
        self._reference, self._providers, self._tickets, self._notices = reference, providers, tickets, notices
        self._secret, self.names, self.tallies = secret, names, tallies
        self._agents: tuple[float, dict[str, Actor]] = (float("-inf"), {})

    async def of(
        self, reading: Reading, envelope: Envelope, authentication: Authentication, now: datetime, *, released: bool = False
    ) -> tuple[Case, App | None]:
        """The case, and the app it names where that is the sender's. Raises Unavailable where a view that is needed is away."""
        sender = self._sender(reading)
        named = await self._named(reading, envelope, sender)
        app = app_named(reading.subject, reading.reply, sender.address, self._reference.directory.app)
        case = Case(
            reading=reading, envelope=envelope, authentication=authentication, sender=sender, named=named,
            app_refused=named is None and app.refused, is_loop=self._is_loop(reading), released=released,
            page=await self._page(reading, envelope, sender),
        )  # fmt: skip
        tally = self.tallies.of(sender.address, case.is_vouched_for, now)
        return Case(**{**{name: getattr(case, name) for name in Case.__slots__}, "tally": tally}), app.app

    def proven(self, reading: Reading, envelope: Envelope) -> str | None:
        """The notice that whoever sent this report has had, by the address it came to or one it quotes."""
        if reading.bounce is None or self._secret is None:
            return None
        return proven_notice(self._secret, self.names.bot, [*envelope.rcpt_to, *reading.bounce.return_paths])

    def _sender(self, reading: Reading) -> Sender:
        address = reading.from_address.lower()
        account = self._reference.get("accounts", address) if address else None
        actor = actor_of(account, Via.EMAIL) if account is not None else self._agent(address)
        return Sender(address, actor, account is not None, address in self.names.own)

    def _agent(self, address: str) -> Actor | None:
        """A provider by its designated address, to which its notices go (seed 003); it need not be an account."""
        now = asyncio.get_running_loop().time()
        if now - self._agents[0] > _PROVIDERS_GOOD_FOR_S:
            agents = {
                str(found.get("agent_email", "")).lower(): Actor(
                    email=str(found["agent_email"]).lower(), name=str(found.get("name") or slug), roles=(Role.PROVIDER,), provider=slug,
                    via=Via.EMAIL,
                )
                for slug, found in self._providers().items()
                if found.get("agent_email")
            }  # fmt: skip
            self._agents = now, agents
        return self._agents[1].get(address)

    def _is_loop(self, reading: Reading) -> bool:
        return (reading.message_id or "").strip("<>").rpartition("@")[2].lower() == self.names.message_domain

    async def _named(self, reading: Reading, envelope: Envelope, sender: Sender) -> Named | None:
        given = unique([*envelope.rcpt_to, *(each.address for each in (*reading.to, *reading.cc))])
        tokens = tokens_in(given, self.names.support)
        if tokens and self._secret is not None:
            people = self._people(sender)
            for token in tokens:
                if any(is_made_for(self._secret, token.ticket_id, token.seal, person) for person in people):
                    return await self._standing(token.ticket_id, sender, by_token=True, genuine=True)
            return await self._standing(tokens[0].ticket_id, sender, by_token=True, genuine=False)
        tickets, notices = messages_of_ours([*reading.references, *reading.in_reply_to], self.names.message_domain)
        if not tickets and notices and self._notices is not None:
            tickets = [ticket for notice in notices[:5] if (ticket := await self._notices.ticket_of(notice))]
        return await self._standing(tickets[0], sender, by_token=False, genuine=False) if tickets else None

    async def _page(self, reading: Reading, envelope: Envelope, sender: Sender) -> PageNamed | None:
        """The page a message answers. Its whole id stands in our Message-ID; without that, among the pages that wait for the sender."""
        given = unique([*envelope.rcpt_to, *(each.address for each in (*reading.to, *reading.cc))])
        tokens = page_tokens_in(given, self.names.support)
        pages = pages_of_ours([*reading.references, *reading.in_reply_to], self.names.pager_domain)
        if not tokens and not pages:
            return None
        policy = self._reference.on_call()
        people = people_at(policy, sender.address) if policy and sender.address else []
        made = [(owed, person) for owed, seal in tokens for person in people if self._is_page_made_for(owed, seal, person)]
        if made:
            owed, person = made[0]
            page = next((page for page in pages if page.endswith(f".{owed}")), None) or await self._waiting(person, owed)
        else:
            page, person = pages[0] if pages else "", people[0] if people else ""
        email = policy.people[person].email if policy and person else ""
        return PageNamed(page, person, email, by_token=bool(tokens), genuine=bool(made))

    def _is_page_made_for(self, owed: str, seal: str, person: str) -> bool:
        return self._secret is not None and is_page_made_for(self._secret, owed, seal, person)

    async def _waiting(self, person: str, owed: str) -> str:
        """Raises Unavailable."""
        waiting = await self._pages.waiting_for([person]) if self._pages is not None else []
        return next((page.page for page in waiting if page.page.endswith(f".{owed}")), "")

    def _people(self, sender: Sender) -> list[str]:
        """For whom a reply address may have been made that this sender uses: a provider's users answer what went to their desk."""
        people = [sender.address]
        slug = sender.actor.provider if sender.actor else None
        provider = self._reference.directory.provider(slug) if slug else None
        return [*people, provider.agent_email] if provider is not None else people

    async def _standing(self, ticket: str, sender: Sender, *, by_token: bool, genuine: bool) -> Named:
        seen = await self._tickets.ticket(ticket) if self._tickets is not None else None
        if seen is None or sender.actor is None:
            return Named(ticket, by_token, genuine, known=seen is not None)
        who = standing(sender.actor, requester=seen.requester, participants=seen.participants, provider=seen.provider)
        return Named(ticket, by_token, genuine, known=True, standing=who)
