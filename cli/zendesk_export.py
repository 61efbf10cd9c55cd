"""A Zendesk export on disk, read and mapped: users become accounts, tickets what `POST /v1/import/tickets` takes.

The folder holds `tickets*`, `users*` and, if need be, `organizations*` (`.json`, `.jsonl` or `.ndjson`). Each is either one object a
line, as the account's JSON export writes them, or pages of the incremental export API (`{"tickets": […]}`). A ticket's comments stand
in it under `comments`, or in `comments/<ticket id>.json` as the API lists them. Fields as in Zendesk's API reference: ticket `id,
subject, description, status, priority, requester_id, created_at, updated_at`; user `id, name, email, role, organization_id`; comment
`id, author_id, body, public, created_at`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

SOURCE = "zendesk"
STAFF = frozenset({"agent", "admin"})
ENDED = frozenset({"solved", "closed"})
PRIORITIES = frozenset({"urgent", "high", "normal", "low"})
BODY_BYTES = 180_000
MOST_COMMENTS = 400
LONGEST_TEXT = 99_000
SUFFIXES = (".json", ".jsonl", ".ndjson")


@dataclass(frozen=True)
class Problem:
    """Something that could not be taken over, or not as it was. `line` is 0 where a file has no lines of its own."""

    file: str
    line: int
    words: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.words}" if self.line else f"{self.file}: {self.words}"


@dataclass
class Export:
    """What was read. `tickets` are bodies of the import call, each with the line it came from."""

    accounts: dict[str, dict[str, Any]] = field(default_factory=dict)
    tickets: list[tuple[int, dict[str, Any]]] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    unmapped: dict[str, str] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)


def read(folder: Path, plan: str, plans: Mapping[str, str]) -> Export:
    """The export. `plan` is what an account gets; `plans` says otherwise by the name of its organization."""
    found = Export()
    organizations = {one["id"]: str(one.get("name", "")) for _, _, one in _records(folder, "organizations", found) if "id" in one}
    users = {one["id"]: one for _, _, one in _records(folder, "users", found) if "id" in one}
    for user in users.values():
        found.counts["users"] += 1
        _account(user, plans.get(organizations.get(user.get("organization_id"), ""), plan), found)
    for file, line, ticket in _records(folder, "tickets", found):
        found.counts["tickets"] += 1
        body = _ticket(ticket, users, folder, Problem(file, line, ""), found)
        if body is not None:
            found.tickets.append((line, body))
    return found


def _records(folder: Path, name: str, found: Export) -> Iterator[tuple[str, int, dict[str, Any]]]:
    """File, line and object of everything in the files of this name."""
    for path in sorted(path for path in folder.glob(f"{name}*") if path.suffix in SUFFIXES):
        raw = path.read_bytes()
        try:
            whole = orjson.loads(raw)
        except orjson.JSONDecodeError:
            yield from _lines(path, name, raw, found)
            continue
        listed = whole.get(name) if isinstance(whole, dict) and name in whole else whole
        for one in listed if isinstance(listed, list) else [listed]:
            if isinstance(one, dict):
                yield path.name, 0, one
            else:
                found.problems.append(Problem(path.name, 0, f"this is not one of {name}"))


def _lines(path: Path, name: str, raw: bytes, found: Export) -> Iterator[tuple[str, int, dict[str, Any]]]:
    for number, line in enumerate(raw.splitlines(), 1):
        if not line.strip():
            continue
        try:
            one = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            found.problems.append(Problem(path.name, number, f"this is no JSON: {error.msg}"))
            continue
        for each in one[name] if isinstance(one, dict) and isinstance(one.get(name), list) else [one]:
            if isinstance(each, dict):
                yield path.name, number, each
            else:
                found.problems.append(Problem(path.name, number, f"this is not one of {name}"))


def _account(user: Mapping[str, Any], plan: str, found: Export) -> None:
    """End users become requesters. Staff rights are given here, not carried over from elsewhere."""
    email = _email(user)
    if email is None:
        found.unmapped[str(user["id"])] = str(user.get("name") or "without a name")
    elif user.get("role", "end-user") not in STAFF:
        name = " ".join(str(user.get("name") or "").split())[:300]
        found.accounts[email] = {"email": email, "name": name, "plan": plan, "roles": ["requester"]}


def _ticket(
    ticket: Mapping[str, Any], users: Mapping[Any, Mapping[str, Any]], folder: Path, where: Problem, found: Export
) -> dict[str, Any] | None:
    def problem(words: str) -> None:
        found.problems.append(Problem(where.file, where.line, f"ticket {ticket.get('id')}: {words}"))

    requester = _email(users.get(ticket.get("requester_id"), {}))
    if "id" not in ticket or not ticket.get("created_at"):
        problem("it has no id or no created_at; left out")
        return None
    if ticket.get("status") == "deleted":
        found.counts["deleted"] += 1
        return None
    if requester is None:
        problem(f"its requester {ticket.get('requester_id')} is not among the users, or has no address; left out")
        return None
    if requester not in found.accounts:
        problem(f"its requester {requester} was staff there; left out, because nothing here can be opened in their name")
        return None
    comments = _comments(ticket, users, folder, problem)
    description = str(ticket.get("description") or "")
    if comments and _same(comments[0]["body"], description) and comments[0]["author"] == requester:
        comments = comments[1:]
    subject = " ".join(str(ticket.get("subject") or ticket.get("raw_subject") or "").split())[:200] or "(no subject)"
    body = {
        "source": SOURCE, "id": str(ticket["id"]), "requester": requester, "subject": subject, "at": str(ticket["created_at"]),
        "body": _cut(description.strip() or subject, problem), "comments": comments,
    }  # fmt: skip
    if ticket.get("priority") in PRIORITIES:
        body["priority"] = ticket["priority"]
    if ticket.get("type") == "question":
        body["kind"] = "question"
    if ticket.get("status") in ENDED:
        body |= {"ended_at": str(ticket.get("updated_at") or ticket["created_at"]), "closed": ticket["status"] == "closed"}
    found.counts["comments"] += len(comments)
    return body


def _comments(ticket: Mapping[str, Any], users: Mapping[Any, Mapping[str, Any]], folder: Path, problem: Any) -> list[dict[str, Any]]:
    listed = ticket.get("comments")
    beside = folder / "comments" / f"{ticket['id']}.json"
    if listed is None and str(ticket["id"]).isalnum() and beside.exists():
        try:
            listed = orjson.loads(beside.read_bytes()).get("comments")
        except (orjson.JSONDecodeError, AttributeError):
            problem(f"{beside.name} is no list of comments; they are left out")
    made = []
    for comment in listed or []:
        author = users.get(comment.get("author_id"), {})
        email, text = _email(author), str(comment.get("plain_body") or comment.get("body") or "").strip()
        if comment.get("attachments"):
            problem(f"comment {comment.get('id')}: {len(comment['attachments'])} attachments are not imported")
        if email is None or not comment.get("created_at") or not text:
            problem(f"comment {comment.get('id')}: its author is not known, or it says nothing; left out")
            continue
        made.append(
            {
                "id": str(comment.get("id")), "author": email, "author_name": " ".join(str(author.get("name") or "").split())[:300],
                "author_is_staff": author.get("role") in STAFF, "public": comment.get("public") is not False,
                "body": _cut(text, problem), "at": str(comment["created_at"]),
            }
        )  # fmt: skip
    return sorted(made, key=lambda comment: (str(comment["at"]), str(comment["id"])))


def parts_of(body: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The ticket in bodies small enough to be taken: the comments may need several, and the end comes with the last."""
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


def _same(text: str, other: str) -> bool:
    return " ".join(text.split()) == " ".join(other.split())


def _email(user: Mapping[str, Any]) -> str | None:
    email = str(user.get("email") or "").strip().lower()
    return email if "@" in email else None


def _cut(text: str, problem: Any) -> str:
    text = text.replace("\0", "")
    if len(text.encode()) <= LONGEST_TEXT:
        return text
    problem(f"a text of {len(text)} characters is cut")
    return text.encode()[:LONGEST_TEXT].decode("utf-8", "ignore")
