"""All that is known of a message before it is decided on (`admission.py`), and how strong it
is. Pure.

docs/evidence.md says which rule may act on which evidence.
"""

from __future__ import annotations

from dataclasses import dataclass

from services.intake.mail.admission.page_answers import PageNamed
from services.intake.mail.admission.subjects import find_answering_words
from services.intake.mail.reading.models import Authentication, Envelope, MailContent
from shared.access import Standing
from shared.events import Actor


@dataclass(frozen=True, slots=True)
class Sender:
    """The From address, in lower case, and whom it stands for: an account's actor, or a provider's
    by its designated address.
    """

    address: str
    actor: Actor | None
    registered: bool = False
    """It is an account's: only accounts open tickets."""
    is_ours: bool = False
    behind_list: bool = False
    """`address` is who a list says wrote it, not the From address: DMARC does not speak for
    them.
    """


@dataclass(frozen=True, slots=True)
class NamedTicket:
    """The ticket a message names: by a reply address (`by_token`), by its id in the subject
    (`by_subject`), else by a message of ours that it answers.

    `genuine`: the reply address was made for this sender. `standing`: what the sender is to the
    ticket. `known` false: the view could not be asked, or the ticket of a genuine address is too
    new for it: then the router decides. `subject` and `status` are the ticket's, empty where not
    known.
    """

    ticket_id: str
    by_token: bool
    genuine: bool
    known: bool
    standing: Standing | None = None
    by_subject: bool = False
    subject: str = ""
    status: str = ""


@dataclass(frozen=True, slots=True)
class SenderUsage:
    """What this sender has sent within the last hour, without this message, and how many may be;
    `told`: how often within a day they were told that a mail of theirs was kept.
    """

    tickets: int = 0
    replies: int = 0
    most_tickets: int = 20
    most_replies: int = 60
    told: int = 0
    most_told: int = 20


@dataclass(frozen=True, slots=True)
class MailCase:
    """All that is known. `released`: staff vouch for it. `would_page`: as the ticket it asks for,
    it would wake the on-call engineer, provided somebody vouches for the sender.
    """

    reading: MailContent
    envelope: Envelope
    authentication: Authentication
    sender: Sender
    named: NamedTicket | None = None
    is_loop: bool = False
    tally: SenderUsage = SenderUsage()
    released: bool = False
    page: PageNamed | None = None
    would_page: bool = False

    @property
    def is_aligned(self) -> bool:
        """Whether the sender's own domain vouches for them (DMARC)."""
        return self.authentication.aligned and not self.sender.behind_list

    @property
    def is_vouched_for(self) -> bool:
        """By the From domain (DMARC), by the address only they were given, or by staff."""
        by_address = (self.named is not None and self.named.genuine) or (
            self.page is not None and self.page.genuine
        )
        return self.is_aligned or self.released or by_address

    @property
    def is_proven(self) -> bool:
        """The same without staff's word: whoever wrote it has that mailbox, or had mail in it."""
        return self.is_vouched_for and (not self.released or self.is_aligned)

    @property
    def is_customers(self) -> bool:
        """A registered sender who is vouched for: they get a ticket, or a reply on one."""
        return self.sender.registered and self.is_vouched_for

    @property
    def is_emergency(self) -> bool:
        return self.would_page and self.is_customers

    @property
    def machine(self) -> str:
        """The strong mark that a machine wrote it; empty where there is none."""
        found = self.reading.automatic
        return found.reason if found is not None and found.certain else ""

    @property
    def away_words(self) -> str:
        """The words of an autoresponder in what the sender added to the subject."""
        own = self.named.subject if self.named is not None else ""
        return find_answering_words(self.reading.subject, own)

    @property
    def why_no_receipt(self) -> str:
        """Why no machine of ours says that it has arrived: any mark, however weak. Empty: it
        does.
        """
        if self.reading.automatic is not None:
            return (
                "its header says that no machine should answer it "
                f"({self.reading.automatic.reason})"
            )
        if words := self.away_words:
            return f'its subject looks like an automatic answer\'s ("{words[:100]}")'
        return ""
