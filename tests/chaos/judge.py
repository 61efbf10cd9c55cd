"""The verdict, from the clients' answers, the log and the receipts of the far ends; never from our
own database alone.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from shared import events as e
from tests.chaos.load import Accepted


@dataclass
class Verdict:
    """Findings by name; an empty list is what is wanted."""

    findings: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    figures: dict[str, float] = field(default_factory=dict)

    def found(self, name: str, what: str) -> None:
        self.findings[name].append(what)

    def __str__(self) -> str:
        rows = [f"{name:<38} {value:>10g}" for name, value in self.figures.items()]
        rows += [
            f"FOUND {name:<32} {len(items):>10}  e.g. {items[0]}"
            for name, items in self.findings.items()
            if items
        ]
        return "\n".join(rows)


def first_facts(facts: Iterable[e.Fact], verdict: Verdict, where: str) -> dict[str, list[e.Fact]]:
    """Per key the facts that count: first in the log with a (key, seq). Names conflicts, gaps and
    causes counted twice.
    """
    counted: dict[str, dict[int, e.Fact]] = defaultdict(dict)
    raw = 0
    for fact in facts:
        raw += 1
        before = counted[fact.key].setdefault(fact.seq, fact)
        if before.id != fact.id:
            verdict.found(
                f"{where}: two facts with one seq",
                f"{fact.key} {fact.seq} {before.type}/{fact.type}",
            )
    found = {}
    for key, by_seq in counted.items():
        if sorted(by_seq) != list(range(1, len(by_seq) + 1)):
            verdict.found(f"{where}: gaps", f"{key} {sorted(by_seq)}")
        found[key] = [by_seq[seq] for seq in sorted(by_seq)]
        for (cause, kind, _), times in Counter(
            (fact.cause, fact.type, getattr(fact, "clock", "")) for fact in found[key]
        ).items():
            if times > 1 and kind in (
                "TicketOpened",
                "ReplyAdded",
                "PageOpened",
                "ClockStarted",
                "ClockBreached",
            ):
                verdict.found(f"{where}: doubled", f"{key} {kind} of {cause} {times} times")
    verdict.figures[f"{where}: raw repeats"] = raw - sum(map(len, found.values()))
    return found


def judge_log(
    accepted: dict[str, Accepted],
    tickets: Iterable[e.Fact],
    clocks: Iterable[e.Fact],
    pages: Iterable[e.Fact],
    verdict: Verdict,
) -> None:
    """Everything accepted is in the log, once in effect."""
    of_tickets = first_facts(tickets, verdict, "tickets")
    of_clocks = first_facts(clocks, verdict, "clocks")
    of_pages = first_facts(pages, verdict, "pages")
    paged = Counter(
        f.ticket_id
        for facts in of_pages.values()
        for f in facts
        if isinstance(f, e.PageOpened | e.PageJoined)
    )
    for ticket, want in accepted.items():
        facts = of_tickets.get(ticket, [])
        kinds = Counter(fact.type for fact in facts)
        if kinds["TicketOpened"] != 1:
            verdict.found(
                "accepted but not opened" if not kinds["TicketOpened"] else "opened twice", ticket
            )
        causes = {fact.cause for fact in facts}
        for request in want.replies:
            if request not in causes:
                verdict.found("replies lost", f"{ticket} {request}")
        if want.provider and not any(
            isinstance(f, e.TicketAssigned) and f.provider == want.provider for f in facts
        ):
            verdict.found("not assigned to its provider", ticket)
        if not any(f.type == "ClockStarted" for f in of_clocks.get(ticket, [])):
            verdict.found("without a clock", ticket)
        if want.urgent and paged[ticket] != 1:
            verdict.found("urgent with other than one page", f"{ticket} {paged[ticket]}")
    strangers = [key for key in of_tickets if key not in accepted]
    if strangers:
        verdict.found("tickets nobody was told of", strangers[0])
    verdict.figures["tickets accepted"] = len(accepted)
    verdict.figures["replies accepted"] = sum(len(want.replies) for want in accepted.values())
    verdict.figures["urgent"] = sum(want.urgent for want in accepted.values())


def judge_receipts(
    accepted: dict[str, Accepted],
    receipts: list[dict[str, Any]],
    certificates: dict[str, str],
    verdict: Verdict,
) -> None:
    """Each far end got what it is owed, under one id; a page that went out twice says so in its
    certificate.
    """
    got: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for receipt in receipts:
        got[receipt["ticket_id"], receipt["kind"]][receipt["id"]] += 1
    repeated = 0
    for ticket, want in accepted.items():
        if want.provider:
            ids = got[ticket, "webhook"]
            assigned = {
                r["id"]
                for r in receipts
                if r["ticket_id"] == ticket
                and r["kind"] == "webhook"
                and "ticket.assigned" in r["body"]
            }
            if len(assigned) != 1:
                verdict.found(
                    "webhooks of an assignment other than one", f"{ticket} {sorted(assigned)}"
                )
            repeated += sum(ids.values()) - len(ids)
        if want.urgent:
            pages = Counter({key: n for key, n in got[ticket, "page"].items() if ".s1" in key})
            if len(pages) != 1:
                verdict.found("first pages other than one", f"{ticket} {dict(pages)}")
            verdict_said = certificates.get(ticket, "missing")
            if verdict_said not in ("exactly-one", "unknown"):
                verdict.found("certificates", f"{ticket} {verdict_said}")
            if max(pages.values(), default=0) > 1 and verdict_said == "exactly-one":
                verdict.found("paged twice without saying so", f"{ticket} {dict(pages)}")
        to_customer = {
            r["id"]
            for r in receipts
            if r["ticket_id"] == ticket and r["kind"] == "mail" and want.customer.email in r["to"]
        }
        if not to_customer:
            verdict.found("confirmation mails missing", ticket)
    verdict.figures["webhooks repeated under their id"] = repeated
    verdict.figures["certificates unknown"] = sum(v == "unknown" for v in certificates.values())
