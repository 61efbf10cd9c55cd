"""Mail to an address that bounced for good, or whose owner complained, is left out: said each time, and lifted by an admin. Pure."""

from __future__ import annotations

from services.notifier.notices.told import Lookup, Notice, Told, left_out
from shared.subscriptions import KIND, stop_id

_SAID = {"bounced": "mail to this address bounced for good", "complained": "the owner of this address complained about our mail"}


def heeding(one: Told, directory: Lookup) -> Told:
    """`one`, or the record that it was left out."""
    if not isinstance(one, Notice) or one.kind != "mail":
        return one
    stop = directory.get(KIND, stop_id(one.to))
    if stop is None:
        return one
    said = str(stop.get("said", ""))[:200]
    return left_out(one, f"{_SAID.get(str(stop.get('why')), _SAID['bounced'])}{f' ({said})' if said else ''}; an admin can lift it")
