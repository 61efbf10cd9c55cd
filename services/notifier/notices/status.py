"""Who is told of incidents, maintenances and announcements. Pure.

| fact | subscribers | people of the add-on's apps | provider |
|---|---|---|---|
| IncidentOpened, IncidentUpdated, PostmortemPublished | yes | yes | |
| IncidentResolved | yes | yes | asked for a post-mortem (seed 003) |
| MaintenanceScheduled | yes | unless an announcement tells them | |
| MaintenanceRescheduled, -Started, -Ended, -Cancelled | yes | yes | |
| AnnouncementMade | | yes; non-critical ones not who opted out | |

A subscriber is told of its components, or of all: of every component that the incident has now or
had at any time since it became public. Whoever was told something of an incident is told how it
goes on and ends, whatever has changed since: its components, their subscription, their app. Only
who unsubscribed is not. The people of an app (owner and collaborators) are told of the add-ons
attached to it without subscribing (seed 001: "notifications regarding the status and stability of
your applications and add-ons"); of the platform itself only subscribers are ("be sure to
subscribe"). ImpactChanged is on the page: the update beside it tells people.

These are the facts that may concern 100,000 people, so an audience is a sorted list of places that
is told piece by piece (`fanout.py`); a notice's id is of fact and recipient, so whoever has two
places is told once.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from services.notifier.notices.status_texts import (
    EVENTS,
    in_z,
    is_announced,
    link_to,
    payload_of,
    template_of,
    words_of,
)
from services.notifier.notices.told import (
    BULK_DESTINATION,
    OWN_ADDRESS,
    Body,
    DirectoryIndex,
    Notice,
    Rule,
    SenderIdentity,
    Told,
    make_notice,
)
from shared.events import (
    AnnouncementMade,
    Fact,
    IncidentOpened,
    IncidentResolved,
    MaintenanceScheduled,
    PostmortemPublished,
    StatusFact,
)
from shared.people.folding import fold_address
from shared.people.subscriptions import KIND, Subscription, opt_out_id, subscription_in
from shared.signed import links

OPTED_OUT = "they want no more non-critical announcements of this provider"
# Places sort by these digits: the provider first, then subscribers, apps, and people told before.
_PROVIDER, _SUBSCRIBER, _APP, _SUBSCRIBER_BEFORE, _PERSON_BEFORE = "0", "1", "2", "3", "4"
"""What a place begins with. Then: the provider; the subscription; the app; the subscription of
somebody who was told before; the app and the address of such a person.
"""
# Ten years: a way out of a mail must work as long as somebody may keep the mail.
_LEAVE_WITHIN = timedelta(days=3650)

BEGINNINGS = frozenset({IncidentOpened, MaintenanceScheduled, AnnouncementMade})
"""Before these, nobody was told anything of the same key."""


def urgency(fact: StatusFact) -> int:
    """Which of several is told first, the lowest: trouble of now, then what is planned, then what
    can wait.
    """
    # Announcements: critical ones beside trouble of now.
    if isinstance(fact, AnnouncementMade):
        return 1 if fact.critical else 3
    return (
        0
        if EVENTS[type(fact)].startswith("incident.") and not isinstance(fact, PostmortemPublished)
        else 2
    )


def audience(
    fact: StatusFact, directory: DirectoryIndex, told_before: Iterable[tuple[str, str]] = ()
) -> list[str]:
    """The places of everybody whom the fact may concern, sorted; `tell_place` says who is there and
    what they get. `told_before`: (place, recipient) of whoever was told something of its key.
    """
    if not fact.is_public:
        return []
    places = []
    # Announcements go to the users of the add-on alone.
    if not isinstance(fact, AnnouncementMade):
        places += [f"{_SUBSCRIBER}{id_}" for id_ in directory.ids(KIND) if id_.startswith("sub_")]
    # An announced maintenance tells the same people by its announcement.
    if _addons(fact) and not (isinstance(fact, MaintenanceScheduled) and fact.announced):
        places += [f"{_APP}{name}" for name in directory.ids("apps")]
    # A provider whose incident is over is asked for a post-mortem.
    if isinstance(fact, IncidentResolved) and fact.provider:
        places.append(f"{_PROVIDER}{fact.provider}")
    # A set, because somebody can be found twice; sorted, so that a place says how far it came.
    return sorted({*places, *filter(None, map(_place_again, told_before))})


def _place_again(told_before: tuple[str, str]) -> str:
    """The place at which somebody who was told before is told again; empty for a provider."""
    place, to = told_before
    # The digits are those above: `match` takes a plain name for a new variable.
    match place[:1]:
        case "1":
            return f"{_SUBSCRIBER_BEFORE}{place[1:]}"
        case "2":
            return f"{_PERSON_BEFORE}{place[1:]} {to}"
    return ""


def left_of(places: list[str], after: str) -> int:
    """The index of the first place after `after`."""
    return bisect_right(places, after)


def tell_place(
    fact: StatusFact, place: str, directory: DirectoryIndex, house: SenderIdentity
) -> Iterator[Told]:
    """What the people of one place are owed; nothing where the fact does not concern them."""
    # The first character says which kind of place, the rest who.
    kind, id_ = place[:1], place[1:]
    if kind == _SUBSCRIBER:
        yield from _subscriber(fact, id_, directory, house)
    elif kind == _APP:
        yield from _people(fact, id_, directory, house)
    elif kind == _SUBSCRIBER_BEFORE:
        yield from _subscriber(fact, id_, directory, house, again=True)
    elif kind == _PERSON_BEFORE:
        yield from _person_again(fact, id_, directory, house)
    else:
        yield from _provider(fact, id_, directory, house)


def _rule(fact: StatusFact, directory: DirectoryIndex, house: SenderIdentity) -> Iterator[Told]:
    # All places at once. The courier takes them piece by piece instead (`fanout.py`).
    for place in audience(fact, directory):
        yield from tell_place(fact, place, directory, house)


def _subscriber(
    fact: StatusFact,
    id_: str,
    directory: DirectoryIndex,
    house: SenderIdentity,
    *,
    again: bool = False,
) -> Iterator[Told]:
    """`again`: they were told something of it before. Whoever wants it anyhow is told at their
    first place.
    """
    found = subscription_in(directory.get(KIND, id_))
    # Confirmed at the time of the fact: who came later was not there.
    if found is None or not found.is_confirmed_at(fact.at):
        return
    ever = [component.id for component in fact.components_ever]
    # Wants it, and comes again: told at the first place already. Not wanted, first time: not told.
    if found.wants(ever, fact.at) is again:
        return
    place = f"{_SUBSCRIBER}{id_}"
    if found.kind == "webhook":
        payload = {
            "type": EVENTS[type(fact)],
            "timestamp": in_z(fact.at),
            "data": payload_of(fact, house) | {"unsubscribe": _way_out(fact, id_, found, house)},
        }
        one = make_notice(
            fact,
            "webhook",
            f"subscriber:{id_}",
            EVENTS[type(fact)],
            f"webhook:{id_}",
            payload,
            house,
            "",
            found.target,
        )
        yield _with_place(place, fact, one)
        return
    leaving = house.make_unsubscribe_urls(
        links.UNSUBSCRIBE, id_, found.target, fact.at + _LEAVE_WITHIN
    )
    body = {**leaving, "leave": "Stop these status mails"}
    yield _with_place(place, fact, _mail(fact, found.target, directory, house, body))


def _way_out(
    fact: StatusFact, id_: str, found: Subscription, house: SenderIdentity
) -> dict[str, str]:
    """How a webhook ends its subscription without a login: POST or DELETE for machines, a page with
    a button for people.
    """
    # The same links as in a mail, and one for DELETE.
    links_out = house.make_unsubscribe_urls(
        links.UNSUBSCRIBE, id_, found.target, fact.at + _LEAVE_WITHIN
    )
    post_url = links_out["leave_post_url"]
    return {
        "post_url": post_url,
        "delete_url": post_url.replace("/unsubscribe?", "?", 1),
        "page_url": links_out["leave_url"],
    }


def _with_place(place: str, fact: StatusFact, one: Told) -> Told:
    """With what the courier needs to find this person again when there is more to tell."""
    return replace(one, about=fact.key, place=place) if isinstance(one, Notice) else one


def _people_of(fact: StatusFact, app: str, directory: DirectoryIndex) -> list[str]:
    """The people of an app that uses what the fact is about, lower-case, each once."""
    document = directory.get("apps", app) or {}
    if not _addons(fact).intersection(document.get("addons", ())):
        return []
    everybody = (document.get("owner", ""), *document.get("collaborators", ()))
    return list(dict.fromkeys(str(each).lower() for each in everybody if each))


def _person_again(
    fact: StatusFact, place: str, directory: DirectoryIndex, house: SenderIdentity
) -> Iterator[Told]:
    """Somebody who was told before as one of an app's people, and is none of them any more, or the
    app no longer uses the add-on. `place`: the app and the address.
    """
    app, _, person = place.partition(" ")
    # Still one of the app's people: told at the app's own place already.
    if "@" in person and person not in _people_of(fact, app, directory):
        one = _mail(fact, person, directory, house, {"app": app})
        yield _with_place(f"{_APP}{app}", fact, one)


def _people(
    fact: StatusFact, app: str, directory: DirectoryIndex, house: SenderIdentity
) -> Iterator[Told]:
    leaving: Body = {}
    for person in _people_of(fact, app, directory):
        because = ""
        # Only these can be turned off: the rest is about their own app.
        if isinstance(fact, AnnouncementMade) and not fact.critical:
            provider = fact.provider or ""
            because = OPTED_OUT if directory.get(KIND, opt_out_id(provider, person)) else ""
            leaving = {
                **house.make_unsubscribe_urls(
                    links.OPT_OUT, provider, person, fact.at + _LEAVE_WITHIN
                ),
                "leave": "No more of these announcements",
            }
        one = _mail(fact, person, directory, house, {**leaving, "app": app}, because)
        yield _with_place(f"{_APP}{app}", fact, one)


def _provider(
    fact: StatusFact, slug: str, directory: DirectoryIndex, house: SenderIdentity
) -> Iterator[Told]:
    """Seed 003: "Provide a post-mortem analysis explaining what went wrong, and what is being done
    to prevent a similar outage".
    """
    provider = directory.get("providers", slug) or {}
    # Without a mailbox there is nobody to ask.
    mailbox = fold_address(str(provider.get("agent_email", "")))
    if mailbox:
        body = {
            "subject": fact.title,
            "to_name": provider.get("name", slug),
            "link": "Write the post-mortem",
            "url": f"{house.public_url}/add-on/incidents/{fact.key}/postmortem",
        }
        yield make_notice(
            fact,
            "mail",
            mailbox,
            "postmortem-asked",
            BULK_DESTINATION,
            body,
            house,
            _own(mailbox, house),
        )


def _mail(
    fact: StatusFact,
    to: str,
    directory: DirectoryIndex,
    house: SenderIdentity,
    more: Body,
    because: str = "",
) -> Told:
    body = {
        "to_name": (directory.get("accounts", to) or {}).get("name", ""),
        **words_of(fact),
        **link_to(fact, house),
        "app": "",
        "provider": _name_of(fact.provider, directory),
        **more,
    }
    # Whoever is told of a maintenance as a subscriber and as a user of the add-on is told once.
    once = fact.key if is_announced(fact) else ""
    return make_notice(
        fact,
        "mail",
        to,
        template_of(fact),
        BULK_DESTINATION,
        body,
        house,
        because or _own(to, house),
        once=once,
    )


def _addons(fact: StatusFact) -> frozenset[str]:
    """The add-ons it is about."""
    return frozenset(
        filter(None, (*(component.addon for component in fact.components_ever), fact.provider))
    )


def _name_of(slug: str | None, directory: DirectoryIndex) -> str:
    return str((directory.get("providers", slug) or {}).get("name", slug)) if slug else ""


def _own(address: str, house: SenderIdentity) -> str:
    return OWN_ADDRESS if address in house.own_addresses else ""


# One rule for all: what a fact tells depends on the place, not on its type alone.
STATUS: Mapping[type[Fact], Rule] = dict[type[Fact], Any].fromkeys(EVENTS, _rule)
