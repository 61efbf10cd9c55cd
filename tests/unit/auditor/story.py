"""An urgent ticket's whole story as it stands in the log, to take things away from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from shared import events as e
from shared.ids import derive, obligation_id, page_id
from shared.topics import topic_of
from shared.wire import Message, record_for

NOW = datetime(2026, 3, 3, 8, 0, tzinfo=UTC)
LATER = NOW + timedelta(days=30)
TICKET, LANE = derive("tkt", "story"), "lane_story"
OPEN = derive("req", "open")
OBLIGATION = obligation_id(TICKET, OPEN)
PAGE = page_id(LANE, OBLIGATION)
POLICY = {"default": 1, "on-call": 1}
ATTEMPT, DEDUP = derive("att", "1"), f"{PAGE}.1"
NOTICE = derive("ntc", "1")


def at(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def story() -> list[e.Event]:
    """Opened, routed, paged, acknowledged, answered: everything that was promised is kept."""
    actor = e.Actor(email="premier@example.com")
    opening = e.OpenTicket(
        id=OPEN,
        key=TICKET,
        at=NOW,
        actor=actor,
        policy=POLICY,
        subject="Down",
        body="All of it.",
        lane=LANE,
        pages=True,
        admission=e.Admission(plan=e.Plan.PREMIER),
    )
    about: dict[str, Any] = {"by": actor.email, "policy": POLICY}
    attempt: dict[str, Any] = {
        "attempt": ATTEMPT,
        "step": 1,
        "to": "primary",
        "channel": "webhook",
        "method": "phone",
        "dedup_key": DEDUP,
    }
    clock: dict[str, Any] = {"clock": "initial-response", "policy": POLICY}
    notice: dict[str, Any] = {"ticket_id": TICKET, "notice_kind": "mail", "to": actor.email}
    facts: list[tuple[str, str, list[e.Fact]]] = [
        (
            TICKET,
            OPEN,
            [
                e.TicketOpened(
                    at=at(0.1),
                    subject="Down",
                    body="All of it.",
                    requester=actor.email,
                    plan=e.Plan.PREMIER,
                    lane=LANE,
                    **about,
                ),
                e.PrioritySet(
                    at=at(0.1),
                    requested=e.Priority.URGENT,
                    priority=e.Priority.URGENT,
                    plan=e.Plan.PREMIER,
                    opened_at=NOW,
                    lane=LANE,
                    pages=True,
                    obligation=OBLIGATION,
                    **about,
                ),
            ],
        ),
        (
            LANE,
            OBLIGATION,
            [
                e.PageOpened(
                    at=at(0.2),
                    page=PAGE,
                    ticket_id=TICKET,
                    obligation=OBLIGATION,
                    request_id=OPEN,
                    subject="Down",
                    requester=actor.email,
                    escalation="support",
                    accepted_at=NOW,
                    policy=POLICY,
                ),
                e.PageEscalated(at=at(0.2), page=PAGE, step=1, to=("primary",), next_at=at(300)),
                e.PageAttempted(at=at(0.2), page=PAGE, **attempt),
            ],
        ),
        (
            LANE,
            "out_1",
            [e.PageFailed(at=at(1), page=PAGE, attempt=ATTEMPT, reason="503", retry_at=at(2))],
        ),
        (LANE, "fire_1", [e.PageAttempted(at=at(2), page=PAGE, **attempt, tries=2)]),
        (
            LANE,
            "out_2",
            [
                e.PageAccepted(
                    at=at(3), page=PAGE, attempt=ATTEMPT, receipt="202", accepted_at=at(3)
                )
            ],
        ),
        (
            LANE,
            "req_ack",
            [e.PageAcknowledged(at=at(60), page=PAGE, by="primary@example.com", via="link")],
        ),
        (
            TICKET,
            "x",
            [
                e.ClockStarted(
                    at=at(0.3),
                    calendar="always",
                    target=timedelta(minutes=30),
                    started_at=NOW,
                    due_at=at(1800),
                    **clock,
                ),
            ],
        ),
        (
            TICKET,
            "y",
            [
                e.ClockMet(
                    at=at(600), met_at=at(600), due_at=at(1800), by="agent@example.com", **clock
                )
            ],
        ),
        (
            NOTICE,
            "z",
            [
                e.NoticeOwed(at=at(0.3), template="ticket-received", destination="mail", **notice),
                e.NoticeDelivered(at=at(0.4), tries=1, **notice),
            ],
        ),
    ]
    return [opening, *stamped(facts)]


def stamped(groups: Iterable[tuple[str, str, Sequence[e.Fact]]]) -> list[e.Event]:
    """With key, cause and the seq of each (topic, key)."""
    heads: dict[tuple[str, str], int] = {}
    found: list[e.Event] = []
    for key, cause, facts in groups:
        for fact in facts:
            where = (topic_of(fact), key)
            heads[where] = heads.get(where, 0) + 1
            found.append(
                fact.model_copy(
                    update={
                        "key": key,
                        "cause": cause,
                        "seq": heads[where],
                        "id": derive("fct", *where, str(heads[where])),
                    }
                )
            )
    return found


def messages(events: Iterable[e.Event]) -> list[Message]:
    """As they are read."""
    found = []
    for offset, event in enumerate(events):
        record = record_for(topic_of(event), event, "test")
        found.append(
            Message(
                record.topic, 0, offset, record.key, record.value or b"", dict(record.headers), 0.0
            )
        )
    return found
