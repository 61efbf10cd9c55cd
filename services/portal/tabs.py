"""The tabs over lists with their counts, and the words for what became of something just asked. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode

Tab = dict[str, Any]

DONE = ("solved", "closed")


def tabs_of_own(counts: Mapping[str, Any], status: str) -> list[Tab]:
    """A customer's or provider's: open, solved, all."""
    solved = sum(counts["statuses"].get(name, 0) for name in DONE)
    rows = (("live", "Open", counts["live"]), ("solved", "Solved", solved), ("all", "All", counts["total"]))
    return [{"href": f"/tickets?status={key}", "label": label, "n": n, "current": status == key} for key, label, n in rows]


def tabs_of_queue(counts: Mapping[str, Any], asked: Mapping[str, str], provider_name: Callable[[str], str]) -> list[Tab]:
    """The agent's: everything, ours, then the providers', each with how many are live. What else was asked for stays."""
    queues: Mapping[str, int] = counts["queues"]
    others = sorted(name for name in {*queues, asked.get("queue", "")} if name.startswith("provider:"))
    names = [("", "Everything"), ("platform", "Heroku Support"), ("csa", "Architects")]
    names += [(name, provider_name(name.partition(":")[2])) for name in others]
    rest = {name: value for name, value in asked.items() if value and name not in ("queue", "cursor")}
    return [
        {
            "href": href("/queue", {"queue": name, **rest}), "label": label, "n": queues.get(name, 0) if name else counts["live"],
            "current": asked.get("queue", "") == name,
        }
        for name, label in names
    ]  # fmt: skip


def href(path: str, query: Mapping[str, str]) -> str:
    given = {name: value for name, value in query.items() if value}
    return f"{path}?{urlencode(given)}" if given else path


_DONE_WORDS = {
    "OpenTicket": ("Received.", "We will write to you, and this page shows every step by itself."),
    "AddReply": ("Sent.", ""),
    "AssignTicket": ("Assigned.", "Whoever has it now was told."),
    "HandBack": ("Handed back.", "Heroku Support takes it from here."),
    "TakeBack": ("Taken back.", ""),
    "InsistScope": ("Asked again.", "A person will look at it."),
    "DismissSuggestion": ("Dismissed.", ""),
    "ReviewPriority": ("Priority changed.", "The customer reads your reason."),
    "AppealPriority": ("Your appeal is with us.", "A reviewer who did not make the change decides it."),
    "DecideAppeal": ("Decided.", "That is final, and the customer reads your reason."),
    "RateTicket": ("Thank you.", "You can change it until the ticket is closed."),
    "RevokeShare": ("The links are ended.", "Who joined by one of them stays."),
    "JoinTicket": ("You take part now.", "Later answers reach you by e-mail, and you can reply."),
    "GrantAccess": ("Recorded.", ""),
    "Solve": ("Solved.", "Thank you."),
    "Reopen": ("Reopened.", ""),
    "LinkIncident": ("Linked.", "The customer sees which incident it is about, and is asked whether all is well when it is over."),
    "UnlinkIncident": ("Taken off.", "The ticket stands for itself again."),
    "OpenIncident": ("Recorded.", ""),
    "UpdateIncident": ("Sent.", "It is on the timeline."),
    "PublishIncident": ("Published.", "Everybody sees it now."),
    "ResolveIncident": ("Over.", "Customers whose tickets are linked to it are asked whether all is well."),
    "PublishPostmortem": ("Published.", "Whoever was told of the incident is told of it."),
    "MakeAnnouncement": ("Announced.", "Mails go out now; below is how many were delivered."),
    "ScheduleMaintenance": ("Scheduled.", "It begins and ends by itself."),
    "RescheduleMaintenance": ("Moved.", "Whoever was told of it is told of the new time."),
    "EndMaintenance": ("Ended.", ""),
    "CancelMaintenance": ("Cancelled.", "Whoever was told of it is told."),
    "Acknowledge": ("Acknowledged.", "Nobody else will be woken for this."),
    "EscalatePage": ("Escalated.", "The next person is being paged."),
    "ResolvePage": ("Resolved.", ""),
}


_DRAFTS = {
    "OpenTicket": "new-ticket", "AddReply": "reply-{}", "MakeAnnouncement": "announcement", "PublishPostmortem": "postmortem-{}",
}  # fmt: skip
"""Request → the draft in the browser that is done with once it is taken."""


def _count(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 4 else 0


def notes_of(query: Mapping[str, str]) -> list[str]:
    """What intake said of a new ticket, as sentences: `masked` and `missing` are numbers in the address one comes by."""
    masked, missing = (_count(query.get(name, "")) for name in ("masked", "missing"))
    notes = []
    if "spooled" in query:
        notes.append("Our log does not answer just now: it is kept on one machine's disk, not yet replicated, and goes on by itself.")
    if masked:
        what = "a secret" if masked == 1 else f"{masked} secrets"
        notes.append(f"We masked {what} in your text and kept no copy. Please replace {'it' if masked == 1 else 'them'}: it was sent here.")
    if missing:
        notes.append(f"Help us: {missing} of the 9 things that help with an urgent ticket {'is' if missing == 1 else 'are'} still missing.")
    return notes


def outcome_of(request: Mapping[str, Any] | None, request_id: str, about: str) -> dict[str, Any] | None:
    """The banner over a page somebody came to after asking for something; None is a request the view does not hold yet."""
    if request is None:
        return {"tone": "warn", "title": "Recorded.", "text": "It appears here in a moment; do not send it again.", "clears": None}
    if request["state"] == "refused":
        return {"tone": "bad", "title": "That was not done.", "text": request["reason"] or "", "clears": None}
    title, text = _DONE_WORDS.get(str(request["type"]), ("Done.", ""))
    clears = {name: draft.format(about) for name, draft in _DRAFTS.items()}.get(str(request["type"]))
    return {"tone": "good", "title": title, "text": text, "clears": clears}
