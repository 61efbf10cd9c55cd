"""Appeals, the end of a ticket, who takes part and who has had it: what these facts change in a
ticket's document. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from shared import events as e
from shared.custody import Custody, Holder, holder_of
from shared.people.folding import fold_address
from shared.policy import is_change

Doc = dict[str, Any]

SLIP_FOR = timedelta(minutes=15)
"""Ten minutes in which many tickets can be undone at once, and the time that it takes."""


def iso(at: datetime) -> str:
    """Always with microseconds, so that the order of the strings is the order of the instants."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def begin(doc: Doc, fact: e.TicketOpened) -> None:
    """A ticket just opened is the platform's."""
    # None: nobody was asked, which is no grant.
    granted = fact.urgent is not None and fact.urgent.access_granted is True
    doc.update(appeal=None, rating=None, rateable=False, shared_until=None, access_granted=granted)
    doc.update(
        owner=None,
        owner_name="",
        tags=[],
        solved_at=None,
        reopened=0,
        insisted=False,
        mentioned=[],
        last=make_last_message(
            fact, fact.author or fact.requester, "staff" if fact.author else "customer"
        ),
    )
    doc["held"] = Custody(holder=Holder.PLATFORM, since=fact.at).model_dump(mode="json")
    people(doc, (fact.requester,))


def people(doc: Doc, participants: tuple[str, ...]) -> None:
    """`participants` are the customer's side without the requester; `people` all of them,
    lower-case, as they are looked up.
    """
    requester = fold_address(doc["requester"])
    doc["participants"] = [person for person in participants if fold_address(person) != requester]
    doc["people"] = sorted({requester, *(fold_address(person) for person in participants)})


def make_last_message(fact: e.Fact, author: str, side: str) -> Doc:
    """Who spoke last, for lists: a note and a machine's mail are no answer."""
    name = getattr(fact, "author_name", "") or getattr(fact, "requester_name", "")
    return {
        "by": fold_address(author),
        "name": name,
        "side": side,
        "at": iso(fact.at),
        "seq": fact.seq,
    }


def clear_mention(doc: Doc, author: str) -> None:
    """Whoever a note had named has written: nobody waits for them any more."""
    author = fold_address(author)
    doc["mentioned"] = [person for person in doc.get("mentioned", ()) if person != author]


def begin_shelf_fields(doc: Doc) -> Doc:
    """A ticket's document of an older release with the fields that the desk's lists read. Who spoke
    last then is not known.
    """
    known: Doc = {"owner": None, "owner_name": "", "insisted": False, "mentioned": [], "last": None}
    return known | doc


def on_owner(doc: Doc, fact: e.OwnerChanged) -> None:
    doc.update(owner=fact.owner, owner_name=fact.owner_name)


def on_tagged(doc: Doc, fact: e.TicketTagged) -> None:
    doc["tags"] = list(fact.tags)


def on_merged(doc: Doc, fact: e.TicketMerged) -> None:
    """A TicketClosed follows. What was to be decided on the ticket is so no more."""
    doc.update(merged_into=fact.into, is_merge_shared=fact.is_shared)
    doc.update(suggestion=None, queue_suggestion=None, insisted=False, mentioned=[])


def on_merge_noted(doc: Doc, fact: e.MergeNoted) -> None:
    doc["merged"] = [*doc.get("merged", ()), fact.merged]
    doc["status"] = fact.status.value


def note_reopened(doc: Doc, fact: e.Fact) -> None:
    """A ticket that was solved is open again. One whose solving was a slip never was solved."""
    if doc.get("solved_at"):
        again = 0 if is_slip(doc, fact) else 1
        doc.update(solved_at=None, reopened=doc.get("reopened", 0) + again)


def is_slip(doc: Doc, fact: e.Fact) -> bool:
    """Whether whoever solved the ticket reopens it within `SLIP_FOR`, and nobody wrote meanwhile:
    that is how solving is undone, and says nothing about the answer.
    """
    last = doc.get("last")
    if not isinstance(fact, e.TicketReopened) or not last or last["at"] != doc["solved_at"]:
        return False
    solved_at = datetime.fromisoformat(doc["solved_at"])
    return last["by"] == fold_address(fact.by) and fact.at - solved_at <= SLIP_FOR


def hold(doc: Doc, at: datetime) -> None:
    """Keep account of who has had the ticket, now that `doc` may say somebody else."""
    holder = holder_of(e.Status(doc["status"]), doc["provider"])
    # A fact that leaves the ticket with the same holder adds nothing.
    if doc["held"]["holder"] != holder:
        doc["held"] = (
            Custody.model_validate(doc["held"], extra="ignore")
            .passed(holder, at)
            .model_dump(mode="json")
        )


def time_with(doc: Doc, now: datetime) -> dict[str, float]:
    """Seconds with requester, platform and provider: their sum is the ticket's age."""
    held = Custody.model_validate(doc["held"], extra="ignore").until(now)
    return {holder.value: round(spent.total_seconds(), 3) for holder, spent in held.items()}


def may_appeal(doc: Doc, fact: e.PrioritySet | e.PriorityReviewed) -> None:
    """The change of a rule or of staff can be appealed, once; one that carries out an appeal
    cannot.
    """
    # `final` is the decision on an appeal.
    if isinstance(fact, e.PriorityReviewed):
        if not fact.final:
            doc["appeal"] = {"state": "possible", "changed_by": fact.by}
    elif is_change(fact):
        # A priority as it was asked for leaves nothing to appeal.
        doc["appeal"] = {"state": "possible", "changed_by": e.SYSTEM.email}


def on_appealed(doc: Doc, fact: e.PriorityAppealed) -> None:
    doc["appeal"] = {
        "state": "open",
        "changed_by": fact.changed_by,
        "by": fact.by,
        "at": iso(fact.at),
        "information": fact.information,
    }


def on_appeal_decided(doc: Doc, fact: e.AppealDecided) -> None:
    decided = {
        "state": "decided",
        "decided_by": fact.by,
        "decided_at": iso(fact.at),
        "reason": fact.reason,
    }
    doc["appeal"] = {**(doc["appeal"] or {}), **decided}


def on_closed(doc: Doc, fact: e.TicketClosed) -> None:
    doc.update(status=e.Status.CLOSED.value, rateable=False, shared_until=None)
    if "asked" in doc:
        doc["asked"] = []


def on_rated(doc: Doc, fact: e.TicketRated) -> None:
    doc["rating"] = {"score": fact.score, "comment": fact.comment, "at": iso(fact.at)}


def on_shared(doc: Doc, fact: e.TicketShared) -> None:
    # Several links may be out: the last to expire counts.
    doc["shared_until"] = max(doc["shared_until"] or "", iso(fact.expires_at))


def on_share_revoked(doc: Doc, fact: e.ShareRevoked) -> None:
    doc["shared_until"] = None


def on_joined(doc: Doc, fact: e.ParticipantJoined) -> None:
    people(doc, fact.participants)
    forget_ask(doc, fact.participant)


def on_asked(doc: Doc, fact: e.ParticipantAsked) -> None:
    forget_ask(doc, fact.person)
    ask = {"email": fact.person, "until": iso(fact.expires_at)}
    doc["asked"] = [*(doc.get("asked") or ()), ask]


def on_declined(doc: Doc, fact: e.ParticipantDeclined) -> None:
    forget_ask(doc, fact.person)


def on_removed(doc: Doc, fact: e.ParticipantRemoved) -> None:
    people(doc, fact.participants)
    forget_ask(doc, fact.person)


def forget_ask(doc: Doc, person: str) -> None:
    """This person is asked no longer. A ticket on which nobody was asked has no such field."""
    if "asked" in doc:
        gone = fold_address(person)
        doc["asked"] = [ask for ask in doc["asked"] if fold_address(ask["email"]) != gone]


def on_linked(doc: Doc, fact: e.TicketLinked | e.TicketUnlinked) -> None:
    doc["incident_ids"] = list(fact.incidents)


def on_access_granted(doc: Doc, fact: e.AccessGranted) -> None:
    doc["access_granted"] = True


def on_access_ended(doc: Doc, fact: e.AccessEnded) -> None:
    doc["access_granted"] = False


def on_sender_confirmed(doc: Doc, fact: e.SenderConfirmed) -> None:
    doc["verified"] = True


# The second half of `TICKET_VIEW` (`tickets.py`); facts that are in neither change no ticket.
FLOW_VIEW: Mapping[type[e.Fact], Callable[[Doc, Any], None]] = {
    e.OwnerChanged: on_owner,
    e.TicketTagged: on_tagged,
    e.TicketMerged: on_merged,
    e.MergeNoted: on_merge_noted,
    e.PriorityAppealed: on_appealed,
    e.AppealDecided: on_appeal_decided,
    e.TicketClosed: on_closed,
    e.TicketRated: on_rated,
    e.TicketShared: on_shared,
    e.ShareRevoked: on_share_revoked,
    e.ParticipantJoined: on_joined,
    e.ParticipantAsked: on_asked,
    e.ParticipantDeclined: on_declined,
    e.ParticipantRemoved: on_removed,
    e.AccessGranted: on_access_granted,
    e.AccessEnded: on_access_ended,
    e.SenderConfirmed: on_sender_confirmed,
    e.TicketLinked: on_linked,
    e.TicketUnlinked: on_linked,
}
