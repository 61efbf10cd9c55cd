"""From an admitted message to the request it makes: the same admission as the API's, with the mail's own text. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from services.intake.domain import Asked, World, admit, ask
from services.intake.forms import AcknowledgeForm, ReplyForm, TicketForm
from services.intake.mail.admission import Answer
from services.intake.mail.naming import priority_named, words_for
from services.intake.mail.reading.shape import Reading
from shared import events as e
from shared.events import Actor, Role, Stamp, Via
from shared.text.redact import redact

MOST_SUBJECT, MOST_TEXT, MOST_QUOTED, MOST_FILES = 200, 100_000, 50_000, 20


@dataclass(frozen=True, slots=True)
class Said:
    """The texts of a mail without its secrets, and the ids of its attachments."""

    subject: str
    text: str
    quoted: str
    attachments: tuple[str, ...]


def said_in(reading: Reading, attachments: Sequence[str]) -> Said:
    """What the message says as a ticket takes it, every secret masked."""
    subject, text = words_for(redact(reading.subject).text, redact(reading.reply).text, MOST_SUBJECT, MOST_TEXT)
    return Said(subject, text, redact(reading.quoted[:MOST_QUOTED]).text, tuple(attachments[:MOST_FILES]))


def opening(said: Said, world: World, actor: Actor, digest: str, at: datetime, *, verified: bool) -> e.OpenTicket:
    """The ticket a message opens. The message's hash is its Idempotency-Key: the same bytes open the same ticket."""
    form = TicketForm(
        subject=said.subject, body=said.text, app=world.app.name if world.app else None, priority=priority_named(said.text),
        attachments=said.attachments,
    )  # fmt: skip
    request = admit(form, world, Asked(actor, at, digest, digest)).request
    return request.having({"verified": verified, "pages": request.pages and verified, "quoted": said.quoted, "mail": digest})


def replying(
    said: Said, ticket: str, actor: Actor, digest: str, at: datetime, stamp: Stamp, *, automatic: bool, again: str = ""
) -> e.AddReply:
    """The reply a message is. `again` tells one that staff released after the router refused it.

    What staff and providers quote is left in the raw mail: it may be what they said among themselves, and all read the reply.
    """
    quoted = "" if actor.is_staff or actor.provider is not None else said.quoted
    form = ReplyForm(body=said.text, attachments=said.attachments)
    asked = Asked(actor, at, f"{digest}{again}", digest)
    request = ask(e.AddReply, ticket, form, asked, stamp, automatic=automatic, quoted=quoted, mail=digest)
    assert isinstance(request, e.AddReply)
    return request


def answering(answer: Answer, digest: str, at: datetime, stamp: Stamp, again: str = "") -> e.Request:
    """What an answer to a page asks for."""
    actor = Actor(email=answer.email, name=answer.person, roles=(Role.ON_CALL,), via=Via.EMAIL)
    return ask(_OF_PAGES[answer.asked], answer.page, AcknowledgeForm(), Asked(actor, at, f"{digest}{again}", digest), stamp)


_OF_PAGES: Mapping[str, type[e.Request]] = {"acknowledge": e.Acknowledge, "resolve": e.ResolvePage, "escalate": e.EscalatePage}
