"""Whoever is told that something began is told what changes and how it ends, whatever else changes
meanwhile: the components, subscriptions, apps. Only who unsubscribed is left out.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from services.notifier.courier.rebuild import collect_histories, document_of, make_notices_again
from services.notifier.notices import Notice, Told
from services.notifier.notices.status import BEGINNINGS, EVENTS, audience, tell_place
from services.router.incident.domain import decide
from services.router.incident.maintenance import fire
from services.router.incident.row import StatusRow, due_at, evolve
from shared import events as e
from shared import ids
from shared.people.subscriptions import KIND, Subscription, subscription_id
from shared.status.notice import NOTICE
from tests.unit.notifier_courier.test_notices import HOUSE
from tests.unit.router.building import AT, STAMP, actor

API = e.Component(id="api", name="API")
POSTGRES = e.Component(id="postgres", name="Postgres")
REDIS = e.Component(id="redisco", name="Redisco", addon="redisco")
PARTS = {part.id: part for part in (API, POSTGRES, REDIS)}
PEOPLE = ("ann@example.com", "bob@example.com", "https://cam.example/hook")
MINUTE = timedelta(minutes=1)


@dataclass
class World:
    """A directory that changes, a router, and what was sent: (recipient) by fact."""

    subscriptions: dict[str, Subscription] = field(default_factory=dict)
    apps: dict[str, dict[str, Any]] = field(default_factory=dict)
    row: StatusRow | None = None
    log: list[e.StatusFact] = field(default_factory=list)
    owed: list[Notice] = field(default_factory=list)
    told: dict[str, set[str]] = field(default_factory=dict)
    minute: int = 0

    def get(self, kind: str, id_: str) -> dict[str, Any] | None:
        if kind == KIND:
            found = self.subscriptions.get(id_)
            return found.kept() if found else None
        return self.apps.get(id_) if kind == "apps" else None

    def ids(self, kind: str) -> list[str]:
        return list({KIND: self.subscriptions, "apps": self.apps}.get(kind, {}))

    def subscribes(self, target: str, *components: str) -> None:
        self.minute += 1
        key = subscription_id(target)
        kind: Any = "webhook" if target.startswith("http") else "email"
        known = self.subscriptions.get(key)
        self.subscriptions[key] = Subscription(
            kind=kind,
            target=target,
            components=components,
            confirmed_at=known.confirmed_at if known else AT + self.minute * MINUTE,
        )

    def unsubscribes(self, target: str) -> None:
        self.subscriptions.pop(subscription_id(target), None)

    def ask(self, kind: type[e.StatusRequest], key: str = "inc_a", **fields: Any) -> None:
        self.minute += 1
        request = kind(
            id=f"req_{self.minute}",
            key=key,
            at=AT + self.minute * MINUTE,
            actor=actor("ops"),
            policy=STAMP,
            **fields,
        )
        self._happens(decide(self.row, request), key, request.id)

    def passes(self, minutes: int, key: str) -> None:
        self.minute += minutes
        now = AT + self.minute * MINUTE
        while self.row is not None and (due := due_at(self.row)) is not None and due <= now:
            self._happens(fire(self.row, now), key, f"tmr_{due}")

    def _happens(self, facts: list[e.StatusFact], key: str, cause: str) -> None:
        for fact in ids.stamp(facts, key=key, first_seq=len(self.log) + 1, cause=cause):
            self.row = evolve(self.row, fact).copy_with({"seq": fact.seq})
            self.log.append(fact)
            if type(fact) in EVENTS and fact.is_public:
                self.told[fact.type] = {one.to for one in self.tell(fact) if type(one) is Notice}

    def tell(self, fact: e.StatusFact) -> list[Told]:
        """As the courier does: the outbox remembers who is owed what of this key."""
        before = [(one.place, one.to) for one in self.owed if one.about == fact.key]
        places = audience(fact, self, [] if type(fact) in BEGINNINGS else before)
        found = {one.id: one for place in places for one in tell_place(fact, place, self, HOUSE)}
        self.owed += [one for one in found.values() if isinstance(one, Notice)]
        return list(found.values())


def begun(*components: e.Component) -> dict[str, Any]:
    return {
        "title": "Errors",
        "body": "We look.",
        "components": components,
        "impact": e.Impact(production=e.Colour.RED),
    }


def test_who_was_told_of_a_component_hears_the_end_after_the_incident_left_it() -> None:
    world = World()
    world.subscribes("ann@example.com", "api")
    world.subscribes("bob@example.com", "postgres")
    world.ask(e.OpenIncident, **begun(API))
    world.ask(e.UpdateIncident, body="It is the database.", components=(POSTGRES,))
    assert world.told["IncidentUpdated"] == {"ann@example.com", "bob@example.com"}
    world.ask(e.ResolveIncident, body="All over.")
    assert world.told["IncidentResolved"] == {"ann@example.com", "bob@example.com"}


def test_a_subscriber_of_later_than_the_move_hears_the_end_of_a_former_component() -> None:
    world = World()
    world.ask(e.OpenIncident, **begun(API))
    world.ask(e.UpdateIncident, body="It is the database.", components=(POSTGRES,))
    world.subscribes("ann@example.com", "api")
    world.ask(e.ResolveIncident, body="All over.")
    assert world.told["IncidentResolved"] == {"ann@example.com"}


def test_components_of_a_draft_were_told_to_nobody() -> None:
    world = World()
    world.subscribes("ann@example.com", "api")
    world.ask(e.OpenIncident, **begun(API), draft=True)
    world.ask(e.PublishIncident, components=(POSTGRES,))
    world.ask(e.ResolveIncident, body="All over.")
    assert world.told["IncidentOpened"] == world.told["IncidentResolved"] == set()


def test_who_narrowed_their_subscription_meanwhile_hears_the_end() -> None:
    world = World()
    world.subscribes("ann@example.com", "api")
    world.ask(e.OpenIncident, **begun(API))
    world.subscribes("ann@example.com", "postgres")
    world.ask(e.ResolveIncident, body="All over.")
    assert world.told["IncidentResolved"] == {"ann@example.com"}


def test_who_unsubscribed_hears_nothing_more() -> None:
    world = World()
    world.subscribes("ann@example.com", "api")
    world.ask(e.OpenIncident, **begun(API))
    world.unsubscribes("ann@example.com")
    world.ask(e.ResolveIncident, body="All over.")
    assert world.told["IncidentResolved"] == set()


def test_the_people_of_an_app_hear_the_end_though_the_app_dropped_the_add_on() -> None:
    world = World(apps={"shop": {"owner": "own@example.com", "addons": ["redisco"]}})
    world.ask(e.OpenIncident, **begun(REDIS))
    assert world.told["IncidentOpened"] == {"own@example.com"}
    world.apps["shop"] = {"owner": "new@example.com", "addons": []}
    world.ask(e.ResolveIncident, body="All over.")
    assert world.told["IncidentResolved"] == {"own@example.com"}


def test_a_maintenance_is_told_to_its_end_to_whoever_heard_that_it_is_planned() -> None:
    world = World()
    world.subscribes("ann@example.com", "api")
    starts = AT + NOTICE + 10 * MINUTE
    world.ask(
        e.ScheduleMaintenance, key="mnt_a", **begun(API), starts_at=starts, ends_at=starts + MINUTE
    )
    world.subscribes("ann@example.com", "postgres")
    moved = starts + 5 * MINUTE
    world.ask(e.RescheduleMaintenance, key="mnt_a", starts_at=moved, ends_at=moved + MINUTE)
    world.passes(24 * 60 + 60, "mnt_a")
    for kind in ("Scheduled", "Rescheduled", "Started", "Ended"):
        assert world.told[f"Maintenance{kind}"] == {"ann@example.com"}, kind


def test_a_lost_outbox_finds_again_who_was_told_only_because_of_before() -> None:
    world = World()
    world.subscribes("ann@example.com", "api")
    world.ask(e.OpenIncident, **begun(API))
    world.subscribes("ann@example.com", "postgres")
    world.ask(e.ResolveIncident, body="All over.")
    end = world.owed[-1]
    owed = e.NoticeOwed(
        id="fct_n",
        key=end.id,
        seq=1,
        cause=end.fact_id,
        notice_kind="mail",
        to=end.to,
        at=AT,
        template=end.template,
        destination=end.destination,
        about=end.about,
        place=end.place,
    )
    document = document_of(end.id, collect_histories([owed])[end.id], end)
    assert (document["about"], document["place"]) == (end.about, end.place)
    made = make_notices_again(world.log[-1], collect_histories([owed]).values(), world, HOUSE)
    assert [(one.id, one.to) for one in made] == [(end.id, "ann@example.com")]


_some = st.frozensets(st.sampled_from(sorted(PARTS)))
_steps = st.lists(
    st.one_of(
        st.tuples(st.just("components"), _some),
        st.tuples(st.just("subscribe"), st.sampled_from(PEOPLE), _some),
        st.tuples(st.just("unsubscribe"), st.sampled_from(PEOPLE)),
        st.tuples(st.just("app"), st.sampled_from(["own@example.com", PEOPLE[0]]), st.booleans()),
        st.tuples(st.just("publish"), _some),
    ),
    max_size=12,
)


@given(first=_some, before=_steps, after=_steps)
def test_told_of_the_beginning_means_told_of_the_end(
    first: frozenset[str], before: list[Any], after: list[Any]
) -> None:
    world = World()
    left: set[str] = set()
    for step in before:
        _take(world, step, left)
    world.ask(e.OpenIncident, **begun(*(PARTS[name] for name in sorted(first))))
    left.clear()
    for step in after:
        _take(world, step, left)
    heard = {one.to for one in world.owed}
    world.ask(e.ResolveIncident, body="All over.")
    gone = {
        to
        for target in left
        for to in (target, f"subscriber:{subscription_id(target)}")
        if subscription_id(target) not in world.subscriptions
    }
    end = world.told["IncidentResolved"]
    in_an_app = {one.to for one in world.owed if one.place.startswith("2")}
    assert heard - (gone - in_an_app) <= end
    # Whoever has no subscription any more is told only as one of an app's people.
    assert not (gone - in_an_app) & end


def _take(world: World, step: Any, left: set[str]) -> None:
    match step:
        case ("components", names) if world.row is not None:
            world.ask(
                e.UpdateIncident, body="More.", components=tuple(PARTS[n] for n in sorted(names))
            )
        case ("subscribe", target, names):
            left.discard(target)
            world.subscribes(target, *sorted(names))
        case ("unsubscribe", target):
            left.add(target)
            world.unsubscribes(target)
        case ("app", owner, uses):
            world.apps["shop"] = {"owner": owner, "addons": ["redisco"] if uses else []}
