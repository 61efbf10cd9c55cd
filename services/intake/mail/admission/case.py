"""What there is to know before a message is decided on: who stands behind its From address, which
ticket and app it names.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Protocol

from services.intake.contacts.phone import SentPage
from services.intake.domain import World, make_admission
from services.intake.mail.admission.evidence import MailCase, NamedTicket, Sender
from services.intake.mail.admission.naming import (
    find_named_app,
    find_named_priority,
    messages_of_ours,
    ticket_in_subject,
    tokens_in,
    unique,
)
from services.intake.mail.admission.page_answers import (
    PageNamed,
    page_tokens_in,
    pages_of_ours,
    people_at,
)
from services.intake.mail.reading.models import Authentication, Envelope, MailContent
from services.intake.mail.tallies import SenderUsageCounter
from services.intake.world.directory import App
from services.intake.world.portal_view import SeenTicket
from services.intake.world.reference import Reference
from shared.access import Standing
from shared.events import Actor, Role, Via
from shared.people.folding import fold_address
from shared.people.identity import actor_of, is_active
from shared.signed.reply_address import is_made_for, is_page_made_for
from shared.signed.return_path import is_return_path, proven_notice

# A new provider's mail is known this soon, without a walk through all of them for each mail.
_PROVIDERS_GOOD_FOR_S = 2.0
_MOST_MERGES = 5
"""How often a ticket may have been merged into another, and that into another, to be followed."""

Providers = Callable[[], Mapping[str, Mapping[str, Any]]]
"""Every provider's directory document, by slug."""


class Tickets(Protocol):
    """`services.intake.world.portal_view.View`."""

    async def ticket(self, ticket_id: str) -> SeenTicket | None: ...

    async def has_no(self, ticket_id: str) -> bool: ...


class Pages(Protocol):
    """`services.intake.world.portal_view.View`."""

    async def list_waiting_pages(self, names: Collection[str]) -> list[SentPage]: ...


class Notices(Protocol):
    """`services.intake.mail.admission.known.KnownMail`."""

    async def ticket_of(self, notice: str) -> str | None: ...


@dataclass(frozen=True, slots=True)
class MailIdentity:
    """Who we are by mail: the support address, every address of ours, the domain of our
    Message-IDs, whom notices come from.
    """

    support: str
    own: frozenset[str]
    message_domain: str
    bot: str = ""
    pager_domain: str = ""
    """That of the Message-IDs of pages."""

    def takes(self, address: str) -> bool:
        """Whether mail for `address` is taken: for the support address and its tagged forms, for
        our own senders and return paths.
        """
        given = fold_address(address)
        # Tagged forms: reply addresses carry what they were made for behind a plus.
        local, _, domain = self.support.partition("@")
        name, _, at = given.rpartition("@")
        if at == domain and (name == local or name.startswith(f"{local}+")):
            return True
        if given in self.own or is_return_path(self.bot, given):
            return True
        # RFC 5321 section 4.5.1 asks for it on every domain that takes mail.
        return name == "postmaster" and at in {domain, self.message_domain}


class MailContext:
    """Looks everything up. `tickets` None: no view is asked, and the router decides on replies
    alone.
    """

    def __init__(
        self,
        reference: Reference,
        providers: Providers,
        tickets: Tickets | None,
        notices: Notices | None,
        secret: bytes | None,
        names: MailIdentity,
        tallies: SenderUsageCounter,
        pages: Pages | None = None,
    ) -> None:
        self._pages = pages
        self._reference, self._providers, self._tickets, self._notices = (
            reference,
            providers,
            tickets,
            notices,
        )
        self._secret, self.names, self.tallies = secret, names, tallies
        self._agents: tuple[float, dict[str, Actor]] = (float("-inf"), {})

    async def of(
        self,
        reading: MailContent,
        envelope: Envelope,
        authentication: Authentication,
        now: datetime,
        *,
        released: bool = False,
        account: str = "",
    ) -> tuple[MailCase, App | None]:
        """The case, and the app it names where the sender may use it. `account`: in whose name
        staff let it in. Raises Unavailable where a view that is needed is away.
        """
        sender = self._sender_at(fold_address(account)) if account else self._sender(reading)
        # The ticket first: in a reply only what is new may name an app.
        named = await self._find_named_ticket(reading, envelope, sender)
        text = reading.text if named is None else reading.reply
        app = find_named_app(reading.subject, text, sender.address, self._reference.directory.app)
        case = MailCase(
            reading=reading,
            envelope=envelope,
            authentication=authentication,
            sender=sender,
            named=named,
            is_loop=self._is_loop(reading),
            released=released,
            page=await self._page(reading, envelope, sender),
            would_page=self._would_page(reading, sender, app),
        )
        # Counted after the case is known: mail that is vouched for has a tally of its own.
        tally = self.tallies.of(sender.address, case.is_vouched_for, now)
        return replace(case, tally=tally), app

    def proven(self, reading: MailContent, envelope: Envelope) -> str | None:
        """The notice that whoever sent this report has had, by the address it came to or one it
        quotes.
        """
        if reading.bounce is None or self._secret is None:
            return None
        return proven_notice(
            self._secret, self.names.bot, [*envelope.rcpt_to, *reading.bounce.return_paths]
        )

    def _would_page(self, reading: MailContent, sender: Sender, app: App | None) -> bool:
        """Whether the ticket it asks for would wake somebody. Raises Unavailable before any policy
        is known.
        """
        asked = find_named_priority(reading.reply)
        account = self._reference.directory.account(sender.address) if sender.registered else None
        # No question for a priority, or nobody who could have one: it cannot page.
        if asked is None or account is None:
            return False
        world = World(account, app, None, (), self._reference.rules())
        return world.rules.verdict(make_admission(world), asked).pages

    def _sender(self, reading: MailContent) -> Sender:
        """Who wrote it: the From address, or whom a list names that put its own there."""
        sender = self._sender_at(fold_address(reading.from_address))
        # A list that rewrites From is seen through, but never where From is known by itself.
        if reading.behind_list is None or sender.actor is not None or sender.is_ours:
            return sender
        return replace(self._sender_at(fold_address(reading.behind_list.address)), behind_list=True)

    def _sender_at(self, address: str) -> Sender:
        account = self._reference.get("accounts", address) if address else None
        account = account if is_active(account) else None
        actor = actor_of(account, Via.EMAIL) if account is not None else self._agent(address)
        return Sender(address, actor, account is not None, address in self.names.own)

    def _agent(self, address: str) -> Actor | None:
        """A provider by its designated address, to which its notices go (seed 003); it need not be
        an account.
        """
        now = asyncio.get_running_loop().time()
        # Worked out now and then: it is asked for each stranger's mail.
        if now - self._agents[0] > _PROVIDERS_GOOD_FOR_S:
            agents = {
                fold_address(str(found.get("agent_email", ""))): Actor(
                    email=fold_address(str(found["agent_email"])),
                    name=str(found.get("name") or slug),
                    roles=(Role.PROVIDER,),
                    provider=slug,
                    via=Via.EMAIL,
                )
                for slug, found in self._providers().items()
                if found.get("agent_email")
            }
            self._agents = now, agents
        return self._agents[1].get(address)

    def _is_loop(self, reading: MailContent) -> bool:
        """Our own Message-ID, or our own address among the robots it went through (X-Loop)."""
        domain = (reading.message_id or "").strip("<>").rpartition("@")[2].lower()
        # A robot that adds our address to X-Loop has had our mail already.
        return domain == self.names.message_domain or self.names.bot.lower() in reading.x_loop

    async def _find_named_ticket(
        self, reading: MailContent, envelope: Envelope, sender: Sender
    ) -> NamedTicket | None:
        given = unique([*envelope.rcpt_to, *(each.address for each in (*reading.to, *reading.cc))])
        # The strongest evidence first: an address that was made for one ticket and one person.
        tokens = tokens_in(given, self.names.support)
        if tokens and self._secret is not None:
            people = self._people(sender)
            for token in tokens:
                if any(
                    is_made_for(self._secret, token.ticket_id, token.seal, person)
                    for person in people
                ):
                    return await self._look_up_ticket(
                        token.ticket_id, sender, by_token=True, genuine=True
                    )
            # A reply address, but of somebody else: the rules say what that is worth.
            return await self._look_up_ticket(
                tokens[0].ticket_id, sender, by_token=True, genuine=False
            )
        # Then a message of ours that it answers.
        tickets, notices = messages_of_ours(
            [*reading.references, *reading.in_reply_to], self.names.message_domain
        )
        if not tickets and notices and self._notices is not None:
            tickets = [
                ticket
                # A few are enough: the latest come first, and each one is a question to the store.
                for notice in notices[:5]
                if (ticket := await self._notices.ticket_of(notice))
            ]
        if tickets:
            return await self._look_up_ticket(tickets[0], sender, by_token=False, genuine=False)
        # The subject last, and only for a sender who is known: anybody can write an id into it.
        written = ticket_in_subject(reading.subject) if sender.actor is not None else None
        if written is None:
            return None
        named = await self._look_up_ticket(written, sender, by_token=False, genuine=False)
        return replace(named, by_subject=True) if named.standing is not None else None

    async def _page(
        self, reading: MailContent, envelope: Envelope, sender: Sender
    ) -> PageNamed | None:
        """The page a message answers. Its whole id stands in our Message-ID; without that, among
        the pages that wait for the sender.
        """
        given = unique([*envelope.rcpt_to, *(each.address for each in (*reading.to, *reading.cc))])
        tokens = page_tokens_in(given, self.names.support)
        pages = pages_of_ours([*reading.references, *reading.in_reply_to], self.names.pager_domain)
        # Neither our address nor a message of ours: not an answer to a page.
        if not tokens and not pages:
            return None
        policy = self._reference.on_call()
        people = people_at(policy, sender.address) if policy and sender.address else []
        made = [
            (owed, person)
            for owed, seal in tokens
            for person in people
            if self._is_page_made_for(owed, seal, person)
        ]
        # Made for this page and this person, so even the page alone is proof enough.
        if made:
            owed, person = made[0]
            page = next(
                (page for page in pages if page.endswith(f".{owed}")), None
            ) or await self._find_waiting_page(person, owed)
        else:
            # Only a reference: the page is known, who answers must be vouched for otherwise.
            page, person = pages[0] if pages else "", people[0] if people else ""
        email = policy.people[person].email if policy and person else ""
        return PageNamed(page, person, email, by_token=bool(tokens), genuine=bool(made))

    def _is_page_made_for(self, owed: str, seal: str, person: str) -> bool:
        return self._secret is not None and is_page_made_for(self._secret, owed, seal, person)

    async def _find_waiting_page(self, person: str, owed: str) -> str:
        """Raises Unavailable."""
        waiting = await self._pages.list_waiting_pages([person]) if self._pages is not None else []
        return next((page.page for page in waiting if page.page.endswith(f".{owed}")), "")

    def _people(self, sender: Sender) -> list[str]:
        """The people that a reply address of this sender may have been made for: a provider's users
        answer what went to their desk.
        """
        people = [sender.address]
        slug = sender.actor.provider if sender.actor else None
        provider = self._reference.directory.provider(slug) if slug else None
        return [*people, provider.agent_email] if provider is not None else people

    async def _where_it_goes_on(
        self, ticket: str, seen: SeenTicket, actor: Actor
    ) -> tuple[str, SeenTicket]:
        """The ticket that `ticket` was merged into, or that one in turn, where the sender is a
        customer of both: what answers the one is for the other.
        """
        for _ in range(_MOST_MERGES):
            if (
                seen.goes_on_in is None
                or self._tickets is None
                or seen.standing_of(actor) is not Standing.CUSTOMER
            ):
                break
            other = await self._tickets.ticket(seen.goes_on_in)
            if other is None or other.standing_of(actor) is not Standing.CUSTOMER:
                break
            ticket, seen = seen.goes_on_in, other
        return ticket, seen

    async def _look_up_ticket(
        self, ticket: str, sender: Sender, *, by_token: bool, genuine: bool
    ) -> NamedTicket:
        seen = await self._tickets.ticket(ticket) if self._tickets is not None else None
        # Asked only without a genuine address: that one proves the ticket, however new it is.
        if seen is None and not genuine and self._tickets is not None:
            absent = await self._tickets.has_no(ticket)
            return NamedTicket(ticket, by_token, genuine, known=absent)
        if seen is None or sender.actor is None:
            return NamedTicket(ticket, by_token, genuine, known=seen is not None)
        ticket, seen = await self._where_it_goes_on(ticket, seen, sender.actor)
        who = seen.standing_of(sender.actor)
        return NamedTicket(
            ticket,
            by_token,
            genuine,
            known=True,
            standing=who,
            subject=seen.subject,
            status=seen.status,
        )
