"""The services' handlers do what `shared/topics.py` says: nobody handles what they do not read, and
nothing goes unheard.
"""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from services.auditor import audit
from services.auditor.audit import is_heard
from services.intake.followers import on_clock as timers
from services.intake.mail.admission import refusals
from services.intake.subscriptions import endpoints
from services.notifier import notices
from services.notifier.front import rules as front
from services.notifier.pager import decide as pager
from services.portal.projector import incidents as projection_status
from services.portal.projector import mail as projection_mail
from services.portal.projector import pages as projection_pages
from services.portal.projector import tickets as projection
from services.router import handlers as router
from services.router.ticket import domain as tickets
from services.sla import handlers as sla
from shared import access, asks, topics
from shared import events as e
from shared.spine.replica import Replica

PORTAL_TICKETS = set(projection.TICKET_VIEW)
HANDLED: dict[tuple[str, str], Iterable[type[e.Event]]] = {
    ("router", "requests"): router.HANDLERS,
    ("sla", "tickets"): sla.HANDLERS,
    ("intake", "clocks"): timers.ASKS,
    **{
        ("auditor", topic): {kind for kind in topics.TOPICS[topic].events if is_heard(kind)}
        for topic in audit.TOPICS
    },
    ("intake", "notices"): endpoints.make_disable_handlers(Replica("directory", "", "")),
    ("intake", "tickets"): refusals.QUARANTINES,
    ("notifier.pager", "page-inbox"): set(pager.DECISIONS) - {e.AttemptOutcome},
    **{("notifier.front", topic): kinds for topic, kinds in front.HANDLERS.items() if kinds},
    **{("notifier.courier", topic): kinds for topic, kinds in notices.HANDLERS.items() if kinds},
    ("portal.projector", "tickets"): {
        kind for kind in PORTAL_TICKETS if kind in topics.TICKETS.events
    },
    ("portal.projector", "clocks"): {
        kind for kind in PORTAL_TICKETS if kind in topics.CLOCKS.events
    },
    ("portal.projector", "pages"): projection_pages.PAGE_VIEW,
    ("portal.projector", "mail"): projection_mail.MAIL_VIEW,
    ("portal.projector", "status"): projection_status.STATUS_VIEW,
    ("portal.status", "status"): projection_status.STATUS_VIEW,
}
"""(reader, topic) → the events it has a handler for, from its own tables."""

STAND_IN_THE_TIMELINE = {
    e.RequestRefused,
    e.RequestParked,
    e.PageRequestRefused,
    e.ContactCheckStarted,
    e.ContactChecked,
}
"""Facts that change no document: they are shown as they are."""


@pytest.mark.parametrize(("reader", "topic"), HANDLED, ids="-".join)
def test_a_reader_is_in_the_table_and_handles_what_is_on_its_topic(reader: str, topic: str) -> None:
    kinds = set(HANDLED[reader, topic])
    assert (
        reader in topics.TOPICS[topic].readers
        or reader.partition(".")[0] in topics.TOPICS[topic].readers
    )
    assert kinds <= set(topics.TOPICS[topic].events)


@pytest.mark.parametrize("name", sorted(topics.EVENTS))
def test_every_event_of_a_decision_is_heard(name: str) -> None:
    kind = topics.EVENTS[name]
    by_tables = [
        topic.name
        for topic in topics.PUBLIC
        if kind in topic.events and topic.name in {topic for _, topic in HANDLED}
    ]
    if by_tables and kind not in STAND_IN_THE_TIMELINE:
        assert any(kind in set(kinds) for kinds in HANDLED.values()), (
            f"no table has a handler for {name}"
        )


def test_every_request_has_its_decider() -> None:
    pages = {
        e.Acknowledge,
        e.ResolvePage,
        e.EscalatePage,
        e.NotePage,
        e.ReassignPage,
        e.VerifyContact,
        e.TestPage,
        e.SilenceAlerts,
        e.RestoreAlerts,
    }
    assert set(topics.REQUESTS.events) - pages - {
        e.Heartbeat,
        e.RedeliverNotice,
        e.TestNotice,
    } == set(router.HANDLERS)
    assert set(front.HANDLERS["requests"]) == pages | {e.RaiseAlert}
    assert set(topics.PAGE_INBOX.events) == set(pager.DECISIONS) - {e.AttemptOutcome}


def test_who_may_ask_and_see_is_said_for_everything() -> None:
    """A request or fact that the access table forgets is for staff only, or for nobody: it must be
    said on purpose.
    """
    asked_of_tickets = {kind.__name__ for kind in tickets.DECIDE}
    assert asked_of_tickets <= set(asks.MAY), "shared/asks.py"
    shown = {kind.__name__ for kind in (*topics.TICKETS.events, *topics.CLOCKS.events)} - {
        "ReplyAdded"
    }
    assert shown == set(access.FACT_READERS), "shared/access.py: FACT_READERS"


def test_one_author_each() -> None:
    for kind in topics.EVENTS.values():
        authors = {topic.author for topic in topics.PUBLIC if kind in topic.events}
        assert len(authors) == 1, f"{kind.__name__} is written by {authors}"
