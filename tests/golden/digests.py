"""The month in a small file: one line a ticket for people, one digest a day and kind of fact for
everything else. Pure.

`python -m tests.golden` writes both files anew; look at the difference before committing it: it is
a change of behaviour.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import orjson

from shared.wire import Message

HERE = Path(__file__).parent
TICKETS, DIGESTS = HERE / "tickets.tsv", HERE / "digests.json"
FIELDS = (
    "ticket",
    "queue",
    "provider",
    "suggested",
    "priority",
    "pages",
    "status",
    "clocks",
    "breached",
    "refused",
    "paged",
)
MOST = 40
"""Lines of a difference that are shown."""


def summary(messages: Iterable[Message]) -> dict[str, list[str]]:
    """Ticket → the values of FIELDS, in the order in which they were opened; codes of a few
    letters, so that the file stays small.
    """
    found: dict[str, dict[str, Any]] = {}
    lanes: dict[str, str] = {}
    for message in messages:
        if message.topic not in ("tickets", "clocks", "pages"):
            continue
        fact = orjson.loads(message.value)
        name = (
            fact["key"]
            if message.topic != "pages"
            else fact.get("ticket_id") or lanes.get(fact["page"], "")
        )
        if fact["type"] == "PageOpened":
            lanes[fact["page"]] = fact["ticket_id"]
        if name in found or fact["type"] == "TicketOpened":
            _take(
                found.setdefault(
                    name,
                    {"clocks": [], "breached": [], "refused": [], "paged": [], "at": fact["at"]},
                ),
                fact,
            )
    rows: dict[str, list[str]] = {}
    for name, ticket in sorted(found.items(), key=lambda entry: (entry[1]["at"], entry[0])):
        rows[name[:12]] = [name[:12], *(_said(ticket.get(field)) for field in FIELDS[1:])]
    return rows


def _take(ticket: dict[str, Any], fact: dict[str, Any]) -> None:
    match fact["type"]:
        case "TicketRouted" | "TicketAssigned":
            ticket.update(queue=fact["queue"], provider=fact.get("provider"))
        case "ProviderSuggested":
            ticket["suggested"] = fact["provider"]
        case "QueueSuggested":
            ticket.setdefault("suggested", fact["queue"])
        case "PrioritySet" | "PriorityReviewed":
            ticket["priority"] = fact["priority"]
            ticket["pages"] = "y" if fact["pages"] else ticket.get("pages")
        case "ReplyAdded":
            ticket["status"] = fact["status"]
        case "TicketSolved" | "TicketReopened" | "TicketClosed":
            ticket["status"] = fact["type"].removeprefix("Ticket").lower()
        case "RequestRefused":
            ticket["refused"].append(fact["code"])
        case "ClockStarted":
            ticket["clocks"].append(f"{_short(fact['clock'])}={fact['due_at'][5:16]}")
        case "ClockBreached":
            ticket["breached"].append(_short(fact["clock"]))
        case "PageEscalated":
            ticket["paged"] += fact["to"]


def _short(clock: str) -> str:
    return "".join(word[0] for word in clock.split("-"))


def _said(value: Any) -> str:
    return (",".join(value) if isinstance(value, list) else str(value or "")) or "-"


def digests(messages: Iterable[Message]) -> dict[str, dict[str, str]]:
    """Day → kind of fact → `<how many> <hash>`: of every field of every fact of the day."""
    counts: dict[tuple[str, str], int] = defaultdict(int)
    sums: dict[tuple[str, str], int] = defaultdict(int)
    for message in messages:
        if message.topic in ("tickets", "clocks", "pages"):
            fact = orjson.loads(message.value)
            place = fact["at"][:10], fact["type"]
            counts[place] += 1
            sums[place] = (
                sums[place] + int.from_bytes(hashlib.sha256(message.value).digest()[:8])
            ) % (1 << 64)
    days: dict[str, dict[str, str]] = defaultdict(dict)
    for (day, kind), total in sorted(sums.items()):
        days[day][kind] = f"{counts[day, kind]} {total:016x}"
    return dict(days)


def written(messages: list[Message]) -> None:
    rows = ["\t".join(FIELDS), *("\t".join(row) for row in summary(messages).values())]
    TICKETS.write_text("\n".join(rows) + "\n")
    DIGESTS.write_bytes(orjson.dumps(digests(messages), option=orjson.OPT_INDENT_2) + b"\n")


def difference(messages: list[Message]) -> list[str]:
    """What is not as the committed files say, for people: first which tickets and which field, then
    which days and kinds.
    """
    lines: list[str] = []
    known = {row.split("\t")[0]: row.split("\t") for row in TICKETS.read_text().splitlines()[1:]}
    now = summary(messages)
    for name in dict.fromkeys((*known, *now)):
        old, new = known.get(name), now.get(name)
        if old is None or new is None:
            lines.append(f"ticket {name}: {'not there any more' if new is None else 'new'}")
        elif old != new:
            fields = (
                f"{field} {a} → {b}" for field, a, b in zip(FIELDS, old, new, strict=True) if a != b
            )
            lines.append(f"ticket {name}: {'; '.join(fields)}")
    tickets = len(lines)
    before, after = orjson.loads(DIGESTS.read_bytes()), digests(messages)
    for day in sorted(before.keys() | after.keys()):
        for kind in sorted(before.get(day, {}).keys() | after.get(day, {}).keys()):
            a, b = before.get(day, {}).get(kind, "0 -"), after.get(day, {}).get(kind, "0 -")
            if a != b:
                many = (
                    f"{a.split()[0]} → {b.split()[0]}"
                    if a.split()[0] != b.split()[0]
                    else f"{a.split()[0]}, with other content"
                )
                lines.append(f"{day} {kind}: {many}")
    if lines:
        lines.insert(
            0,
            f"{tickets} tickets and {len(lines) - tickets} days and kinds of fact are decided otherwise:",
        )
    return lines
