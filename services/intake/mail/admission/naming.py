"""What a mail names: the ticket (by our reply address, or by a message of ours that it answers),
the app, the priority. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from services.intake.world.directory import App
from shared.events import Priority
from shared.people.folding import is_same_address
from shared.signed.reply_address import ticket_in

_TICKET = re.compile(r"tkt_[a-z2-7]{26}")
# As a whole word: a part of a longer word is no ticket's id.
_TICKET_WORD = re.compile(r"(?<![a-z0-9_])tkt_[a-z2-7]{26}(?![a-z0-9])")
_NOTICE = re.compile(r"ntc_[a-z2-7]{26}")
_BRACKETS = re.compile(r"\[([a-z0-9][a-z0-9._-]{0,99})\]", re.IGNORECASE)
# A whole line and one word: `App: crashes since noon` names no app.
_LINE = re.compile(r"(?im)^[ \t]*(app|application|priority)[ \t]*:[ \t]*(\S{1,100})[ \t]*$")
# What a mail is about is said at its beginning; further down stands what others wrote.
_FIRST_LINES = 12


@dataclass(frozen=True, slots=True)
class Thread:
    """Where a message belongs. Of the two, a reply address counts first; `seal` is empty for a
    reference.
    """

    ticket_id: str
    seal: str = ""


def tokens_in(addresses: Iterable[str], mailbox: str) -> list[Thread]:
    """The tickets whose reply addresses are among `addresses`, in their order."""
    found = (ticket_in(mailbox, address) for address in addresses)
    return [Thread(*each) for each in found if each is not None]


def messages_of_ours(message_ids: Iterable[str], domain: str) -> tuple[list[str], list[str]]:
    """Tickets and notices whose Message-IDs (with angle brackets) are among these, the latest
    first.
    """
    tickets, notices = [], []
    # The latest first: a long thread may have come through several tickets.
    for given in reversed(list(message_ids)):
        local, _, at = given.strip("<> \t").rpartition("@")
        if not is_same_address(at, domain):
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


def find_named_app(
    subject: str, text: str, sender: str, look_up: Callable[[str], App | None]
) -> App | None:
    """The app of the first `App: name` line or `[name]` in the subject that names an app `sender`
    may use; None: no such words.

    Words are weak evidence. "[PROD]" and "App: crashes since noon" are plain text, and so is the
    name of somebody else's app: so nobody finds out by mail which apps exist.
    """
    lines = [value for name, value in _lines(text) if name in ("app", "application")]
    # Lines before brackets: whoever writes a line means it.
    for word in (*lines, *_BRACKETS.findall(subject)):
        app = look_up(word.lower())
        if app is not None and app.has_access(sender):
            return app
    return None


def ticket_in_subject(subject: str) -> str | None:
    """The first ticket id in a subject line, such as `[tkt_…]`. Weak: anybody can write it."""
    found = _TICKET_WORD.search(subject.lower())
    return found[0] if found else None


def find_named_priority(text: str) -> Priority | None:
    """That of the first `Priority: urgent` line with a word we know; other words ask for
    nothing.
    """
    for name, value in _lines(text):
        # Marks of emphasis and of a sentence's end.
        word = value.lower().strip("*_.,;!")
        if name == "priority" and word in set(Priority):
            return Priority(word)
    return None


def _lines(text: str) -> list[tuple[str, str]]:
    """`name: one word` lines among the first lines, in order."""
    first = "\n".join(text.splitlines()[:_FIRST_LINES])
    return [(name.lower(), value) for name, value in _LINE.findall(first)]


def words_for(subject: str, text: str, most_subject: int, most_text: int) -> tuple[str, str]:
    """Subject and body as a ticket takes them: never empty, never too long."""
    line = " ".join(subject.split())[:most_subject].strip() or "(no subject)"
    body = text if len(text) <= most_text else text[: most_text - 1] + "…"
    return line, body if body.strip() else "(The mail has no text of its own.)"


def unique(addresses: Sequence[str]) -> list[str]:
    """Each once, in order."""
    return list(dict.fromkeys(addresses))
