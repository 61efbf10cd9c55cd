"""Who is told what: one row a rule."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.policy import default
from typing import Any

import pytest

from services.notifier.mail import BotSender, letter
from services.notifier.notices import (
    HANDLERS,
    Notice,
    SenderIdentity,
    SuppressedNotice,
    is_somebody_unknown,
    notices_for,
    suppress_told_before,
)
from services.notifier.notices import told as notices
from shared import ids, topics
from shared.events import (
    AppealDecided,
    Audience,
    Cause,
    ClockWarned,
    Fact,
    MailQuarantined,
    MergeNoted,
    NoteAdded,
    OwnerChanged,
    ParticipantAsked,
    ParticipantJoined,
    Plan,
    Priority,
    PriorityReviewed,
    PrioritySet,
    ReplyAdded,
    Scope,
    ScopeDecided,
    SenderConfirmed,
    TicketAssigned,
    TicketMerged,
    TicketReopened,
    TicketSolved,
    Via,
)
from shared.signed import links

AT = datetime(2026, 3, 3, 10, tzinfo=UTC)
HOUSE = SenderIdentity(
    "bot@signalbox.example",
    frozenset({"bot@signalbox.example"}),
    "https://help.example",
    b"a secret of sixteen",
)
MAIL_SENDER = BotSender("bot@signalbox.example", "Signalbox", "signalbox.example")
WEB = "https://redisco.example/hook"
DIRECTORY: dict[tuple[str, str], dict[str, Any]] = {
    ("accounts", "ann@example.com"): {"email": "ann@example.com", "name": "Ann"},
    ("accounts", "ben@example.com"): {"email": "ben@example.com", "name": "Ben"},
    ("accounts", "agent@example.com"): {
        "email": "agent@example.com",
        "name": "Ada",
        "roles": ["agent"],
    },
    ("accounts", "rae@redisco.example"): {
        "email": "rae@redisco.example",
        "name": "Rae",
        "provider": "redisco",
    },
    ("providers", "redisco"): {
        "slug": "redisco",
        "name": "Redisco",
        "agent_email": "agents@redisco.example",
        "webhook_url": WEB,
    },
    ("providers", "quiet"): {
        "slug": "quiet",
        "name": "Quiet",
        "agent_email": "agents@quiet.example",
    },
    ("providers", "ours"): {
        "slug": "ours",
        "name": "Ours",
        "agent_email": "bot@signalbox.example",
        "webhook_url": WEB,
    },
}


class Known:
    def get(self, kind: str, id_: str) -> dict[str, Any] | None:
        return DIRECTORY.get((kind, id_))


def base(**more: Any) -> dict[str, Any]:
    return {
        "id": "fct_1",
        "key": "tkt_1",
        "seq": 4,
        "at": AT,
        "policy": {},
        "subject": "Redis",
        "requester": "ann@example.com",
        **more,
    }


def reply(side: str, by: str, audience: Audience = Audience.EVERYONE, **more: Any) -> ReplyAdded:
    given = {"participants": ("ann@example.com", "ben@example.com"), "provider": "redisco", **more}
    return ReplyAdded(
        **base(
            by=by,
            author=by,
            side=side,
            audience=audience,
            via=Via.API,
            body="b",
            status="open",
            priority=Priority.NORMAL,
            **given,
        )
    )


def assigned(
    provider: str | None, previous: str | None = None, by: str = "agent@example.com"
) -> TicketAssigned:
    queue = f"provider:{provider}" if provider else "platform"
    return TicketAssigned(
        **base(
            by=by,
            queue=queue,
            provider=provider,
            previous=previous,
            reason="r",
            body="b",
            priority=Priority.HIGH,
        )
    )


def set_at_opening(requester: str = "ann@example.com", **more: Any) -> PrioritySet:
    given = {
        "requested": Priority.URGENT,
        "priority": Priority.HIGH,
        "reason": "staging",
        "plan": Plan.PREMIER,
        **more,
    }
    return PrioritySet(
        **{**base(by=requester, opened_at=AT, lane="l"), "requester": requester, **given}
    )


def reopened(side: str, provider: str | None) -> TicketReopened:
    return TicketReopened(
        **base(by="ann@example.com", side=side, provider=provider, priority=Priority.NORMAL)
    )


def solved(side: str, by: str) -> TicketSolved:
    return TicketSolved(
        **base(
            by=by,
            side=side,
            resolution="done",
            lane="l",
            participants=("ann@example.com", "ben@example.com"),
        )
    )


def reviewed(by: str = "agent@example.com", final: bool = False) -> PriorityReviewed:
    given = {
        "previous": Priority.URGENT,
        "priority": Priority.HIGH,
        "reason": "one user",
        "plan": Plan.PREMIER,
        "lane": "l",
    }
    return PriorityReviewed(**base(by=by, final=final, **given))


def scoped(rule: str, scope: Scope = Scope.COVERED) -> ScopeDecided:
    return ScopeDecided(
        **base(
            by="ann@example.com", scope=scope, rule=rule, reason="r", pointers=("the Dev Center",)
        )
    )


AGENTS = "agents@redisco.example"
HOOK = "provider:redisco"
QUIET = ("mail", "agents@quiet.example", "ticket-assigned")
NOTE = NoteAdded(
    id="fct_1",
    key="tkt_1",
    at=AT,
    by="agent@example.com",
    policy={},
    author="agent@example.com",
    via=Via.WEB,
    body="b",
)

DECIDED = AppealDecided(
    id="fct_1",
    key="tkt_1",
    at=AT,
    by="admin@example.com",
    policy={},
    previous=Priority.HIGH,
    priority=Priority.URGENT,
    reason="r",
    subject="Redis",
    requester="ann@example.com",
)
ASKED = ParticipantAsked(
    id="fct_1",
    key="tkt_1",
    at=AT,
    by="ann@example.com",
    policy={},
    person="Stranger@Example.org",
    by_name="Ann",
    asks=1,
    expires_at=AT + timedelta(days=14),
    subject="Redis",
    requester="ann@example.com",
)
JOINED = ParticipantJoined(
    id="fct_1",
    key="tkt_1",
    at=AT,
    by="ben@example.com",
    policy={},
    participant="ben@example.com",
    subject="Redis",
    requester="ann@example.com",
    participants=("ann@example.com", "ben@example.com"),
)


def warned(clock: str, provider: str | None) -> ClockWarned:
    return ClockWarned(
        id="fct_1",
        key="tkt_1",
        at=AT,
        clock=clock,
        policy={},
        percent=50,
        due_at=AT,
        provider=provider,
        subject="Redis",
    )


def customers(template: str) -> list[tuple[str, str, str]]:
    return [("mail", address, template) for address in ("ann@example.com", "ben@example.com")]


def redisco(event: str) -> list[tuple[str, str, str]]:
    return [("mail", AGENTS, event.replace(".", "-").replace("_", "-")), ("webhook", HOOK, event)]


def owned(how: Any) -> OwnerChanged:
    return OwnerChanged(
        id="fct_1",
        key="tkt_1",
        at=AT,
        by="agent@example.com",
        policy={},
        owner="ben@example.com",
        how=how,
        reason="r",
        subject="Redis",
        priority=Priority.HIGH,
    )


def merged(*, is_shared: bool) -> TicketMerged:
    return TicketMerged(
        **base(by="agent@example.com", into="tkt_2", is_shared=is_shared, waits=False, lane="l")
    )


MERGE_NOTED = MergeNoted(
    id="fct_2",
    key="tkt_2",
    at=AT,
    by="agent@example.com",
    policy={},
    merged="tkt_1",
    status="open",
    priority=Priority.NORMAL,
)

TOLD: list[tuple[str, Fact, list[tuple[str, str, str]]]] = [
    (
        "a new ticket is confirmed",
        set_at_opening(),
        [("mail", "ann@example.com", "ticket-received")],
    ),
    ("staff answer", reply("staff", "agent@example.com"), customers("reply-added")),
    ("the provider answers", reply("provider", "rae@redisco.example"), customers("reply-added")),
    (
        "the customer answers",
        reply("customer", "ANN@example.com"),
        [customers("reply-added")[1], *redisco("ticket.replied")],
    ),
    (
        "the customer answers support",
        reply("customer", "ann@example.com", provider=None, participants=()),
        [],
    ),
    (
        "staff to the provider",
        reply("staff", "agent@example.com", Audience.PROVIDER),
        redisco("ticket.replied"),
    ),
    ("the provider to staff", reply("provider", "rae@redisco.example", Audience.PROVIDER), []),
    ("staff among themselves", reply("staff", "agent@example.com", Audience.STAFF), []),
    ("a note", NOTE, []),
    (
        "a note that names somebody, its author and a stranger",
        NOTE.model_copy(
            update={"mentions": ("ben@example.com", "agent@example.com", "x@example.com")}
        ),
        [("mail", "ben@example.com", "mentioned")],
    ),
    (
        "asked to take part, without an account",
        ASKED,
        [("mail", "stranger@example.org", "asked-to-join")],
    ),
    ("handed over", owned("handed-over"), [("mail", "ben@example.com", "handed-over")]),
    ("taken", owned("taken"), []),
    ("given by the policy", owned("assigned"), []),
    ("given to a provider", assigned("redisco"), redisco("ticket.assigned")),
    ("given to a queue of ours", assigned(None), []),
    ("taken back", assigned(None, "redisco"), redisco("ticket.taken_back")),
    ("from one to another", assigned("quiet", "redisco"), [*redisco("ticket.taken_back"), QUIET]),
    (
        "handed back: only their system is told",
        assigned(None, "redisco", "rae@redisco.example"),
        redisco("ticket.taken_back")[1:],
    ),
    ("reopened by the customer", reopened("customer", "redisco"), redisco("ticket.reopened")),
    (
        "reopened by the provider",
        reopened("provider", "redisco"),
        [("webhook", HOOK, "ticket.reopened")],
    ),
    ("reopened, with support", reopened("customer", None), []),
    ("solved by staff", solved("staff", "agent@example.com"), customers("ticket-solved")),
    ("solved by the customer", solved("customer", "ann@example.com"), []),
    (
        "merged into a ticket that they are on",
        merged(is_shared=True),
        [("mail", "ann@example.com", "ticket-merged")],
    ),
    ("merged into another person's", merged(is_shared=False), []),
    ("a ticket into which another was merged", MERGE_NOTED, []),
    (
        "not covered",
        scoped("general_debugging", Scope.NOT_COVERED),
        [("mail", "ann@example.com", "scope-decided")],
    ),
    (
        "broken, sent as architecture",
        scoped("break_fix_sent_as_architecture"),
        [("mail", "ann@example.com", "scope-decided")],
    ),
    ("the requester insists", scoped("insisted"), []),
    ("reviewed", reviewed(), [("mail", "ann@example.com", "priority-reviewed")]),
    ("an appeal's change is told by its decision", reviewed(final=True), []),
    ("an appeal is decided", DECIDED, [("mail", "ann@example.com", "appeal-decided")]),
    ("somebody joins", JOINED, [("mail", "ann@example.com", "participant-joined")]),
    (
        "a provider is reminded by mail only",
        warned("provider-answer", "redisco"),
        [("mail", AGENTS, "ticket-reminder")],
    ),
    ("another clock warns", warned("initial-response", None), []),
]

UNVERIFIED = set_at_opening().model_copy(update={"verified": False})
CONFIRMED = SenderConfirmed(
    **base(by="ann@example.com"), priority=Priority.HIGH, plan=Plan.PREMIUM, lane="l"
)


def kept(
    why: Cause = Cause.UNKNOWN_SENDER,
    answerable: bool = True,
    sender: str = "eve@elsewhere.example",
) -> MailQuarantined:
    return MailQuarantined(
        id="fct_m",
        key="a" * 64,
        at=AT,
        delivery="dlv_1",
        why=why,
        explanation="You are not registered.",
        answerable=answerable,
        sender=sender,
    )


TOLD += [
    ("a mail nobody vouches for", UNVERIFIED, [("mail", "ann@example.com", "confirm-sender")]),
    ("the sender has confirmed", CONFIRMED, [("mail", "ann@example.com", "ticket-received")]),
    ("a mail in quarantine", kept(), [("mail", "eve@elsewhere.example", "mail-quarantined")]),
    ("a mail in quarantine that is not answered", kept(Cause.LOOP, answerable=False), []),
]

NOT_TOLD: list[tuple[str, Fact, set[tuple[str, str, str]]]] = [
    (
        "unregistered",
        set_at_opening("eve@elsewhere.example"),
        {("mail", "eve@elsewhere.example", notices.UNREGISTERED)},
    ),
    (
        "our own address",
        set_at_opening("bot@signalbox.example"),
        {("mail", "bot@signalbox.example", notices.OWN_ADDRESS)},
    ),
    (
        "our own address is asked to take part",
        ASKED.model_copy(update={"person": "Bot@signalbox.example"}),
        {("mail", "bot@signalbox.example", notices.OWN_ADDRESS)},
    ),
    (
        "an import's made-up address is asked to take part",
        ASKED.model_copy(update={"person": "x@import.invalid"}),
        {("mail", "x@import.invalid", notices.NO_ADDRESS)},
    ),
    (
        "a provider with our address",
        assigned("ours"),
        {("mail", "bot@signalbox.example", notices.OWN_ADDRESS)},
    ),
    (
        "a reminder to a provider that is gone",
        warned("provider-answer", "gone"),
        {("mail", "provider:gone", notices.NO_PROVIDER)},
    ),
    ("no webhook", assigned("quiet"), {("webhook", "provider:quiet", notices.NO_WEBHOOK)}),
    (
        "no such provider",
        assigned("gone"),
        {(kind, "provider:gone", notices.NO_PROVIDER) for kind in ("mail", "webhook")},
    ),
    (
        "handed back",
        assigned(None, "redisco", "rae@redisco.example"),
        {("mail", AGENTS, notices.OWN_DOING)},
    ),
    (
        "reviewed by the requester",
        reviewed("ann@example.com"),
        {("mail", "ann@example.com", notices.AUTHOR)},
    ),
    (
        "our own mail",
        kept(sender="bot@signalbox.example"),
        {("mail", "bot@signalbox.example", notices.OWN_ADDRESS)},
    ),
    (
        "the scope of what a forger may have written",
        scoped("general_debugging", Scope.NOT_COVERED).model_copy(update={"verified": False}),
        {("mail", "ann@example.com", notices.UNCONFIRMED)},
    ),
    (
        "a machine's reply",
        reply("customer", "ann@example.com", automatic=True),
        {
            ("mail", "ben@example.com", notices.AUTOMATIC),
            ("mail", AGENTS, notices.AUTOMATIC),
            ("webhook", HOOK, notices.AUTOMATIC),
        },
    ),
]


@pytest.mark.parametrize(("fact", "told"), [row[1:] for row in TOLD], ids=[row[0] for row in TOLD])
def test_told(fact: Fact, told: list[tuple[str, str, str]]) -> None:
    found = notices_for(fact, Known(), HOUSE)
    assert [(n.kind, n.to, n.template) for n in found if isinstance(n, Notice)] == told


@pytest.mark.parametrize(
    ("fact", "left_out"), [row[1:] for row in NOT_TOLD], ids=[row[0] for row in NOT_TOLD]
)
def test_left_out_with_the_reason(fact: Fact, left_out: set[tuple[str, str, str]]) -> None:
    found = notices_for(fact, Known(), HOUSE)
    assert {(n.kind, n.to, n.reason) for n in found if isinstance(n, SuppressedNotice)} == left_out


def notice(fact: Fact) -> Notice:
    (found,) = notices_for(fact, Known(), HOUSE)
    assert isinstance(found, Notice)
    return found


def test_whoever_is_vouched_for_is_told_each_time_which_mail_it_was() -> None:
    mine = kept().model_copy(
        update={"vouched": True, "subject": "It is down", "received_at": AT, "id": "fct_1"}
    )
    next_one = mine.model_copy(update={"id": "fct_2", "key": "b" * 64})
    first, second = notice(mine), notice(next_one)
    assert (first.once, second.once, first.id != second.id) == (False, False, True)
    raw = letter(first.id, first.to, first.template, first.body, MAIL_SENDER).decode()
    assert "It is down" in raw
    assert f"{AT:%-d %B %Y}" in raw


def test_whoever_may_be_a_victim_is_told_once_a_day_and_nothing_of_the_mail() -> None:
    days = [kept().model_copy(update={"at": AT + timedelta(hours=n)}) for n in (0, 1, 30)]
    first, again, later = (notice(day) for day in days)
    assert first.once
    assert first.id == again.id
    assert first.id != later.id
    assert first.body["subject"] == ""


def test_what_is_over_the_hourly_ceiling_is_told_once_a_day_to_anybody() -> None:
    full = kept(Cause.TOO_MANY).model_copy(update={"vouched": True, "subject": "x"})
    assert notice(full).id == notice(full.model_copy(update={"id": "f2"})).id


def test_no_machine_answers_a_mail_that_asks_for_none() -> None:
    asked = set_at_opening().model_copy(update={"no_receipt": "List-Id: <ops.example.com>"})
    (found,) = notices_for(asked, Known(), HOUSE)
    assert isinstance(found, SuppressedNotice)
    assert (found.template, found.reason) == ("ticket-received", "List-Id: <ops.example.com>")


def test_the_requester_alone_is_asked_to_rate() -> None:
    found = [
        n
        for n in notices_for(solved("staff", "agent@example.com"), Known(), HOUSE)
        if isinstance(n, Notice)
    ]
    asked = {n.to: n.body["rate_url"] for n in found}
    assert asked == {
        "ann@example.com": "https://help.example/tickets/tkt_1#rate",
        "ben@example.com": "",
    }


def test_ids_come_from_fact_and_recipient() -> None:
    found = notices_for(assigned("redisco"), Known(), HOUSE)
    assert [n.id for n in found] == [
        ids.notice_id("fct_1", AGENTS, "mail"),
        ids.notice_id("fct_1", HOOK, "webhook"),
    ]
    assert found == notices_for(assigned("redisco"), Known(), HOUSE)


def test_what_a_webhook_says() -> None:
    (hook,) = [n for n in notices_for(assigned("redisco"), Known(), HOUSE) if n.kind == "webhook"]
    assert isinstance(hook, Notice)
    assert (hook.url, hook.destination) == (WEB, "webhook:redisco")
    assert hook.body == {
        "type": "ticket.assigned",
        "timestamp": "2026-03-03T10:00:00Z",
        "data": {
            "ticket": {
                "id": "tkt_1",
                "subject": "Redis",
                "body": "b",
                "requester": "ann@example.com",
                "requester_name": "",
                "app": None,
                "priority": "high",
                "url": "https://help.example/tickets/tkt_1",
            },
            "reason": "r",
        },
    }


def test_only_an_unknown_recipient_asks_for_a_fresher_directory() -> None:
    assert is_somebody_unknown(notices_for(set_at_opening("eve@elsewhere.example"), Known(), HOUSE))
    assert is_somebody_unknown(notices_for(assigned("gone"), Known(), HOUSE))
    assert not is_somebody_unknown(notices_for(assigned("quiet"), Known(), HOUSE))


def test_the_table_names_events_of_topics_the_courier_reads() -> None:
    assert set(HANDLERS) - {"directory", "policies"} == {
        topic.name for topic in topics.PUBLIC if "notifier.courier" in topic.readers
    }
    for topic, kinds in HANDLERS.items():
        assert set(kinds) <= set(topics.TOPICS[topic].events)


def test_one_answer_for_a_sender_and_a_cause_whatever_was_written() -> None:
    (first,) = notices_for(kept(), Known(), HOUSE)
    (again,) = notices_for(
        kept().model_copy(update={"id": "fct_n", "key": "b" * 64}), Known(), HOUSE
    )
    (other,) = notices_for(kept(Cause.TOO_MANY), Known(), HOUSE)
    assert isinstance(again, Notice)
    assert first.id == again.id != other.id
    left_out = suppress_told_before(again)
    assert (left_out.reason, left_out.fact_id) == (notices.TOLD_BEFORE, "fct_n")
    assert left_out.id not in (first.id, again.id)


def test_a_forgers_words_are_in_no_mail_and_the_link_is_good_for_one_person_and_ticket() -> None:
    body: dict[str, Any] = {"subject": "BUY PILLS", "by": "ann@example.com"}
    (asked,) = notices_for(UNVERIFIED.model_copy(update=body), Known(), HOUSE)
    (tomorrow,) = notices_for(
        UNVERIFIED.model_copy(update={"at": AT + timedelta(days=1)}), Known(), HOUSE
    )
    assert isinstance(asked, Notice)
    assert asked.id != tomorrow.id, "one a day"
    assert "PILLS" not in str(asked.body)
    token = asked.body["url"].partition("token=")[2]
    link = links.verify(HOUSE.secret, token, links.CONFIRM_SENDER, "tkt_1", AT)
    assert link is not None
    assert link.person == "ann@example.com"
    assert links.verify(HOUSE.secret, token, links.CONFIRM_SENDER, "tkt_2", AT) is None
    assert (
        links.verify(HOUSE.secret, token, links.CONFIRM_SENDER, "tkt_1", AT + timedelta(days=31))
        is None
    )


@pytest.mark.parametrize(
    ("by", "said"),
    [
        ("agent@example.com", 'Ada of support opened the ticket "Redis" for you.'),
        ("gone@example.com", 'our support opened the ticket "Redis" for you.'),
        ("Ann@example.com", 'your ticket "Redis" has arrived.'),
        ("system", 'your ticket "Redis" has arrived.'),
    ],
)
def test_who_opened_it_for_them_is_said(by: str, said: str) -> None:
    fact = set_at_opening().model_copy(update={"by": by})
    (notice,) = notices_for(fact, Known(), HOUSE)
    assert isinstance(notice, Notice)
    assert notice.to == "ann@example.com"
    mail = letter(notice.id, notice.to, notice.template, notice.body, MAIL_SENDER)
    text = message_from_bytes(mail, policy=default).get_body(("plain",))
    assert text is not None
    assert f"Hello Ann, {said} Its priority is high." in " ".join(text.get_content().split())
