"""Tickets and their comments in a plain file: CSV, or JSON with the same names.

A row of a CSV is a ticket, a comment of one, or both: rows with the id of a ticket that is there
already add their comment to it. The separator may be a comma, a semicolon, a tab or a bar; names of
columns may be written in any case, with spaces or lines. `COLUMNS` and `COMMENT_COLUMNS` list them.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from cli.history.records import Record, RecordOrigin, objects, parse, records_of, text_of
from cli.history.report import ImportReport, Problem
from cli.history.tickets import (
    Comment,
    HistoryPerson,
    MappedTickets,
    OldTicket,
    account_of,
    add_ticket,
    email_of,
    one_line,
    stand_in,
)

COLUMNS: dict[str, tuple[str, ...]] = {
    "id": ("ticket_id", "ticket", "number", "key", "case_number"),
    "subject": ("title", "summary"),
    "body": ("description", "text", "message", "content"),
    "requester": ("requester_email", "email", "from", "customer", "customer_email", "reporter"),
    "requester_name": ("name", "customer_name", "reporter_name"),
    "opened_by": ("opener", "submitter", "submitter_email", "created_by"),
    "created_at": ("created", "opened_at", "date", "at"),
    "ended_at": ("closed_at", "solved_at", "resolved_at", "updated_at", "updated"),
    "status": ("state",),
    "priority": (),
    "kind": ("type",),
    "app": ("application",),
}
"""Name of a column → other names it is known by. `id` is needed, the rest is not."""
COMMENT_COLUMNS: dict[str, tuple[str, ...]] = {
    "comment": ("comment_body", "comment_text", "reply"),
    "comment_id": (),
    "comment_author": ("comment_author_email", "author", "author_email", "comment_from"),
    "comment_author_name": ("author_name",),
    "comment_is_staff": ("author_is_staff", "is_staff", "author_role", "comment_author_role"),
    "comment_public": ("public", "is_public", "visibility"),
    "comment_at": ("comment_created_at", "comment_created", "comment_date"),
}
"""The same for comments. In a JSON list of comments, and in a file of comments alone, they may also
be called `body`, `id` and `created_at`.
"""
# In a comment of its own, "body" is the comment's and not the ticket's.
_OF_COMMENT = {"body": "comment", "text": "comment", "id": "comment_id", "created_at": "comment_at"}
_ALIASES = {
    alias: name
    for table in (COLUMNS, COMMENT_COLUMNS)
    for name, others in table.items()
    for alias in (name, *others)
}
_SEPARATORS = ",;\t|"
# Words by which desks say whether an author is staff, and whether a comment is public.
_YES = frozenset({"1", "true", "yes", "y", "staff", "agent", "admin"})
_NO = frozenset({"0", "false", "no", "n", "private", "internal", "note"})
# Python's own limit (128 KiB) is less than one long thread.
_LONGEST_CELL = 10_000_000


def read(
    file: Path, source: str, plan: str, staff: Sequence[str] = (), comments: Path | None = None
) -> MappedTickets:
    """The tickets of `file`, with the comments of a second file where there is one. `staff`:
    addresses, or domains such as `@desk.example`, whose comments are staff's.
    """
    report = ImportReport()
    mapped = MappedTickets(source, report)
    who = _people(source, staff)
    tickets: dict[str, Record] = {}
    places: dict[str, RecordOrigin] = {}
    said: dict[str, list[Record]] = {}
    # Rows of one ticket may stand anywhere: comments are gathered first, tickets made last.
    for place, row in _rows(file, report.problems):
        their_id = _cell(row, "id")
        own = [_rename_columns(each, is_comment=True) for each in objects(row.get("comments"))]
        if _cell(row, "comment"):
            own.append(row)
        if "comments" in row and not isinstance(row["comments"], list):
            words = "its comments are no list; they are left out"
            report.problems.append(Problem(place.file, place.line, f"ticket {their_id}", words))
        # Everything that is read is counted, also what is left out: the sums must add up.
        report.comments.read += len(own)
        if not their_id:
            words = "this row has no id; left out"
            report.problems.append(Problem(place.file, place.line, "", words))
            report.tickets.read += 1
            report.tickets.skip("have no id")
            report.comments.skip("belong to a ticket that is left out", len(own))
            continue
        said.setdefault(their_id, []).extend(own)
        # The first row of an id is the ticket; later ones bring comments.
        if their_id not in tickets:
            report.tickets.read += 1
            tickets[their_id], places[their_id] = row, place
        elif not own:
            report.tickets.read += 1
            report.tickets.skip("are there again")
            words = "it is here again, with no comment; the first row is taken"
            report.problems.append(Problem(place.file, place.line, f"ticket {their_id}", words))
    # The second file, where there is one.
    for place, row in _rows(comments, report.problems, is_comment=True) if comments else ():
        report.comments.read += 1
        their_id = _cell(row, "id")
        if their_id in tickets:
            said[their_id].append(row)
            continue
        words = f"there is no ticket {their_id!r} for this comment; left out"
        report.problems.append(Problem(place.file, place.line, "", words))
        report.comments.skip("belong to a ticket that is not there")
    for their_id, row in tickets.items():
        ticket = _ticket(places[their_id], row, said[their_id], who)
        add_ticket(mapped, ticket, lambda person: account_of(person, plan))
    report.users = len(mapped.accounts)
    return mapped


def _ticket(
    place: RecordOrigin,
    row: Record,
    said: Sequence[Record],
    who: Callable[[str, str, str], HistoryPerson],
) -> OldTicket:
    their_id = _cell(row, "id")
    requester = who(_cell(row, "requester"), _cell(row, "requester_name"), f"ticket-{their_id}")
    opened_by = _cell(row, "opened_by")
    return OldTicket(
        file=place.file,
        line=place.line,
        id=their_id,
        subject=_cell(row, "subject"),
        requester=requester,
        opener=who(opened_by, "", "") if opened_by else None,
        text=_cell(row, "body"),
        at=_cell(row, "created_at"),
        ended_at=_cell(row, "ended_at"),
        status=_cell(row, "status").lower(),
        priority=_cell(row, "priority").lower(),
        kind=_cell(row, "kind").lower(),
        app=_cell(row, "app"),
        comments=tuple(_comment(each, requester, who) for each in said),
    )


def _comment(
    row: Record, requester: HistoryPerson, who: Callable[[str, str, str], HistoryPerson]
) -> Comment:
    """Without an author it is the requester's own."""
    address, name = _cell(row, "comment_author"), _cell(row, "comment_author_name")
    author = who(address, name, "") if address or name else requester
    is_public = _cell(row, "comment_public").lower() not in _NO
    # A private comment is staff's, whatever the list says: customers write none.
    is_staff = author.is_staff or _cell(row, "comment_is_staff").lower() in _YES or not is_public
    return Comment(
        _cell(row, "comment_id"),
        HistoryPerson(author.email, author.name, is_staff, author.has_address),
        _cell(row, "comment"),
        _cell(row, "comment_at"),
        is_public,
    )


def _people(source: str, staff: Sequence[str]) -> Callable[[str, str, str], HistoryPerson]:
    """(address, name, what to call somebody with neither) → the person."""
    known = {each.lower() for each in staff}

    def who(address: str, name: str, otherwise: str) -> HistoryPerson:
        # `Ann <ann@example.com>`
        found = re.fullmatch(r"\s*(.*?)\s*<([^<>]+)>\s*", address)
        if found:
            name, address = name or found[1].strip('"'), found[2]
        email = email_of(address)
        if email is None:
            said = name or address
            return stand_in(source, said or otherwise, one_line(said, 300))
        is_staff = email in known or f"@{email.rpartition('@')[2]}" in known
        return HistoryPerson(email, one_line(name, 300), is_staff)

    return who


def _rows(
    file: Path, problems: list[Problem], *, is_comment: bool = False
) -> Iterator[tuple[RecordOrigin, Record]]:
    """The rows of a CSV, or the objects of a JSON file, under our names."""
    try:
        text = text_of(file.read_bytes())
    except OSError as error:
        problems.append(Problem(file.name, 0, "", f"it cannot be read: {error.strerror}"))
        return
    if _is_json(file, text):
        for place, record in records_of(file, file.name, problems):
            yield place, _rename_columns(record, is_comment=is_comment)
        return
    # For the whole process; the command reads one export and ends.
    csv.field_size_limit(_LONGEST_CELL)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_separator(text))
    header: list[str] = []
    line = 1
    try:
        for row in reader:
            # A row may go over several lines: its own begins after the one before.
            begins, line = line, reader.line_num + 1
            if not any(cell.strip() for cell in row):
                continue
            if not header:
                header = row
                continue
            place = RecordOrigin(file.name, begins, "tickets")
            if len(row) > len(header):
                words = f"this row has {len(row)} cells, and the header {len(header)}"
                problems.append(Problem(file.name, begins, "", f"{words}; the rest is left out"))
            yield (
                place,
                _rename_columns(dict(zip(header, row, strict=False)), is_comment=is_comment),
            )
    except csv.Error as error:
        problems.append(Problem(file.name, reader.line_num, "", f"this is no CSV: {error}"))


def _is_json(file: Path, text: str) -> bool:
    if file.suffix.lower() in (".json", ".jsonl", ".ndjson"):
        return True
    first = text.lstrip()[:1]
    if first not in ("[", "{"):
        return False
    try:
        parse(text.split("\n", 1)[0] if first == "{" else text)
    except ValueError:
        return False
    return True


def _separator(text: str) -> str:
    """The one that is most often in the header, outside quotes."""
    header = re.sub(r'"[^"]*"', "", text.lstrip().split("\n", 1)[0])
    # In the header alone: texts below hold every kind of sign.
    return max(_SEPARATORS, key=header.count)


def _rename_columns(record: Mapping[str, object], *, is_comment: bool = False) -> Record:
    """The record under our names of columns; of two names for one, the first with something in it
    counts. A person may be an object with `email` and `name`.
    """
    found: Record = {}
    for given, value in record.items():
        name = re.sub(r"[^a-z0-9]+", "_", str(given).lower()).strip("_")
        if is_comment and name != "ticket_id":
            name = _OF_COMMENT.get(name, name)
        name = _ALIASES.get(name, name)
        # JSON exports often have a person as an object.
        if isinstance(value, dict) and name in ("requester", "opened_by", "comment_author"):
            found.setdefault(f"{name}_name", value.get("name") or "")
            value = value.get("email") or ""
        if found.get(name) in (None, ""):
            found[name] = value
    return found


def _cell(row: Mapping[str, object], name: str) -> str:
    value = row.get(name)
    return "" if value is None or isinstance(value, dict | list) else str(value).strip()
