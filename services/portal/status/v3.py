"""The answers of the Heroku Status API v3 of 2012, for what was written against it. Pure.

Its shape, from its documentation and clients of the time: `current-status` is `{status:
{Production, Development}, issues: […]}`; an issue has `id, title, created_at, updated_at, resolved,
upcoming, status_prod, status_dev, href, updates: [{id, incident_id, update_type, contents,
status_prod, status_dev, created_at, updated_at}]`, newest first. Its ids were numbers; ours are
words. `maintenance`, `phase` and `next_update_at` are ours: the API of 2012 had no word for it, so
a light is yellow or red while a maintenance with that impact is under way.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, time
from typing import Any

from services.portal.status.board import Board, Shape
from shared.errors import Refused

# Our word for an update → that of 2012, or one of ours where it had none.
UPDATE_TYPES = {
    "opened": "issue",
    "updated": "update",
    "resolved": "resolved",
    "scheduled": "scheduled",
    "rescheduled": "rescheduled",
    "started": "started",
    "ended": "resolved",
    "cancelled": "cancelled",
    "announced": "announced",
}
# Clients of 2012 read the whole list, so it has an end.
MOST_ISSUES = 500


def current_status(board: Board, base: str) -> Shape:
    """What is going on: the lights, and the issues that are not over."""
    going_on = [*board.current, *board.running, *board.planned]
    return {
        "status": {light.name: light.colour.value for light in board.lights},
        "issues": [issue(item, base) for item in going_on],
    }


def issues(board: Board, base: str) -> list[Shape]:
    """All of them, the latest first."""
    return [issue(item, base) for item in board.everything[:MOST_ISSUES]]


def issue(item: Shape, base: str) -> Shape:
    """An incident or maintenance as an issue."""
    return {
        "id": item["id"],
        "title": item["title"],
        "created_at": instant(item["started_at"] or item["opened_at"]),
        "updated_at": instant(item["updated_at"]),
        # A draft that was dropped never comes here.
        "resolved": item["state"] in ("resolved", "ended", "cancelled"),
        "upcoming": item["state"] == "scheduled",
        "maintenance": item["kind"] != "incident",
        "status_prod": item["impact"]["production"],
        "status_dev": item["impact"]["development"],
        "phase": phase_of(item["phase"], item["state"]),
        "next_update_at": item["next_update_at"] and instant(item["next_update_at"]),
        "href": f"{base}/api/v3/issues/{item['id']}",
        "updates": [_update(item["id"], update) for update in reversed(item["updates"])],
    }


def _update(key: str, update: Shape) -> Shape:
    return {
        "id": update["id"],
        "incident_id": key,
        "update_type": UPDATE_TYPES.get(update["kind"], update["kind"]),
        "contents": update["body"],
        "status_prod": update["impact"]["production"],
        "status_dev": update["impact"]["development"],
        "created_at": instant(update["at"]),
        "updated_at": instant(update["edited_at"] or update["at"]),
        # Ours: when it happened, where it was told later.
        "happened_at": instant(update["happened_at"] or update["at"]),
        "corrects": update["corrects"],
        "phase": phase_of(update["phase"], update["kind"]),
    }


def phase_of(phase: str | None, state: str) -> str | None:
    """investigating, identified, monitoring or resolved; null where nobody said."""
    return "resolved" if state == "resolved" else phase


def instant(at: str) -> str:
    """`2012-06-30T03:04:00Z`."""
    return datetime.fromisoformat(at).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def select_entries(
    found: Iterable[dict[str, Any]], since: str | None, limit: str | None
) -> list[dict[str, Any]]:
    """`?since=` (a date or an instant; UTC where no zone is said) and `?limit=`. Raises Refused
    `bad-parameter`.
    """
    begin = _since(since) if since else None
    kept = [
        one for one in found if begin is None or datetime.fromisoformat(one["created_at"]) >= begin
    ]
    # "0" is a limit that is none, and is refused below.
    if not limit:
        return kept
    # Checked before it is a number: it comes from the address.
    if not (
        limit.isascii()
        and limit.isdecimal()
        and 1 <= int(limit[:6]) <= MOST_ISSUES
        and len(limit) < 6
    ):
        raise Refused("bad-parameter", f"limit is a number from 1 to {MOST_ISSUES}", status=422)
    return kept[: int(limit)]


def _since(text: str) -> datetime:
    try:
        # A plain date is its midnight in UTC.
        if len(text) == 10:
            return datetime.combine(date.fromisoformat(text), time(), UTC)
        at = datetime.fromisoformat(text)
    except ValueError:
        raise Refused(
            "bad-parameter", "since is a date such as 2012-06-29, or an instant", status=422
        ) from None
    return at if at.tzinfo else at.replace(tzinfo=UTC)
