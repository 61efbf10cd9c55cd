"""How many people a message would reach, before it goes out. Pure, over the directory in memory.

The same rules as the courier's (`services/notifier/notices/status.py`): subscribers whose
components it names, and the people of the add-ons' apps, each once, without stopped addresses and,
of what is not critical, without those who opted out. A number of now: who subscribes meanwhile is
told, too.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from shared.people.folding import fold_address
from shared.people.subscriptions import KIND, opt_out_id, stop_id, subscription_in


class ReachDirectory(Protocol):
    def get(self, kind: str, doc_id: str) -> Mapping[str, Any] | None: ...

    def all(self, kind: str | None = None) -> Mapping[str, Mapping[str, Any]]: ...


@dataclass(frozen=True)
class Reach:
    """`mails` go out, `webhooks` are called; `opted_out` and `stopped` are left out."""

    mails: int = 0
    webhooks: int = 0
    opted_out: int = 0
    stopped: int = 0


def people_of(directory: ReachDirectory, addons: Collection[str]) -> set[str]:
    """Owners and collaborators of every app that has one of the add-ons, folded."""
    found: set[str] = set()
    for app in directory.all("apps").values():
        if set(addons).intersection(app.get("addons") or ()):
            found |= {
                fold_address(str(each))
                for each in (app.get("owner"), *(app.get("collaborators") or ()))
                if each
            }
    return found


def reach_of_announcement(directory: ReachDirectory, provider: str, *, critical: bool) -> Reach:
    """Of an announcement of `provider` to the users of its add-on."""
    people = people_of(directory, {provider})
    # Critical mail goes also to those who want no other.
    out = (
        set()
        if critical
        else {one for one in people if directory.get(KIND, opt_out_id(provider, one))}
    )
    return _count_reach(directory, people - out, 0, len(out))


def reach_of_update(
    directory: ReachDirectory, components: Collection[str], addons: Iterable[str], now: datetime
) -> Reach:
    """Of what is said of an incident about `components` (ids), some of which are `addons`."""
    people, webhooks = people_of(directory, set(addons)), 0
    for document in directory.all(KIND).values():
        # None: a stop or an opt-out, which are documents of the same kind.
        found = subscription_in(document)
        if found is None or not found.wants(components, now):
            continue
        if found.kind == "webhook":
            webhooks += 1
        else:
            people.add(fold_address(found.target))
    return _count_reach(directory, people, webhooks, 0)


def _count_reach(
    directory: ReachDirectory, people: set[str], webhooks: int, opted_out: int
) -> Reach:
    # After those who opted out, so that nobody is counted twice.
    stopped = sum(directory.get(KIND, stop_id(one)) is not None for one in people)
    return Reach(len(people) - stopped, webhooks, opted_out, stopped)
