"""Tickets of another desk → bodies of `POST /v1/import/tickets`. Nothing said is lost: who has no
address stands under a stand-in, what is too long comes in parts, what has no time takes the time
before it. Pure.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import orjson

from cli.history.report import TAKEN_AS_BODY, ImportReport, Problem
from shared.instants import is_of_ours

NOWHERE = "invalid"
"""The top-level domain that never has an address (RFC 2606): nothing is sent to a stand-in."""
ENDED = frozenset({"solved", "closed", "resolved"})
PRIORITIES = frozenset({"urgent", "high", "normal", "low"})
# Below the 256 KiB that intake takes, with room for what JSON escapes.
BODY_BYTES = 180_000
MOST_COMMENTS = 400
LONGEST_TEXT = 90_000
"""Bytes of one text. A longer one is imported in parts."""
# Control characters but tab, line feed and carriage return.
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_NO_LETTER = re.compile(r"\W+")
_EMAIL = re.compile(r"[^@\s<>,;:\"\x00-\x1f\x7f]+@[^@\s<>,;:\"\x00-\x1f\x7f]+")
_WORD = re.compile(r"[^\x00-\x20\x7f]{1,100}")
_LONGEST_ADDRESS = 254
# Seconds; nine or ten digits are 1973 to 2286.
_EPOCH = re.compile(r"\d{9,10}(\.\d+)?")


@dataclass(frozen=True)
class HistoryPerson:
    """`email` is a stand-in's where `has_address` is false."""

    email: str
    name: str
    is_staff: bool = False
    has_address: bool = True


@dataclass(frozen=True)
class Comment:
    """`at`: as the desk wrote it, in whatever form; empty: not said. `files`: names of what was
    attached.
    """

    id: str
    author: HistoryPerson
    text: str
    at: Any
    public: bool = True
    files: tuple[str, ...] = ()


@dataclass(frozen=True)
class OldTicket:
    """As the other desk had it. `opener`: who wrote `text`, where that is not the requester."""

    file: str
    line: int
    id: str
    subject: str
    requester: HistoryPerson
    opener: HistoryPerson | None
    text: str
    at: Any
    ended_at: Any
    status: str
    priority: str = ""
    kind: str = ""
    app: str = ""
    comments: tuple[Comment, ...] = ()


@dataclass(frozen=True)
class ImportCall:
    """A ticket with the body of the import call. `comments`: how many of the report's comments are
    in it.
    """

    ticket: OldTicket
    body: dict[str, Any]
    comments: int


@dataclass
class MappedTickets:
    """`accounts` by address: who must be registered first."""

    source: str
    report: ImportReport
    bodies: list[ImportCall] = field(default_factory=list)
    accounts: dict[str, dict[str, Any]] = field(default_factory=dict)


def stand_in(
    source: str, their_id: object, name: str = "", *, is_staff: bool = False
) -> HistoryPerson:
    """Somebody without an address: the same one for the same id of the same desk."""
    # What an address may hold; where letters were lost, a hash keeps two people apart.
    word = re.sub(r"[^a-z0-9-]+", "-", str(their_id).lower()).strip("-")[:60]
    if word != str(their_id):
        word = f"{word}-{_short(str(their_id))}".strip("-")
    known = name or f"Somebody of {source} ({str(their_id)[:40]})"
    return HistoryPerson(f"user-{word}@{source}.{NOWHERE}", known, is_staff, has_address=False)


def account_of(person: HistoryPerson, plan: str) -> dict[str, Any]:
    """The directory document of somebody who asks. Rights of staff are given here, not carried
    over.
    """
    return {"email": person.email, "name": person.name, "plan": plan, "roles": ["requester"]}


def email_of(value: object) -> str | None:
    found = value.strip().lower() if isinstance(value, str) else ""
    return found if len(found) <= _LONGEST_ADDRESS and _EMAIL.fullmatch(found) else None


def one_line(value: object, most: int) -> str:
    text = value if isinstance(value, str) else "" if value is None else str(value)
    kept = "".join(c if c.isprintable() else " " for c in text)
    return " ".join(kept.split())[:most]


def instant_of(value: object) -> str | None:
    """An instant in UTC as the import takes it: ISO 8601 (UTC where it names no zone), or seconds
    since 1970; None where it is neither, or not of our time.
    """
    text = str(value if value is not None else "").strip()
    try:
        if _EPOCH.fullmatch(text):
            at = datetime.fromtimestamp(float(text), UTC)
        else:
            # Some desks write "2015-01-01 12:00 UTC".
            at = datetime.fromisoformat(text.removesuffix("UTC").strip())
    except (ValueError, OverflowError, OSError):
        return None
    at = at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
    return at.isoformat() if is_of_ours(at) else None


def add_ticket(
    mapped: MappedTickets, ticket: OldTicket, account: Callable[[HistoryPerson], Any]
) -> None:
    """Count the ticket and its comments, and make its body. `account`: the directory document of a
    person who asks.
    """
    report = mapped.report

    def problem(words: str) -> None:
        report.problems.append(
            Problem(ticket.file, ticket.line, f"ticket {one_line(ticket.id, 60) or '?'}", words)
        )

    # A ticket without a time takes the first that its comments have.
    times = [instant_of(each) for each in (ticket.at, *(c.at for c in ticket.comments))]
    at = next((each for each in times if each is not None), None)
    if at is None:
        problem("it has no time, and none of its comments has; left out")
        report.tickets.skip("have no time")
        report.comments.skip("belong to a ticket that is left out", len(ticket.comments))
        return
    if times[0] is None:
        problem(
            f"its time {one_line(ticket.at, 60)!r} cannot be read; its first comment's is taken"
        )
    # A comment without a time sorts with the ticket's own.
    ordered = sorted(ticket.comments, key=lambda one: instant_of(one.at) or at)
    told = ticket.text if ticket.text.strip() else ordered[0].text if ordered else ""
    # Zendesk lists the description as the first comment, too: its words stand once, as its
    # author's. Compared without signs and line breaks: one of the two may have been HTML.
    first = ordered[0] if ordered and _same(ordered[0].text, told) else None
    opener = first.author if first else ticket.opener or ticket.requester
    # A ticket that somebody else opened begins with a line that says so; the words stand as a reply
    # of theirs.
    is_own = opener.email == ticket.requester.email
    if first and is_own:
        ordered = ordered[1:]
        report.comments.skip(TAKEN_AS_BODY)
        told = _with_files(first, told, problem)
    comments, count = _comments(mapped, ordered, at, problem)
    if not first and not is_own and told.strip():
        comments = [*_parts("description", opener, _plain(told), at), *comments]
    subject = one_line(ticket.subject, 200) or "(no subject)"
    text = _plain(told) if is_own else f"Opened by {opener.name or opener.email}."
    # Too long for one body: the rest follows as replies, at the same time.
    text, *rest = list(_pieces(text)) or [subject]
    for number, piece in enumerate(rest, 2):
        comments.insert(
            number - 2, _make_comment(f"description.{number}", ticket.requester, piece, at)
        )
    body: dict[str, Any] = {
        "source": mapped.source,
        "id": _word(ticket.id),
        "requester": ticket.requester.email,
        "subject": subject,
        "at": at,
        "body": text,
        "comments": comments,
    }
    # Only words that mean the same here; others are left out and not guessed.
    if ticket.priority in PRIORITIES:
        body["priority"] = ticket.priority
    if ticket.kind == "question":
        body["kind"] = "question"
    if ticket.app and _WORD.fullmatch(ticket.app):
        body["app"] = ticket.app
    if ticket.status in ENDED:
        ended = instant_of(ticket.ended_at) or at
        # The end is never before the beginning, whatever the export says.
        body |= {"ended_at": max(ended, at), "closed": ticket.status == "closed"}
    mapped.accounts.setdefault(ticket.requester.email, account(ticket.requester))
    for person in (ticket.requester, opener, *(c.author for c in ticket.comments)):
        if not person.has_address:
            report.stand_ins[person.email] = person.name
    mapped.bodies.append(ImportCall(ticket, body, count))


def _comments(
    mapped: MappedTickets, ordered: Sequence[Comment], since: str, problem: Callable[[str], None]
) -> tuple[list[dict[str, Any]], int]:
    """The comments with their times, and how many they are; the others are counted with their
    reason.
    """
    sums = mapped.report.comments
    made: list[dict[str, Any]] = []
    seen: set[str] = set()
    last = since
    for number, comment in enumerate(ordered, 1):
        named = f"comment {one_line(comment.id, 60) or number}"
        text = _with_files(comment, _plain(comment.text), problem)
        # Each comment is imported, or counted with its reason.
        if not text.strip():
            problem(f"{named}: it says nothing; left out")
            sums.skip("say nothing")
            continue
        # Without an id, one from its place and its words: the same at every run.
        their_id = _word(comment.id) if comment.id else f"n{number}-{_short(text)}"
        if their_id in seen:
            problem(f"{named}: its id is here twice; the first is taken")
            sums.skip("are there twice")
            continue
        seen.add(their_id)
        at = instant_of(comment.at)
        if at is None:
            shown = one_line(comment.at, 60)
            problem(f"{named}: its time {shown!r} cannot be read; the one before is taken")
        # Comments never go back in time.
        last = at or last
        sums.imported += 1
        parts = _parts(their_id, comment.author, text, last, is_public=comment.public)
        if len(parts) > 1:
            problem(f"{named}: it is long, and imported in {len(parts)} parts")
        made += parts
    return made, len(seen)


def _with_files(comment: Comment, text: str, problem: Callable[[str], None]) -> str:
    """The text, with the names of what was attached: files are not imported."""
    if not comment.files:
        return text
    names = ", ".join(each or "a file without a name" for each in comment.files)
    problem(f"comment {one_line(comment.id, 60)}: attachments are not imported: {names}")
    return f"{text}\n\n(attached there: {names})".strip()


def _parts(
    their_id: str, author: HistoryPerson, text: str, at: str, *, is_public: bool = True
) -> list[dict[str, Any]]:
    """What somebody said, in several parts where it is too long for one."""
    return [
        _make_comment(
            their_id if part == 1 else f"{their_id[:90]}.{part}",
            author,
            piece,
            at,
            is_public=is_public,
        )
        for part, piece in enumerate(_pieces(text), 1)
    ]


def _make_comment(
    their_id: str, author: HistoryPerson, text: str, at: str, *, is_public: bool = True
) -> dict[str, Any]:
    return {
        "id": their_id,
        "author": author.email,
        "author_name": one_line(author.name, 300),
        "author_is_staff": author.is_staff,
        "public": is_public,
        "body": text,
        "at": at,
    }


def parts_of(body: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The ticket in bodies small enough to be taken: the comments may need several, and the end
    comes with the last.
    """
    # The end comes with the last part: a ticket that is over takes no more comments.
    rest = [name for name in ("ended_at", "closed") if name in body]
    opening = {name: value for name, value in body.items() if name not in ("comments", *rest)}
    part: list[dict[str, Any]] = []
    size = len(orjson.dumps(opening))
    for comment in body["comments"]:
        length = len(orjson.dumps(comment)) + 2
        if part and (len(part) >= MOST_COMMENTS or size + length > BODY_BYTES):
            yield {**opening, "comments": part}
            part, size = [], len(orjson.dumps(opening))
        part.append(comment)
        size += length
    yield {**opening, "comments": part, **{name: body[name] for name in rest}}


def newest(tickets: Sequence[OldTicket], report: ImportReport) -> list[OldTicket]:
    """One of each id: incremental exports list a ticket again when it changes. The last one with
    comments counts, and the others are counted as repeated.
    """
    kept: dict[str, OldTicket] = {}
    for ticket in tickets:
        before = kept.get(ticket.id)
        if before is not None:
            report.tickets.skip("are there again, newer")
            # ISO 8601 in UTC sorts as text.
            later = (instant_of(ticket.ended_at) or "") >= (instant_of(before.ended_at) or "")
            ticket, left = (ticket, before) if later else (before, ticket)
            if not ticket.comments:
                ticket = _with_comments(ticket, left.comments)
            else:
                report.comments.skip("belong to an older version of a ticket", len(left.comments))
        kept[ticket.id] = ticket
    return list(kept.values())


def _with_comments(ticket: OldTicket, comments: tuple[Comment, ...]) -> OldTicket:
    return OldTicket(**{**ticket.__dict__, "comments": comments})


def _plain(text: str) -> str:
    return _CONTROL.sub("", text.replace("\r\n", "\n"))


def _pieces(text: str) -> Iterator[str]:
    """The text in pieces of at most LONGEST_TEXT bytes, each with something in it."""
    raw = text.encode("utf-8", "replace")
    while len(raw) > LONGEST_TEXT:
        # A letter that is cut in two at the end goes to the next piece.
        piece = raw[:LONGEST_TEXT].decode("utf-8", "ignore")
        raw = raw[len(piece.encode()) :]
        if piece.strip():
            yield piece
    last = raw.decode("utf-8", "ignore")
    if last.strip():
        yield last


def _word(their_id: str) -> str:
    """An id as the import takes it: one of other characters is known by its hash."""
    return their_id if _WORD.fullmatch(their_id) else f"h-{_short(their_id)}"


def _short(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:16]


def _same(text: str, other: str) -> bool:
    """Whether they say the same: one may be the other without its HTML or its line breaks."""
    letters = _NO_LETTER.sub("", text).casefold()
    if not letters:
        return text.split() == other.split()
    return letters == _NO_LETTER.sub("", other).casefold()
