"""A Zendesk export on disk, in any of its shapes, as `tickets.OldTicket`s.

The folder holds what the account's JSON export, the incremental export API or a script wrote:
`tickets*`, `users*`, `organizations*` (arrays, pages, or one object a line), users beside the
tickets of a page, one ticket a file, comments in their ticket, in `comments/<ticket id>.json`, in a
file of all comments with `ticket_id`, or in audits. Fields as in Zendesk's API reference.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from cli.history.records import Record, RecordOrigin, objects, records
from cli.history.report import ImportReport, Problem
from cli.history.tickets import (
    Comment,
    HistoryPerson,
    MappedTickets,
    OldTicket,
    account_of,
    add_ticket,
    email_of,
    newest,
    one_line,
    stand_in,
)
from services.intake.mail.reading.text.markup import clean_markup, without_tags
from services.intake.mail.reading.text.page_text import as_text

SOURCE = "zendesk"
STAFF = frozenset({"agent", "admin"})


def read(folder: Path, plan: str, plans: Mapping[str, str]) -> MappedTickets:
    """The export. `plan` is what an account gets; `plans` says otherwise by the name of its
    organization.
    """
    report = ImportReport()
    mapped = MappedTickets(SOURCE, report)
    users: dict[str, Record] = {}
    organizations: dict[str, str] = {}
    tickets: list[tuple[RecordOrigin, Record]] = []
    beside: dict[str, list[Record]] = defaultdict(list)
    # Everything first, since files come in any order: a comment may stand before its ticket.
    for place, record in records(folder, report.problems):
        match place.kind:
            case "users":
                users[_id(record)] = record
            case "organizations":
                organizations[_id(record)] = str(record.get("name") or "")
            case "tickets":
                tickets.append((place, record))
            case "comments" | "audits":
                their_id = _ticket_of(record, place)
                beside[their_id] += _comments_of(place.kind, [record])
            case _:
                said = "this is neither a ticket, a comment, a user nor an organization"
                report.problems.append(Problem(place.file, place.line, "", said))
    report.users = len(users)

    # Organizations say the plan; tickets only know addresses.
    by_address = {email_of(user.get("email")): user for user in users.values()}

    def account(person: HistoryPerson) -> Record:
        user = by_address.get(person.email, {})
        organization = organizations.get(str(user.get("organization_id")), "")
        return account_of(person, plans.get(organization, plan))

    # Only those who ask: rights of staff are given here, and stand-ins get nothing.
    for user in users.values():
        person = _person(users, _id(user))
        if person.has_address and not person.is_staff:
            mapped.accounts[person.email] = account(person)
    read_tickets = []
    for place, record in tickets:
        report.tickets.read += 1
        ticket = _ticket(place, record, users, beside, report)
        if ticket is not None:
            read_tickets.append(ticket)
    # Comments whose ticket is not in the export are counted, too.
    known = {ticket.id for ticket in read_tickets}
    for their_id, comments in beside.items():
        if their_id not in known:
            report.comments.read += len(comments)
            report.comments.skip("belong to a ticket that is not there", len(comments))
    for ticket in newest(read_tickets, report):
        add_ticket(mapped, ticket, account)
    return mapped


def _ticket(
    place: RecordOrigin,
    record: Record,
    users: Mapping[str, Record],
    beside: Mapping[str, list[Record]],
    report: ImportReport,
) -> OldTicket | None:
    """None for what cannot be imported, which is counted."""
    their_id = _id(record)

    def problem(words: str) -> None:
        report.problems.append(
            Problem(place.file, place.line, f"ticket {one_line(their_id, 60) or '?'}", words)
        )

    # Those in the ticket win: the same comments may stand in a file beside it.
    comments = _inline(record, report, problem) or beside.get(their_id, [])
    report.comments.read += len(comments)
    reason = ""
    if not their_id:
        reason = "have no id"
        problem("it has no id; left out")
    elif record.get("status") == "deleted":
        reason = "were deleted there"
    if reason:
        report.tickets.skip(reason)
        report.comments.skip("belong to a ticket that is left out", len(comments))
        return None
    requester = _person(users, str(record.get("requester_id")))
    submitter = record.get("submitter_id")
    made = tuple(_comment(each, users, problem) for each in comments)
    text = _text(record, "description", "", problem)
    return OldTicket(
        file=place.file,
        line=place.line,
        id=their_id,
        subject=one_line(record.get("subject") or record.get("raw_subject"), 200),
        requester=requester,
        opener=None if submitter is None else _person(users, str(submitter)),
        text=text,
        at=record.get("created_at"),
        ended_at=record.get("updated_at"),
        status=str(record.get("status") or ""),
        priority=str(record.get("priority") or ""),
        kind=str(record.get("type") or ""),
        comments=made,
    )


def _inline(record: Record, report: ImportReport, problem: Callable[[str], None]) -> list[Record]:
    """The comments that stand in the ticket, or those in its audits."""
    found: list[Record] = []
    for name in ("comments", "audits"):
        value = record.get(name)
        if isinstance(value, dict):
            value = value.get(name)
        if value is None:
            continue
        if not isinstance(value, list):
            problem(f"its {name} are no list but {str(value)[:60]!r}; they are left out")
            continue
        for each in value:
            if not isinstance(each, dict):
                problem(f"one of its {name} is no object but {str(each)[:60]!r}; left out")
                report.comments.read += 1
                report.comments.skip("are no objects")
        # The first that has any: comments, else audits.
        found = found or _comments_of(name, objects(value))
    return found


def _comments_of(kind: str, found: Any) -> list[Record]:
    """Comments as they are, or those among the events of audits, which have the audit's author and
    time.
    """
    if kind == "comments":
        return list(found)
    return [
        {"author_id": audit.get("author_id"), "created_at": audit.get("created_at"), **event}
        for audit in found
        for event in objects(audit.get("events"))
        if event.get("type") == "Comment"
    ]


def _comment(
    record: Record, users: Mapping[str, Record], problem: Callable[[str], None]
) -> Comment:
    author = _person(users, str(record.get("author_id")))
    named = f"comment {one_line(_id(record), 60) or '?'}: "
    is_public = record.get("public") is not False
    if not is_public and not author.is_staff:
        # Only staff of a desk write internal notes, whatever the list of users says of them now.
        author = HistoryPerson(author.email, author.name, True, author.has_address)
    # The plain form first; HTML only where there is no other.
    text = _text(record, "plain_body", named, problem) or _text(record, "body", named, problem)
    if not text:
        text = _html(_text(record, "html_body", named, problem))
    files = tuple(
        one_line(each.get("file_name"), 100) for each in objects(record.get("attachments"))
    )
    return Comment(_id(record), author, text, record.get("created_at"), is_public, files)


def _text(record: Record, name: str, named: str, problem: Callable[[str], None]) -> str:
    value = record.get(name)
    if value is None or isinstance(value, str):
        return (value or "").strip()
    problem(f"{named}its {name} is no text but {str(value)[:60]!r}; it is kept as it is written")
    return str(value)


def _html(markup: str) -> str:
    if not markup:
        return ""
    # Markup that cannot be cleaned still gives its words.
    return (without_tags(markup) if clean_markup(markup) is None else as_text(markup)).strip()


def _person(users: Mapping[str, Record], their_id: str) -> HistoryPerson:
    """Whoever has this id. Who has no address, or is not among the users any more, is a
    stand-in.
    """
    user = users.get(their_id, {})
    is_staff = str(user.get("role")) in STAFF
    name = one_line(user.get("name"), 300)
    email = email_of(user.get("email"))
    if email is None:
        return stand_in(SOURCE, their_id, name, is_staff=is_staff)
    return HistoryPerson(email, name, is_staff)


def _ticket_of(record: Record, place: RecordOrigin) -> str:
    """The ticket of a comment or audit: by its field, or by the name of its file."""
    named = record.get("ticket_id")
    return str(named) if named is not None else Path(place.file).stem


def _id(record: Record) -> str:
    value = record.get("id")
    return "" if value is None or isinstance(value, dict | list) else str(value).strip()
