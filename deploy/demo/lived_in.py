"""The desk as it looks after two weeks: `lived_in.yaml` becomes the calls that people would have
made. Pure reading; `cli/up/history_writing.py` makes the calls.

Times are relative to `now`: `-3d 14:05` is five past two UTC three days ago, `-40m` forty minutes
ago, `+25m` after the ticket was opened. Tickets are imported with the times they had, so nobody is
paged and nobody is written to; their clocks run.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from deploy.demo.directory import HERE, policies, token_of
from deploy.demo.scenario import Story, stories
from shared import ids
from shared.yaml_text import plain_value

FILE = HERE / "lived_in.yaml"
SOURCE = "demo"
# Names that stand for a provider's people and not for staff.
PROVIDERS = ("redisco", "mailgrid", "logdrain")
# Sign, days, hours, minutes, and a time of day; each part may be missing.
_SPAN = re.compile(r"([+-])(?:(\d+)d)? ?(?:(\d+)h)?(?:(\d+)m)?(?: ?(\d\d):(\d\d))?")
_DEEDS = {
    "take": "take",
    "hand": "hand-over",
    "assign": "assign",
    "review": "review-priority",
    "appeal": "appeal-priority",
    "decide": "decide-appeal",
    "link": "link-incident",
    "solve": "solve",
    "reopen": "reopen",
    "rate": "rate",
    "close": "close",
}
"""The word in the file → what a step of an import does."""


@dataclass(frozen=True)
class DemoCall:
    """One request to intake, in the name of a demo identity."""

    method: str
    path: str
    who: str
    body: Mapping[str, Any]
    key: str

    @property
    def token(self) -> str:
        return token_of(self.who)


@dataclass(frozen=True)
class CallGroup:
    """Calls that may be made side by side, or must be made in their order."""

    name: str
    calls: list[DemoCall] = field(default_factory=list)
    in_order: bool = False


@cache
def read_scenario() -> dict[str, Any]:
    """The file as it is, read once. Raises OSError, or ValueError."""
    found: dict[str, Any] = plain_value(FILE.read_text())
    return found


def moment(said: str, now: datetime, since: datetime | None = None) -> datetime:
    """When `said` is: `-3d 14:05` and `-40m` before `now`, `+25m` after `since`. Raises
    ValueError.
    """
    found = _SPAN.fullmatch(said)
    # `+25m` needs something that it is after; `+1d 09:00` may be after now.
    if found is None or (found[1] == "+" and since is None and not found[2]):
        raise ValueError(f"{said!r} is not a time such as -3d 14:05, -40m or +25m")
    days, hours, minutes = (int(found[n] or 0) for n in (2, 3, 4))
    span = timedelta(days=days, hours=hours, minutes=minutes)
    at = (since or now) + span if found[1] == "+" else now - span
    if found[5] is None:
        return at
    return at.replace(hour=int(found[5]), minute=int(found[6]), second=0, microsecond=0)


def stages(now: datetime, sink_url: str) -> list[CallGroup]:
    """Everything to ask for, in its order; what is linked to an incident comes last. `now` is in
    UTC and the same whenever it is repeated, so repeating makes nothing twice.
    """
    told = read_scenario()
    tickets = [ticket_call(ticket, told, now) for ticket in told["tickets"]]
    tickets += [
        _older(story, number, now) for number, story in enumerate(_pick_ended(told["older"]))
    ]
    # They need their incidents, and these are asked for in the stage before.
    linked = [call for call in tickets if _is_linked(call)]
    return [
        CallGroup("directory", [_directory(told)]),
        CallGroup("on call", list(_rota(told["on_call"], now, sink_url)), in_order=True),
        CallGroup("status", list(_status(told, now)), in_order=True),
        CallGroup("tickets", [call for call in tickets if call not in linked]),
        CallGroup("linked tickets", linked),
    ]


def incident_id(name: str, who: str) -> str:
    """As intake derives it from who reports and the Idempotency-Key."""
    return ids.derive("inc", _address(who), "/v1/incidents", f"lived-in-{name}")


def ticket_call(ticket: Mapping[str, Any], told: Mapping[str, Any], now: datetime) -> DemoCall:
    """The import of one ticket of the file."""
    opened = moment(ticket["at"], now)
    body: dict[str, Any] = {
        "source": SOURCE,
        "id": ticket["id"],
        "requester": _address(ticket["who"]),
        "subject": ticket["subject"],
        "body": ticket["body"],
        "at": opened.isoformat(),
        "promised": True,
        # Only what the file says: the import fills in the rest.
        **{name: ticket[name] for name in ("app", "addon", "priority", "kind") if name in ticket},
        "comments": [],
        "steps": [],
    }
    for number, step in enumerate(ticket.get("then", ())):
        at = moment(step["at"], now, opened)
        _add(body, f"{ticket['id']}-{number}", step, at, told)
    return _import(body)


def _add(
    body: dict[str, Any], id_: str, step: Mapping[str, Any], at: datetime, told: Mapping[str, Any]
) -> None:
    by = step.get("by")
    who = {"provider": by} if by in PROVIDERS else {}
    # A step with words is a comment; any other is a deed.
    text = step.get("say") or step.get("note")
    if text is not None:
        author = by or body["requester"].partition("@")[0]
        comment = {
            "id": id_,
            "author": _address(by) if by else body["requester"],
            "author_name": _name(author, told),
            "author_is_staff": by is not None and not who,
            "public": "say" in step,
            "body": text,
            "at": at.isoformat(),
            **who,
        }
        body["comments"].append(comment)
        return
    # Each step has one word of the table; an unknown one is a mistake in the file.
    word = next(word for word in _DEEDS if word in step)
    value, deed = step[word], {"id": id_, "do": _DEEDS[word], "at": at.isoformat(), **who}
    if by:
        deed |= {"by": _address(by), "by_name": _name(by, told)}
    match word:
        case "hand":
            deed |= {"to": _address(value), "to_name": _name(value, told)}
        case "assign":
            deed["to"] = value
        case "link":
            deed["to"] = incident_id(value, told["incidents"][value]["who"])
        case "review" | "decide":
            deed["priority"] = value
        case "rate":
            deed["score"] = value
        case "solve" | "appeal" | "reopen":
            deed["text"] = value
    if "text" in step:
        deed["text"] = step["text"]
    body["steps"].append(deed)


def _pick_ended(count: int) -> Iterator[Story]:
    """Stories of `deploy/demo/scenario.py` that are answered and solved."""
    found = (
        story
        # Many more than are asked for: only about a third of the stories is solved.
        for story in stories(40 * count, seed=15)
        if story.steps and story.steps[-1].action == "solve" and story.fields["kind"] != "other"
    )
    for _ in range(count):
        yield next(found)


def _older(story: Story, number: int, now: datetime) -> DemoCall:
    """A ticket of one of the last two weeks that is over: answered, solved, mostly rated, and
    closed after a week.
    """
    # Seeded by the number: the same desk at every start.
    chance = random.Random(f"lived-in:{number}")
    begun = now - timedelta(days=14) + timedelta(minutes=chance.randrange(0, 12 * 24 * 60))
    at, fields = begun, story.fields
    body: dict[str, Any] = {
        "source": SOURCE,
        "id": f"older-{number}",
        "requester": _address(story.who),
        "at": begun.isoformat(),
        "promised": True,
        **{name: fields[name] for name in ("subject", "body", "kind", "app")},
        "comments": [],
        "steps": [],
    }
    body |= {"addon": fields["addon"]} if "addon" in fields else {}
    if priority := fields.get("priority"):
        # Nothing urgent in the past: it would count as a page that nobody answered.
        body["priority"] = "high" if priority == "urgent" else priority
    told: Mapping[str, Any] = {"people": {}}
    # Given to the provider first, or its answer would be a stranger's.
    if story.steps[-1].who in PROVIDERS:
        to_provider = {"by": "agent", "assign": story.steps[-1].who}
        _add(body, f"older-{number}-to", to_provider, at + timedelta(minutes=4), told)
        at += timedelta(minutes=5)
    for place, step in enumerate(story.steps):
        at += timedelta(minutes=chance.randrange(12, 95))
        said = step.fields.get("body")
        by = None if step.who == story.who else step.who
        if step.action == "solve":
            done: dict[str, Any] = {"solve": step.fields["resolution"]}
        else:
            done = {"say" if step.fields["audience"] == "everyone" else "note": said}
        _add(body, f"older-{number}-{place}", done | ({"by": by} if by else {}), at, told)
    if chance.random() < 0.6:
        rated = {"rate": chance.choice((5, 5, 5, 4, 4, 3, 2))}
        _add(body, f"older-{number}-rate", rated, at + timedelta(minutes=50), told)
    # A week after it was solved, as the policy closes them.
    if now - at > timedelta(days=7, hours=2):
        close = {"by": "agent", "close": True}
        _add(body, f"older-{number}-close", close, at + timedelta(days=7), told)
    return _import(body)


def _import(body: dict[str, Any]) -> DemoCall:
    key = f"lived-in-{body['id']}"
    return DemoCall("POST", "/v1/import/tickets", "admin@example.com", body, key)


def _is_linked(call: DemoCall) -> bool:
    return any(step["do"] == "link-incident" for step in call.body["steps"])


def _directory(told: Mapping[str, Any]) -> DemoCall:
    people = [
        {
            "kind": "accounts",
            "id": _address(who),
            "document": {"email": _address(who), "roles": ["requester"], **account},
        }
        for who, account in told["people"].items()
    ]
    apps = [
        {
            "kind": "apps",
            "id": name,
            "document": {"name": name, **app, "owner": _address(app["owner"])},
        }
        for name, app in told["apps"].items()
    ]
    body = {"documents": [*people, *apps]}
    return DemoCall("POST", "/v1/directory", "admin@example.com", body, "lived-in-directory")


def _rota(told: Mapping[str, Any], now: datetime, sink_url: str) -> Iterator[DemoCall]:
    """The demo's on-call document with turns and a night layer, and one shift that is taken."""
    document = policies(sink_url)["on-call"]
    # Four weeks back: turns are under way when the demo begins.
    monday = now - timedelta(days=now.weekday() + 28)
    turn = monday.replace(hour=14, minute=0, second=0, microsecond=0).isoformat()
    for name, schedule in told["schedules"].items():
        layers = [
            {**layer, "rotation": {**layer["rotation"], "starts_at": turn}}
            for layer in schedule["layers"]
        ]
        document["schedules"][name] = {"zone": schedule["zone"], "layers": layers}
    # The rota first: a stand-in needs a schedule.
    yield DemoCall("PUT", "/v1/policies/on-call", "admin@example.com", document, "lived-in-on-call")
    for number, shift in enumerate(told["overrides"]):
        body = {
            "person": shift["person"],
            "since": moment(shift["since"], now, now).isoformat(),
            "until": moment(shift["until"], now, now).isoformat(),
        }
        path = f"/v1/on-call/{shift['schedule']}/overrides"
        yield DemoCall("POST", path, "ops@example.com", body, f"lived-in-override-{number}")


def _status(told: Mapping[str, Any], now: datetime) -> Iterator[DemoCall]:
    """Incidents that are over, with everything said of them; a maintenance that is coming."""
    for name, incident in told["incidents"].items():
        who, key = _address(incident["who"]), f"lived-in-{name}"
        begun = moment(incident["at"], now)
        opening = {
            one: incident[one] for one in ("title", "body", "components", "impact", "phase")
        } | {"started_at": begun.isoformat()}
        # Opened, then its updates, then the post-mortem: each needs the one before.
        yield DemoCall("POST", "/v1/incidents", who, opening, key)
        path = f"/v1/incidents/{incident_id(name, incident['who'])}"
        for number, update in enumerate(incident["updates"]):
            at = moment(update["at"], now, begun).isoformat()
            said = {one: value for one, value in update.items() if one != "at"}
            if said.pop("resolved", False):
                body, word = {**said, "resolved_at": at}, "resolve"
            else:
                body, word = {**said, "happened_at": at}, "updates"
            yield DemoCall("POST", f"{path}/{word}", who, body, f"{key}-{number}")
        if "postmortem" in incident:
            sections = [
                {"heading": heading, "body": body}
                for heading, body in incident["postmortem"].items()
            ]
            yield DemoCall(
                "POST", f"{path}/postmortem", who, {"sections": sections}, f"{key}-postmortem"
            )
    for number, planned in enumerate(told["maintenances"]):
        body = {one: value for one, value in planned.items() if one not in ("who", "at", "ends")}
        body["starts_at"] = moment(planned["at"], now, now).isoformat()
        body["ends_at"] = moment(planned["ends"], now, now).isoformat()
        who = _address(planned["who"])
        yield DemoCall("POST", "/v1/maintenances", who, body, f"lived-in-maintenance-{number}")


def _address(who: str) -> str:
    return who if "@" in who else f"{who}@example.com"


def _name(who: str, told: Mapping[str, Any]) -> str:
    account = told["people"].get(who) or _ACCOUNTS.get(_address(who)) or {}
    return str(account.get("name", ""))


_ACCOUNTS: Mapping[str, Any] = plain_value((HERE / "directory.yaml").read_text())["accounts"]


def as_utc(now: datetime) -> datetime:
    """To the minute, in UTC."""
    return now.astimezone(UTC).replace(second=0, microsecond=0)
