"""Who is told of incidents, maintenances and announcements: subscribers, the people of concerned
apps, providers; and who is not.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import mailparser
import pytest

from services.notifier.courier.fanout import PIECE, FanOut, Job
from services.notifier.courier.outbox import Outbox
from services.notifier.mail import BotSender, letter
from services.notifier.notices import (
    HANDLERS,
    Notice,
    SuppressedNotice,
    notices_for,
    without_stopped,
)
from services.notifier.notices.status import EVENTS, OPTED_OUT, audience
from services.notifier.notices.told import BULK_DESTINATION, OWN_ADDRESS, TOLD_BEFORE
from shared.clock import SystemClock
from shared.events import (
    AnnouncementMade,
    Colour,
    Component,
    DirectoryRecorded,
    Event,
    Impact,
    IncidentDrafted,
    IncidentOpened,
    IncidentResolved,
    IncidentUpdated,
    MaintenanceCancelled,
    MaintenanceEnded,
    MaintenanceRescheduled,
    MaintenanceScheduled,
    MaintenanceStarted,
    PostmortemPublished,
    Purpose,
    Section,
)
from shared.people.subscriptions import (
    KIND,
    OptOut,
    Stop,
    Subscription,
    Wish,
    opt_out_id,
    stop_id,
    subscription_id,
)
from shared.signed import links
from tests.unit.notifier_courier.test_notices import HOUSE

SENDER = BotSender(
    "bot@signalbox.example",
    "Signalbox",
    "notifications.signalbox.example",
    "support@signalbox.example",
    b"a secret of sixteen",
)
AT = datetime(2026, 3, 3, 10, tzinfo=UTC)
BEFORE = AT - timedelta(days=1)
SLUG = "redisco"
HOOK = "https://monitor.example/hook"
ROUTING = Component(id="routing", name="Routing")
REDIS = Component(id="redisco", name="Redisco", addon="redisco")


def subscriber(
    target: str, *components: str, confirmed_at: datetime | None = BEFORE
) -> Subscription:
    kind = "webhook" if target.startswith("http") else "email"
    return Subscription(kind=kind, target=target, components=components, confirmed_at=confirmed_at)  # type: ignore[arg-type]


def directory(*subscriptions: Subscription) -> dict[str, dict[str, dict[str, Any]]]:
    return {
        "apps": {
            "shop": {
                "name": "shop",
                "owner": "own@example.com",
                "collaborators": ["col@example.com", "All@example.com"],
                "addons": [SLUG],
            },
            "blog": {"name": "blog", "owner": "own@example.com", "addons": ["redisco"]},
            "site": {"name": "site", "owner": "elsewhere@example.com", "addons": ["mailgrid"]},
        },
        "providers": {
            "redisco": {
                "slug": "redisco",
                "name": "Redisco",
                "agent_email": "agents@redisco.example",
            }
        },
        "accounts": {"own@example.com": {"name": "Olga"}},
        KIND: {subscription_id(one.target): one.kept() for one in subscriptions},
    }


class Crowd:
    """A directory; by default with one subscriber of everything, one of Routing, one of Redisco, a
    webhook, and one unconfirmed.
    """

    def __init__(self, documents: dict[str, dict[str, dict[str, Any]]] | None = None) -> None:
        self.documents = documents or directory(
            subscriber("all@example.com"),
            subscriber("routing@example.com", "routing"),
            subscriber("redis@example.com", "redisco"),
            subscriber(HOOK),
            subscriber("never@example.com", confirmed_at=None),
            subscriber("late@example.com", confirmed_at=AT + timedelta(seconds=1)),
        )

    def get(self, kind: str, id_: str) -> dict[str, Any] | None:
        return self.documents.get(kind, {}).get(id_)

    def ids(self, kind: str) -> list[str]:
        return list(self.documents.get(kind, {}))


def base(**more: Any) -> dict[str, Any]:
    return {
        "id": "fct_s",
        "key": "inc_1",
        "seq": 1,
        "at": AT,
        "by": "ops@example.com",
        "policy": {},
        "title": "Slow",
        "components": (ROUTING,),
        "impact": Impact(production=Colour.YELLOW),
        **more,
    }


def addon(**more: Any) -> dict[str, Any]:
    return base(components=(REDIS,), provider="redisco", **more)


def opened(**more: Any) -> IncidentOpened:
    return IncidentOpened(**base(**more), update="u1", body="It is slow.", started_at=AT)


TIMES = {"starts_at": AT + timedelta(hours=30), "ends_at": AT + timedelta(hours=31)}


def announced(purpose: Purpose, critical: bool, **more: Any) -> AnnouncementMade:
    return AnnouncementMade(
        **addon(key="ann_1"), purpose=purpose, body="Read this.", critical=critical, **more
    )


def asked(target: str = "new@example.com", *, wish: bool = True) -> DirectoryRecorded:
    found = subscriber(target, confirmed_at=None)
    found = found.asked(Wish(components=("routing",), at=AT)) if wish else found.confirmed(AT)
    key = subscription_id(target)
    return DirectoryRecorded(
        id="dir_1", key=f"{KIND}:{key}", at=AT, kind=KIND, doc_id=key, document=found.kept()
    )


EVERYBODY = {"all@example.com", "routing@example.com", HOOK}
USERS = {"own@example.com", "col@example.com", "all@example.com"}
SUBSCRIBERS = {"all@example.com", "redis@example.com", HOOK}
ADDON_NEWS = USERS | {"redis@example.com", HOOK}

NEWS: list[tuple[str, Event, set[str]]] = [
    ("opened", opened(), EVERYBODY),
    ("opened, of an add-on", opened(components=(REDIS,)), ADDON_NEWS),
    ("opened, of nothing said", opened(components=()), EVERYBODY | {"redis@example.com"}),
    ("updated", IncidentUpdated(**base(), update="u2", body="We look."), EVERYBODY),
    (
        "updated, for ops alone",
        IncidentUpdated(**base(), update="u2", body="We look.", internal=True),
        set(),
    ),
    ("resolved", IncidentResolved(**base(), update="u3", body="Over.", started_at=AT), EVERYBODY),
    (
        "resolved, of a provider",
        IncidentResolved(**addon(), update="u3", body=".", started_at=AT),
        {*ADDON_NEWS, "agents@redisco.example"},
    ),
    (
        "post-mortem",
        PostmortemPublished(**base(), sections=(Section(heading="What happened", body="A disk."),)),
        EVERYBODY,
    ),
    ("scheduled", MaintenanceScheduled(**base(), body="New disks.", **TIMES), EVERYBODY),
    (
        "scheduled, announced",
        MaintenanceScheduled(**addon(key="ann_1"), body="New.", **TIMES, announced=True),
        SUBSCRIBERS,
    ),
    (
        "rescheduled",
        MaintenanceRescheduled(
            **addon(), body="Later.", **TIMES, previous_starts_at=AT, previous_ends_at=AT
        ),
        ADDON_NEWS,
    ),
    ("started", MaintenanceStarted(**addon(), **TIMES), ADDON_NEWS),
    ("ended", MaintenanceEnded(**addon(), **TIMES), ADDON_NEWS),
    ("cancelled", MaintenanceCancelled(**addon(), body="Not needed.", **TIMES), ADDON_NEWS),
    ("announced maintenance", announced(Purpose.MAINTENANCE, True, **TIMES), USERS),
    ("announced interruption", announced(Purpose.INTERRUPTION, True), USERS),
    ("announced feature", announced(Purpose.FEATURE, False), USERS),
    ("draft", IncidentDrafted(**base(draft=True), update="u1", body="?", started_at=AT), set()),
    ("asks for updates", asked(), {"new@example.com"}),
    ("asks for updates, webhook", asked("https://new.example/hook"), {"https://new.example/hook"}),
    ("confirms", asked(wish=False), set()),
]


def reached(fact: Event, crowd: Crowd) -> list[Notice]:
    return [one for one in notices_for(fact, crowd, HOUSE) if isinstance(one, Notice)]


@pytest.mark.parametrize(
    ("fact", "expected"), [row[1:] for row in NEWS], ids=[row[0] for row in NEWS]
)
def test_who_is_told(fact: Event, expected: set[str]) -> None:
    assert {one.url or one.to for one in reached(fact, Crowd())} == expected


@pytest.mark.parametrize("fact", [row[1] for row in NEWS], ids=[row[0] for row in NEWS])
def test_a_mail_client_library_reads_every_one(fact: Event) -> None:
    for one in reached(fact, Crowd()):
        assert one.id == next(again.id for again in reached(fact, Crowd()) if again.id == one.id)
        if one.kind == "mail":
            found = mailparser.parse_from_bytes(
                letter(one.id, one.to, one.template, one.body, SENDER)
            )
            assert found.subject
            assert one.body.get("subject", "") in found.subject
            assert (len(found.text_plain), len(found.text_html), found.defects) == (1, 1, [])
            assert one.body["url"] in found.text_plain[0]
            if text := one.body.get("text"):
                assert text in found.text_plain[0].replace("\r\n", "\n")
            headers = {name.lower(): value for name, value in found.headers.items()}
            leaves = "leave_post_url" in one.body
            assert ("list-unsubscribe-post" in headers) is leaves
            if leaves:
                assert (
                    headers["list-unsubscribe"].replace(" ", "")
                    == f"<{one.body['leave_post_url']}>"
                )
                assert one.body["leave_url"] in found.text_plain[0]


def test_every_public_fact_of_status_has_its_row() -> None:
    assert {type(row[1]) for row in NEWS} >= set(EVENTS) == set(HANDLERS["status"])


def test_news_goes_by_its_own_lane() -> None:
    assert {
        one.destination
        for one in reached(opened(components=(REDIS,)), Crowd())
        if one.kind == "mail"
    } == {BULK_DESTINATION}


def test_whoever_has_two_places_is_told_once() -> None:
    told = reached(opened(components=(REDIS,)), Crowd())
    assert len([one for one in told if one.to == "own@example.com"]) == 2
    assert len({one.id for one in told}) == len({one.url or one.to for one in told})


def test_a_provider_is_led_to_where_it_explains() -> None:
    resolved = next(row[1] for row in NEWS if row[0] == "resolved, of a provider")
    (one,) = [one for one in reached(resolved, Crowd()) if one.to == "agents@redisco.example"]
    assert one.body["url"] == f"{HOUSE.public_url}/add-on/incidents/inc_1/postmortem"


def test_a_subscriber_who_uses_the_add_on_hears_of_an_announced_maintenance_once() -> None:
    scheduled, made = (
        row[1] for row in NEWS if row[0] in ("scheduled, announced", "announced maintenance")
    )
    ids = [
        {one.id for one in reached(fact, Crowd()) if one.to == "all@example.com"}
        for fact in (scheduled, made)
    ]
    assert ids[0] == ids[1]
    assert all(one.once for one in reached(made, Crowd()))
    assert TOLD_BEFORE


@pytest.mark.parametrize(
    ("purpose", "critical", "told"),
    [
        (Purpose.FEATURE, False, False),
        (Purpose.SURVEY, False, False),
        (Purpose.INTERRUPTION, True, True),
        (Purpose.TERMS, True, True),
    ],
)
def test_opting_out_counts_for_what_is_not_critical_and_is_recorded(
    purpose: Purpose, critical: bool, told: bool
) -> None:
    documents = directory()
    documents[KIND][opt_out_id("redisco", "col@example.com")] = OptOut(
        provider="redisco", email="col@example.com", at=BEFORE
    ).kept()
    found = [
        one
        for one in notices_for(announced(purpose, critical), Crowd(documents), HOUSE)
        if one.to == "col@example.com"
    ]
    assert [isinstance(one, Notice) for one in found] == [told]
    if not told:
        assert [one.reason for one in found if isinstance(one, SuppressedNotice)] == [OPTED_OUT]


def test_a_link_to_leave_is_good_for_its_holder_alone() -> None:
    (one,) = [
        one
        for one in reached(announced(Purpose.FEATURE, False), Crowd())
        if one.to == "col@example.com"
    ]
    token = one.body["leave_url"].partition("token=")[2]
    link = links.verify(HOUSE.secret, token, links.OPT_OUT, "redisco", AT)
    assert link is not None
    assert link.person == "col@example.com"
    assert links.verify(HOUSE.secret, token, links.OPT_OUT, "mailgrid", AT) is None
    assert links.verify(HOUSE.secret, token, links.UNSUBSCRIBE, "redisco", AT) is None


def test_asking_tells_none_of_the_askers_words_and_once_a_day() -> None:
    (one,), (again,) = (
        reached(asked(), Crowd()),
        reached(asked().model_copy(update={"id": "dir_2"}), Crowd()),
    )
    assert one.once
    assert one.id == again.id
    (hook,) = reached(asked("https://new.example/hook"), Crowd())
    token = hook.body["data"]["confirm_url"].partition("token=")[2]
    assert (
        links.verify(HOUSE.secret, token, links.SUBSCRIBE, hook.body["data"]["subscription_id"], AT)
        is not None
    )


def test_our_own_address_is_never_written_to() -> None:
    crowd = Crowd(directory(subscriber("bot@signalbox.example")))
    assert [
        one.reason
        for one in notices_for(opened(), crowd, HOUSE)
        if isinstance(one, SuppressedNotice)
    ] == [OWN_ADDRESS]


def test_mail_that_bounced_for_good_is_left_out_and_says_why() -> None:
    documents = directory(subscriber("all@example.com"), subscriber(HOOK))
    stop = Stop(email="all@example.com", why="bounced", said="5.1.1 no such user", at=BEFORE)
    documents[KIND][stop_id("ALL@example.com")] = stop.kept()
    crowd = Crowd(documents)
    found = [without_stopped(one, crowd) for one in notices_for(opened(), crowd, HOUSE)]
    assert [type(one) for one in found if one.kind == "webhook"] == [Notice]
    (left,) = [one for one in found if isinstance(one, SuppressedNotice)]
    assert "5.1.1 no such user" in left.reason


def test_a_fan_out_goes_on_from_any_place_without_leaving_anybody_out() -> None:
    crowd = Crowd(
        directory(*(subscriber(f"s{number}@example.com") for number in range(3 * PIECE + 7)))
    )
    fact = opened()
    fan_out = FanOut(
        {"fanouts": None},
        OUTBOX,
        crowd,
        HOUSE,
        SystemClock(),
        instance="c",
        put=lambda _: None,
        queued=lambda: 0,
    )  # type: ignore[arg-type]
    told: list[str] = []
    sizes, after, is_done = [], "", False
    while not is_done:
        # As after a kill: only the place is known, not the audience of before.
        found, after, is_done = fan_out.piece(Job(fact, None, after), audience(fact, crowd))
        told += [one.to for one in found]
        sizes.append(len(found))
    assert sorted(told) == sorted(f"s{number}@example.com" for number in range(3 * PIECE + 7))
    assert max(sizes) == PIECE
    assert len(audience(fact, crowd)) == 3 * PIECE + 7


class _NoOutbox:
    owner = "c"


OUTBOX: Outbox = _NoOutbox()  # type: ignore[assignment]
