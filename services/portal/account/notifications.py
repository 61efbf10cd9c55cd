"""What somebody is told by mail, why, and how each of it is stopped and resumed. Used alike by JSON
and the page.

Which mails there are: `services/notifier/notices/`. What can be left: status updates, and
announcements that are not critical (seed 003: "All non-critical notifications must contain opt-out
instructions or links").
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from services.portal.operations.endpoints import find_disabled
from shared.events import CRITICAL, Actor, Purpose
from shared.people.folding import fold_address
from shared.people.identity import Lookup
from shared.people.subscriptions import (
    KIND,
    opt_out_id,
    stop_id,
    stops_among,
    subscription_id,
    subscription_in,
)
from shared.storage.store import Store

SHOWN = 10
MOST_APPS = 500

Shape = dict[str, Any]


async def notifications_of(
    store: Store, directory: Lookup, actor: Actor, components: Mapping[str, str]
) -> Shape:
    """What `describe_notifications` says, with `sent`: the last mails to the address, each `{at, template, state,
    reason}`. Raises Unavailable.
    """
    email = fold_address(actor.email)
    # Owners and collaborators get the announcements of their apps' add-ons.
    where = {"kind": "apps", "$or": [{"document.owner": email}, {"document.collaborators": email}]}
    apps = [doc["document"] for doc in await store["directory"].find(where, limit=MOST_APPS)]
    sent = await store["notices"].find(
        {"to": email, "kind": "mail"}, order=[("at", -1)], limit=SHOWN
    )
    return describe_notifications(actor, directory, apps, components) | {
        "sent": [
            {name: doc.get(name) for name in ("at", "template", "state", "reason", "ticket")}
            for doc in sent
        ]
    }


def describe_notifications(
    actor: Actor,
    directory: Lookup,
    apps: Iterable[Mapping[str, Any]],
    components: Mapping[str, str],
) -> Shape:
    """`{email, side, mailbox, stopped, status, announcements}`. Pure.

    `side`: customer, provider or staff; `mailbox`: where a provider's tickets go; `webhook`: where
    else, and `webhook_disabled`: since when not any more (`operations/endpoints.py`). `stopped`:
    why no mail is sent, with `since`; null. `status`: `{on, since, waits, components: [{id, name,
    chosen}]}`; none chosen while on: everything. `announcements`: per provider of an add-on of
    theirs `{provider, name, apps, wanted, since}`; `since`: when they left what can be left.
    """
    email = fold_address(actor.email)
    found = subscription_in(directory.get(KIND, subscription_id(email)))
    # A subscription that was not confirmed sends nothing.
    is_on = found is not None and found.confirmed_at is not None
    chosen = found.components if found is not None and is_on else ()
    stop = directory.get(KIND, stop_id(email))
    # Announcements are by provider, however many apps have the add-on.
    of_apps: dict[str, list[str]] = {}
    for app in apps:
        for slug in app.get("addons") or ():
            of_apps.setdefault(str(slug), []).append(str(app["name"]))
    own = directory.get("providers", actor.provider) if actor.provider else None
    hook = str((own or {}).get("webhook_url") or "")
    return {
        "email": actor.email,
        "side": "staff" if actor.is_staff else "provider" if actor.provider else "customer",
        "mailbox": (own or {}).get("agent_email"),
        "webhook": hook or None,
        "webhook_disabled": find_disabled(directory, f"provider:{actor.provider}", hook)
        if hook
        else None,
        "stopped": {"why": stop["why"], "said": stop.get("said", ""), "since": stop["at"]}
        if stop
        else None,
        "status": {
            "on": is_on,
            "since": found.confirmed_at.isoformat()
            if found is not None and found.confirmed_at
            else None,
            "waits": found is not None and not is_on,
            "components": [
                {"id": id_, "name": name, "chosen": id_ in chosen}
                for id_, name in components.items()
            ],
        },
        "announcements": [
            _announcements(slug, sorted(names), email, directory)
            for slug, names in sorted(of_apps.items())
        ],
    }


def list_stopped_mail(ticket: Shape, directory: Lookup, actor: Actor) -> list[Shape]:
    """Who on a ticket's customer's side gets no mail, each `{email, why, said, since}`: all of them
    for staff and provider (which is not told what the far end said), a customer's own for a
    customer. Pure.
    """
    stops = stops_among((ticket["requester"], *(ticket["participants"] or ())), directory)
    # A customer learns nothing about the mail of colleagues.
    if ticket["standing"] == "customer":
        stops = [stop for stop in stops if stop.email == fold_address(actor.email)]
    # What the far end said may hold names and addresses of its systems.
    shows_said = ticket["standing"] != "provider"
    return [
        {
            "email": stop.email,
            "why": stop.why,
            "said": stop.said if shows_said else "",
            "since": stop.at.isoformat(),
        }
        for stop in stops
    ]


# Critical announcements cannot be left, so they are no choice on the page.
LEAVABLE = tuple(purpose.value for purpose in Purpose if purpose not in CRITICAL)
"""The purposes of announcements that can be left."""


def _announcements(slug: str, apps: list[str], email: str, directory: Lookup) -> Shape:
    left = directory.get(KIND, opt_out_id(slug, email))
    provider = directory.get("providers", slug) or {}
    return {
        "provider": slug,
        "name": provider.get("name") or slug,
        "apps": apps,
        "wanted": left is None,
        "since": left["at"] if left else None,
    }
