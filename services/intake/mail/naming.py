"""What a mail names: the ticket (by our reply address, or by a message of ours that it answers), the app, the priority. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from services.intake.directory import App
from shared.events import Priority
from shared.reply_address import ticket_in

_TICKET = re.compile(r"tkt_[a-z2-7]{26}")
_NOTICE = re.compile(r"ntc_[a-z2-7]{26}")
_BRACKETS = re.compile(r"\[([a-z0-9][a-z0-9._-]{0,99})\]", re.IGNORECASE)
_LINE = re.compile(r"(?im)^[ \t]*(app|application|priority)[ \t]*:[ \t]*(\S{1,100})[ \t]*$")
_FIRST_LINES = 12
_USUAL_TAGS = frozenset(
    {
        "external", "ext", "extern", "bulk", "spam", "suspected-spam", "phishing", "fwd", "fw", "re", "aw", "wg", "tr", "rv", "encrypted",
        "secure", "confidential", "urgent", "high", "normal", "low", "ticket", "support", "help", "bug", "question", "test", "list",
    }
)  # fmt: skip
"""What mail systems and people put in brackets that is no app."""


@dataclass(frozen=True, slots=True)
class Thread:
    """Where a message belongs. Of the two, a reply address counts first; `seal` is empty for a reference."""

    ticket_id: str
    seal: str = ""


def tokens_in(addresses: Iterable[str], mailbox: str) -> list[Thread]:
    """The tickets whose reply addresses are among `addresses`, in their order."""
    found = (ticket_in(mailbox, address) for address in addresses)
    return [Thread(*each) for each in found if each is not None]


def messages_of_ours(message_ids: Iterable[str], domain: str) -> tuple[list[str], list[str]]:
    """Tickets and notices whose Message-IDs (with angle brackets) are among these, the latest first."""
    tickets, notices = [], []
    for given in reversed(list(message_ids)):
        local, _, at = given.strip("<> \t").rpartition("@")
        if at.lower() != domain.lower():
            continue
        if _TICKET.fullmatch(local):
            tickets.append(local)
        elif _NOTICE.fullmatch(local):
            notices.append(local)
    return tickets, notices


def notice_of(message_id: str | None, domain: str) -> str | None:
    """The notice whose Message-ID this is."""
    _, notices = messages_of_ours([message_id] if message_id else [], domain)
    return notices[0] if notices else None


@dataclass(frozen=True, slots=True)
class AppNamed:
    """`app` None: none was named, or the one named is not theirs (`refused`)."""

    app: App | None = None
    refused: bool = False


def app_named(subject: str, text: str, sender: str, look_up: Callable[[str], App | None]) -> AppNamed:
    """The app of an `App: name` line, or of `[name]` in the subject.

    An app that does not exist and one that is somebody else's are treated alike, so that nobody can find out which apps do.
    """
    lines = _lines(text)
    if named := lines.get("app") or lines.get("application"):
        app = look_up(named.lower())
        return AppNamed(app) if app is not None and app.has_access(sender) else AppNamed(refused=True)
    words = [word.lower() for word in _BRACKETS.findall(subject)]
    found = [look_up(word) for word in words]
    for app in found:
        if app is not None and app.has_access(sender):
            return AppNamed(app)
    return AppNamed(refused=any(word not in _USUAL_TAGS for word in words))


def priority_named(text: str) -> Priority | None:
    """That of a `Priority: urgent` line; a word we do not know asks for nothing."""
    asked = _lines(text).get("priority", "").lower()
    return Priority(asked) if asked in set(Priority) else None


def _lines(text: str) -> dict[str, str]:
    first = "\n".join(text.splitlines()[:_FIRST_LINES])
    return {name.lower(): value for name, value in reversed(_LINE.findall(first))}


def words_for(subject: str, text: str, most_subject: int, most_text: int) -> tuple[str, str]:
    """Subject and body as a ticket takes them: never empty, never too long."""
    line = " ".join(subject.split())[:most_subject].strip() or "(no subject)"
    body = text if len(text) <= most_text else text[: most_text - 1] + "…"
    return line, body if body.strip() else "(The mail has no text of its own.)"


def unique(addresses: Sequence[str]) -> list[str]:
    """Each once, in order."""
    return list(dict.fromkeys(addresses))
