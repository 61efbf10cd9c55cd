"""The tabs over lists with their counts, and the words for what became of something just asked.
Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import urlencode

from services.portal.desk.homes import MANY, DeskTab
from shared.policy import BrandPolicy

Tab = dict[str, Any]

DONE = ("solved", "closed")


def tabs_of_own(counts: Mapping[str, Any], status: str) -> list[Tab]:
    """A customer's or provider's: open, solved, all."""
    solved = sum(counts["statuses"].get(name, 0) for name in DONE)
    rows = (
        ("live", "Open", counts["live"]),
        ("solved", "Solved", solved),
        ("all", "All", counts["total"]),
    )
    return [
        {
            "href": f"/tickets?status={key}",
            "label": label,
            "n": n,
            "current": status == key,
            "is_due": False,
        }
        for key, label, n in rows
    ]


_HOMES: dict[DeskTab, str] = {
    DeskTab.NEEDS_US: "Needs us",
    DeskTab.MINE: "Mine",
    DeskTab.MENTIONED: "Asks for you",
    DeskTab.DUE: "Due next",
    DeskTab.WAITING: "Waiting for customer",
    DeskTab.PROVIDERS: "With providers",
    DeskTab.APPEALS: "Appeals and reviews",
    DeskTab.SUGGESTIONS: "Suggestions to confirm",
}
"""The homes of the desk, in the order of their tabs."""

ALL = "all"
"""Every ticket, done ones too, in the place of a home."""


def tabs_of_homes(
    counts: Mapping[DeskTab, int], quarantined: int, asked: Mapping[str, str], home: str
) -> list[Tab]:
    """The desk's: each home with how many are in it for these filters, then the mail that waits in
    quarantine, then every ticket. `asked`: queue, owner, priority; what was chosen stays.
    """
    kept = {name: asked.get(name, "") for name in ("queue", "owner", "priority")}
    tabs = [
        {
            "key": key.value,
            "href": href("/queue", {"home": key.value, **kept}),
            "label": label,
            "n": str(counts[key]),
            "current": home == key,
            "is_due": key is DeskTab.APPEALS and counts[key] > 0,
        }
        for key, label in _HOMES.items()
    ]
    # The count ends there, so it says that there may be more.
    many = f"{quarantined}" if quarantined < MANY else f"{MANY}+"
    quarantine = {"key": "quarantine", "label": "Quarantine", "n": many, "current": False}
    everything = {"key": ALL, "label": "All tickets", "n": None, "current": home == ALL}
    return [
        *tabs,
        {**quarantine, "href": "/ops/mail?state=quarantined", "is_due": False},
        {**everything, "href": href("/queue", {"home": ALL, **kept}), "is_due": False},
    ]


def teams_of(
    queues: Iterable[str], provider_name: Callable[[str], str], brand: BrandPolicy
) -> list[tuple[str, str]]:
    """(queue, label) of what a list can be narrowed to: ours, then the providers'."""
    others = sorted(name for name in queues if name.startswith("provider:"))
    ours = [("platform", brand.desk), ("csa", brand.architects)]
    return [*ours, *((name, provider_name(name.partition(":")[2])) for name in others)]


def href(path: str, query: Mapping[str, str]) -> str:
    # Empty filters are left out, so that one list has one address.
    given = {name: value for name, value in query.items() if value}
    return f"{path}?{urlencode(given)}" if given else path


# What is absent here just says that it was done.
_DONE_WORDS = {
    "OpenTicket": ("Received.", "We will write to you, and this page shows every step by itself."),
    "AddReply": ("Sent.", ""),
    "AssignTicket": ("Assigned.", "Whoever has it now was told."),
    "HandBack": ("Handed back.", "The desk takes it from here."),
    "TakeBack": ("Taken back.", ""),
    "TakeTicket": ("It is yours.", "Colleagues see that you have it."),
    "HandOverTicket": ("Handed over.", "Your colleague sees it under Mine."),
    "ReleaseTicket": ("Released.", "Your team sees it under Nobody's."),
    "TagTicket": ("Tags changed.", "Only staff see them; search finds them by tag:."),
    "MergeTicket": ("Merged.", "It goes on in the other ticket; this one is closed."),
    "InsistScope": ("Asked again.", "A person will look at it."),
    "DismissSuggestion": ("Dismissed.", ""),
    "AcceptSuggestion": ("It is with the architects.", "They answer on this page and by e-mail."),
    "ReviewPriority": ("Priority changed.", "The customer reads your reason."),
    "AppealPriority": (
        "Your appeal is with us.",
        "A reviewer who did not make the change decides it.",
    ),
    "DecideAppeal": ("Decided.", "That is final, and the customer reads your reason."),
    "RateTicket": ("Thank you.", "You can change it until the ticket is closed."),
    "RevokeShare": ("The links are ended.", "Who joined by one of them stays."),
    "JoinTicket": ("You take part now.", "Later answers reach you by e-mail, and you can reply."),
    "AskParticipant": (
        "Asked.",
        "They get one mail. They see nothing of the ticket before they say yes.",
    ),
    "RemoveParticipant": ("Taken off.", "They see the ticket no more, and get no more mail of it."),
    "GrantAccess": ("Recorded.", ""),
    "Solve": ("Solved.", "Thank you."),
    "Reopen": ("Reopened.", ""),
    "LinkIncident": (
        "Linked.",
        "The customer sees which incident it is about, and is asked whether all is well when it is "
        "over.",
    ),
    "UnlinkIncident": ("Taken off.", "The ticket stands for itself again."),
    "OpenIncident": ("Recorded.", ""),
    "CorrectIncident": ("Corrected.", "What was recorded before stays in the log."),
    "UpdateIncident": ("Sent.", "It is on the timeline."),
    "PublishIncident": ("Published.", "Everybody sees it now."),
    "ResolveIncident": (
        "Over.",
        "Customers whose tickets are linked to it are asked whether all is well.",
    ),
    "PublishPostmortem": ("Published.", "Whoever was told of the incident is told of it."),
    "MakeAnnouncement": ("Announced.", "Mails go out now; below is how many were delivered."),
    "ScheduleMaintenance": ("Scheduled.", "It begins and ends by itself."),
    "RescheduleMaintenance": ("Moved.", "Whoever was told of it is told of the new time."),
    "EndMaintenance": ("Ended.", ""),
    "CancelMaintenance": ("Cancelled.", "Whoever was told of it is told."),
    "Acknowledge": ("Acknowledged.", "Nobody else will be woken for this."),
    "EscalatePage": ("Escalated.", "The next person is being paged."),
    "NotePage": ("Noted.", "Whoever has the page reads it here."),
    "ReassignPage": ("Handed over.", "They are being paged now."),
    "ResolvePage": ("Resolved.", ""),
    "TestPage": ("It is on its way.", "Who was tried, and whether it was answered, shows below."),
}


_DRAFTS = {
    "OpenTicket": "new-ticket",
    "AddReply": "reply-{}",
    "MakeAnnouncement": "announcement",
    "PublishPostmortem": "postmortem-{}",
    "NotePage": "page-note-{}",
}
"""Request → the draft in the browser that is done with once it is taken."""


def _count(text: str) -> int:
    # At most three digits: an address can say anything.
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 4 else 0


def notes_of(query: Mapping[str, str]) -> list[str]:
    """What intake said of a new ticket, as sentences: `masked` and `missing` are numbers in the
    address one comes by.
    """
    masked, missing = (_count(query.get(name, "")) for name in ("masked", "missing"))
    notes = []
    if "spooled" in query:
        notes.append(
            "Our log does not answer just now: it is kept on one machine's disk, not yet "
            "replicated, and goes on by itself."
        )
    if masked:
        what = "a secret" if masked == 1 else f"{masked} secrets"
        notes.append(
            f"We masked {what} in your text and kept no copy. Please replace "
            f"{'it' if masked == 1 else 'them'}: it was sent here."
        )
    if missing:
        notes.append(
            f"Help us: {missing} of the 9 things that help with an urgent ticket "
            f"{'is' if missing == 1 else 'are'} still missing."
        )
    return notes


OPENED_FOR = {
    "title": "Opened for them.",
    "text": "They are told by mail, with who opened it, and see it among their tickets.",
}
"""What the banner says instead, where one of our staff opened a ticket for somebody."""


def draft_of(fields: Mapping[str, str]) -> str:
    """The name under which a browser keeps a new ticket that is not sent yet: what is begun for
    another person, or after another ticket, is another draft.
    """
    ends = (("for", fields.get("requester")), ("after", fields.get("follows")))
    return "new-ticket" + "".join(f"-{what}-{whose}" for what, whose in ends if whose)


def outcome_of(
    request: Mapping[str, Any] | None, request_id: str, about: str
) -> dict[str, Any] | None:
    """The banner over a page somebody came to after asking for something; None is a request the
    view does not hold yet.
    """
    # No refusal and no success: it may still be on its way to the view.
    if request is None:
        return {
            "tone": "warn",
            "title": "Recorded.",
            "text": "It appears here in a moment; do not send it again.",
            "clears": None,
        }
    if request["state"] == "refused":
        return {
            "tone": "bad",
            "title": "That was not done.",
            "text": request["reason"] or "",
            "clears": None,
        }
    # A new kind of request needs no words here to be answered.
    title, text = _DONE_WORDS.get(str(request["type"]), ("Done.", ""))
    clears = {name: draft.format(about) for name, draft in _DRAFTS.items()}.get(
        str(request["type"])
    )
    return {"tone": "good", "title": title, "text": text, "clears": clears}
