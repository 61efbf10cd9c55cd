"""Mail to an address that bounced for good, or whose owner complained, is left out, and that is
recorded each time. So is what goes to a webhook that answered 410 Gone. Who lifts the stop of an
address: `services/intake/mail/admission/bounces.py`. Pure.
"""

from __future__ import annotations

from services.notifier.notices.told import DirectoryIndex, Notice, Told, left_out
from shared.people.subscriptions import KIND, endpoint_id, endpoint_in, stop_id

CHALLENGE = "subscription.confirm"
"""What asks a webhook whether it wants to be told: the way back for one that is disabled."""

WANTS_NO_MORE = "the webhook answered 410 Gone and is disabled; it can be enabled again"

_SAID = {
    "bounced": "mail to this address bounced for good",
    "complained": "the owner of this address complained about our mail",
}


def without_stopped(one: Told, directory: DirectoryIndex) -> Told:
    """`one`, or the record that it was left out."""
    if not isinstance(one, Notice):
        return one
    # A webhook that said 410 gets nothing but the question whether it wants to be told again.
    if one.kind == "webhook":
        found = endpoint_in(directory.get(KIND, endpoint_id(one.to, one.url)))
        is_left_alone = found is not None and found.disabled and one.template != CHALLENGE
        return left_out(one, WANTS_NO_MORE) if is_left_alone else one
    stop = directory.get(KIND, stop_id(one.to))
    if stop is None:
        return one
    said = str(stop.get("said", ""))[:200]
    return left_out(
        one,
        f"{_SAID.get(str(stop.get('why')), _SAID['bounced'])}{f' ({said})' if said else ''}; an "
        "admin can lift it",
    )
