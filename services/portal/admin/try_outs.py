"""What became of a mail or a webhook that was sent as a test, in words."""

from __future__ import annotations

from typing import NamedTuple

from services.portal.web.parts import Portal
from services.portal.web.read_your_write import retry_until_found
from shared.errors import Unavailable
from shared.storage.store import Document


class TryOutStatus(NamedTuple):
    """`tone` is the message's class: good, bad, warn or empty while nobody can say."""

    tone: str
    words: str
    is_over: bool


async def outcome_of_test(portal: Portal, notice: str) -> TryOutStatus:
    """Of the notice. It waits a second for it to come up."""

    async def look() -> Document | None:
        found = await portal.store["notices"].find_one({"_id": notice, "template": "test"})
        # "Owed" is no outcome: look once more.
        return found if found is None or found["state"] != "owed" else None

    try:
        found = await retry_until_found(look)
    except Unavailable:
        return TryOutStatus(
            "warn", "It is on its way. What became of it cannot be looked up just now.", True
        )
    return describe_notice(found)


def describe_notice(notice: Document | None) -> TryOutStatus:
    """Pure."""
    # Not in the view yet, or not tried yet.
    if notice is None or notice["state"] == "owed":
        return TryOutStatus("", "It is on its way.", False)
    to = str(notice["to"]).removeprefix("provider:")
    said = f" It said: {notice['reason']}." if notice.get("reason") else ""
    match notice["state"]:
        case "delivered" if notice["kind"] == "mail":
            return TryOutStatus(
                "good", f"The relay took the mail to {to}. Look whether it arrived.", True
            )
        case "delivered":
            return TryOutStatus("good", f"The webhook of {to} took the test event.", True)
        # It is not over, so the page goes on asking.
        case "retrying":
            return TryOutStatus("bad", f"It did not work yet, and is tried again.{said}", False)
        case "suppressed":
            return TryOutStatus("bad", f"It was not sent: {notice.get('reason', '')}.", True)
        case _:
            return TryOutStatus("bad", f"It did not work.{said}", True)
