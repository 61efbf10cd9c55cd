"""From an admitted message to the request it makes: the same admission as the API's, with the
mail's own text. Pure.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from services.intake.domain import RequestContext, World, admit, ask
from services.intake.forms import AcknowledgeForm, ReplyForm, TicketForm
from services.intake.mail.admission.admission import PageAnswer
from services.intake.mail.admission.naming import find_named_priority, words_for
from services.intake.mail.reading.models import Attachment, MailContent
from shared import events as e
from shared.events import Actor, Role, Stamp, Via
from shared.text.redact import redact

# What a ticket's event holds; a longer text goes along as a file.
MOST_SUBJECT, MOST_TEXT, MOST_QUOTED, MOST_FILES = 200, 100_000, 50_000, 20
_BEYOND = 40_000
"""Characters that a secret may have: the longest key block is shorter."""
WHOLE_TEXT = "whole-mail.txt"
_IN_FILE = f"(This mail goes on. The whole text is in the file {WHOLE_TEXT}.)"
_IN_MAIL = "(This mail goes on. Support can read the rest of it in the mail itself.)"

TOO_MANY = "too-many"
"""Why a file is left out that comes after as many as a ticket takes."""
_NOT_KEPT = {
    "empty": ("is empty and was left out", "are empty and were left out"),
    "infected": (
        "was left out: our virus scanner knows it as harmful",
        "were left out: our virus scanner knows them as harmful",
    ),
    "too-large": ("is too large and was left out", "are too large and were left out"),
}
"""Why not → what to say of one, and of several."""
# More names would fill the note; the raw mail has them all.
_NAMED_MOST = 20


@dataclass(frozen=True, slots=True)
class MailTexts:
    """The texts of a mail without its secrets, and the ids of its attachments."""

    subject: str
    text: str
    quoted: str
    attachments: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class KeptFile:
    """A file of a mail. `id` empty: it was left out, and `why_not` is the reason's code."""

    name: str
    id: str = ""
    why_not: str = ""


def extract_texts(
    reading: MailContent, files: Sequence[KeptFile], *, new: bool, rest_in_file: bool = False
) -> MailTexts:
    """What the message says as a ticket takes it, every secret masked. The files that the ticket
    does not have are named below the text.

    `new`: it opens a ticket, so nothing of it is folded: what looks like a quotation in a first
    mail is what the ticket is about. `rest_in_file`: the file of `whole_text` is among `files`,
    for a text that is too long for an event.
    """
    notes = "\n".join(f"[{line}]" for line in notes_on_files(files, reading.files_beyond))
    # The notes must fit below the text, with an empty line between.
    room = MOST_TEXT - len(notes) - 2
    whole = reading.text if new else reading.reply
    text = _mask_text(whole, MOST_TEXT)
    # The first test knows the masked text, the second one that more was never looked at.
    if len(text) > room or len(whole) > MOST_TEXT + _BEYOND:
        # Some room for the sentence, and for the end of a word.
        text = text[: room - 200].rstrip() + "\n\n" + (_IN_FILE if rest_in_file else _IN_MAIL)
    subject, text = words_for(redact(reading.subject).text, text, MOST_SUBJECT, room)
    folded = "" if new else reading.quoted
    quoted = _mask_text(folded, MOST_QUOTED)
    if len(quoted) > MOST_QUOTED or len(folded) > MOST_QUOTED + _BEYOND:
        quoted = quoted[: MOST_QUOTED - 1] + "…"
    return MailTexts(
        subject,
        f"{text}\n\n{notes}" if notes else text,
        quoted,
        tuple(each.id for each in files if each.id),
    )


def _mask_text(text: str, most: int) -> str:
    """The beginning of a text without secrets: no more is searched than is taken, and what a secret
    that begins in it may reach beyond.
    """
    return redact(text[: most + _BEYOND]).text


def notes_on_files(files: Sequence[KeptFile], beyond: int) -> list[str]:
    """A sentence for each kind of file that the ticket does not have. `beyond`: how many more the
    reader did not look at.
    """
    notes = []
    # Each reason once, in the order in which the files came.
    for reason in dict.fromkeys(each.why_not for each in files if not each.id):
        names = [redact(each.name).text for each in files if each.why_not == reason]
        if reason != TOO_MANY:
            words = _NOT_KEPT.get(reason, ("could not be kept", "could not be kept"))
            notes.append(f"{_join_names(names)} {words[len(names) > 1]}.")
    # Those beyond the limit in one sentence, with those the reader did not open.
    names = [redact(each.name).text for each in files if each.why_not == TOO_MANY]
    if more := len(names) + beyond:
        are = "1 more file is" if more == 1 else f"{more} more files are"
        listed = f": {_join_names(names)}" if names else ""
        notes.append(f"{are} in the mail, which support can open{listed}.")
    return notes


def _join_names(names: Sequence[str]) -> str:
    shown = list(names[:_NAMED_MOST])
    if more := len(names) - len(shown):
        shown.append("1 other" if more == 1 else f"{more} others")
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"


def whole_text(reading: MailContent, actor: Actor, *, new: bool) -> Attachment | None:
    """The mail's whole text as a file, where a ticket cannot hold it all; None where it can.

    For a reply of staff or a provider without what it quotes (see `make_reply_request`).
    """
    # A new ticket folds nothing away, so all of the text has to fit.
    if new:
        text, fits = reading.text, len(reading.text) <= MOST_TEXT
    elif hides_quotations(actor):
        # What they quote must stay out of the file as well.
        text, fits = reading.reply, len(reading.reply) <= MOST_TEXT
    else:
        text = reading.text
        fits = len(reading.reply) <= MOST_TEXT and len(reading.quoted) <= MOST_QUOTED
    if fits:
        return None
    content = text.encode()
    return Attachment(
        filename=WHOLE_TEXT,
        content_type="text/plain",
        declared_type="text/plain",
        size=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        content=content,
    )


def hides_quotations(actor: Actor) -> bool:
    """Whether what a reply of theirs quotes stays in the raw mail: it may be what staff or a
    provider said among themselves, and everybody on the ticket reads the reply.
    """
    return actor.is_staff or actor.provider is not None


def make_open_request(
    said: MailTexts,
    world: World,
    actor: Actor,
    digest: str,
    at: datetime,
    *,
    letter: str,
    verified: bool,
    no_receipt: str = "",
    follows: str | None = None,
) -> e.OpenTicket:
    """The ticket that message `digest` opens. The letter (`services/intake/mail/queue/letters.py`)
    is its Idempotency-Key: what comes by two paths opens one ticket.

    A copy nobody vouches for is another request for the same ticket, so it never stands in the way
    of the one that is vouched for: the router takes that one as the sender's confirmation.
    """
    form = TicketForm(
        subject=said.subject,
        body=said.text,
        app=world.app.name if world.app else None,
        priority=find_named_priority(said.text),
        attachments=said.attachments,
    )
    # Another digest under the same key: the router then sees a second request for the same ticket.
    asked = RequestContext(actor, at, letter, letter if verified else f"{letter}.unverified")
    request = admit(form, world, asked).request
    return request.copy_with(
        {
            "verified": verified,
            # A forged mail must not wake anybody.
            "pages": request.pages and verified,
            "quoted": said.quoted,
            "mail": digest,
            "no_receipt": no_receipt[:300],
            "follows": follows,
        }
    )


def make_reply_request(
    said: MailTexts,
    ticket: str,
    actor: Actor,
    digest: str,
    at: datetime,
    stamp: Stamp,
    *,
    letter: str,
    automatic: bool,
    because: str = "",
    doubtful: bool = False,
    again: str = "",
) -> e.AddReply:
    """The reply a message is. `again` tells one that staff released after the router refused it.

    What staff and providers quote is left in the raw mail (`hides_quotations`).
    """
    quoted = "" if hides_quotations(actor) else said.quoted
    form = ReplyForm(body=said.text, attachments=said.attachments)
    asked = RequestContext(actor, at, f"{letter}{again}", letter)
    request = ask(
        e.AddReply,
        ticket,
        form,
        asked,
        stamp,
        automatic=automatic,
        automatic_because=because[:300],
        doubtful=doubtful,
        quoted=quoted,
        mail=digest,
    )
    assert isinstance(request, e.AddReply)
    return request


def make_answer_request(
    answer: PageAnswer, digest: str, at: datetime, stamp: Stamp, again: str = ""
) -> e.Request:
    """What an answer to a page asks for."""
    actor = Actor(email=answer.email, name=answer.person, roles=(Role.ON_CALL,), via=Via.EMAIL)
    return ask(
        _OF_PAGES[answer.asked],
        answer.page,
        AcknowledgeForm(),
        # The message is the key: the same answer twice acknowledges once.
        RequestContext(actor, at, f"{digest}{again}", digest),
        stamp,
    )


_OF_PAGES: Mapping[str, type[e.Request]] = {
    "acknowledge": e.Acknowledge,
    "resolve": e.ResolvePage,
    "escalate": e.EscalatePage,
}
