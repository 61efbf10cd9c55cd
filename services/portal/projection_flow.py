"""Appeals, the end of a ticket, who takes part and who has had it: what these facts change in a ticket's document. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from shared import events as e
from shared.custody import Custody, Holder, holder_of
from shared.policy import is_change

Doc = dict[str, Any]


def iso(at: datetime) -> str:
    """Always with microseconds, so that the order of the strings is the order of the instants."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def begin(doc: Doc, fact: e.TicketOpened) -> None:
    """A ticket just opened is the platform's."""
    granted = fact.urgent is not None and fact.urgent.access_granted is True
    doc.update(appeal=None, rating=None, rateable=False, shared_until=None, access_granted=granted)
    doc["held"] = Custody(holder=Holder.PLATFORM, since=fact.at).model_dump(mode="json")
    people(doc, (fact.requester,))


def people(doc: Doc, participants: tuple[str, ...]) -> None:
    """`participants` are the customer's side without the requester; `people` all of them, lower-case, as they are looked up."""
    requester = doc["requester"].lower()
    doc["participants"] = [person for person in participants if person.lower() != requester]
    doc["people"] = sorted({requester, *(person.lower() for person in participants)})


def hold(doc: Doc, at: datetime) -> None:
    """Keep account of who has had the ticket, now that `doc` may say somebody else."""
    holder = holder_of(e.Status(doc["status"]), doc["provider"])
    if doc["held"]["holder"] != holder:
        doc["held"] = Custody.model_validate(doc["held"]).passed(holder, at).model_dump(mode="json")


def time_with(doc: Doc, now: datetime) -> dict[str, float]:
    """Seconds with requester, platform and provider: their sum is the ticket's age."""
    held = Custody.model_validate(doc["held"]).until(now)
    return {holder.value: round(spent.total_seconds(), 3) for holder, spent in held.items()}


def may_appeal(doc: Doc, fact: e.PrioritySet | e.PriorityReviewed) -> None:
    """The change of a rule or of staff can be appealed, once; one that carries out an appeal cannot."""
    if isinstance(fact, e.PriorityReviewed):
        if not fact.final:
            doc["appeal"] = {"state": "possible", "changed_by": fact.by}
    elif is_change(fact):
        doc["appeal"] = {"state": "possible", "changed_by": e.SYSTEM.email}


def on_appealed(doc: Doc, fact: e.PriorityAppealed) -> None:
    doc["appeal"] = {
        "state": "open", "changed_by": fact.changed_by, "by": fact.by, "at": iso(fact.at), "information": fact.information,
    }  # fmt: skip


def on_appeal_decided(doc: Doc, fact: e.AppealDecided) -> None:
    decided = {"state": "decided", "decided_by": fact.by, "decided_at": iso(fact.at), "reason": fact.reason}
    doc["appeal"] = {**(doc["appeal"] or {}), **decided}


def on_closed(doc: Doc, fact: e.TicketClosed) -> None:
    doc.update(status=e.Status.CLOSED.value, rateable=False, shared_until=None)


def on_rated(doc: Doc, fact: e.TicketRated) -> None:
    doc["rating"] = {"score": fact.score, "comment": fact.comment, "at": iso(fact.at)}


def on_shared(doc: Doc, fact: e.TicketShared) -> None:
    doc["shared_until"] = max(doc["shared_until"] or "", iso(fact.expires_at))


def on_share_revoked(doc: Doc, fact: e.ShareRevoked) -> None:
    doc["shared_until"] = None


def on_joined(doc: Doc, fact: e.ParticipantJoined) -> None:
    people(doc, fact.participants)


def on_linked(doc: Doc, fact: e.TicketLinked | e.TicketUnlinked) -> None:
    doc["incident_ids"] = list(fact.incidents)


def on_access_granted(doc: Doc, fact: e.AccessGranted) -> None:
    doc["access_granted"] = True


def on_access_ended(doc: Doc, fact: e.AccessEnded) -> None:
    doc["access_granted"] = False


def on_sender_confirmed(doc: Doc, fact: e.SenderConfirmed) -> None:
    doc["verified"] = True


FLOW_VIEW: Mapping[type[e.Fact], Callable[[Doc, Any], None]] = {
    e.PriorityAppealed: on_appealed,
    e.AppealDecided: on_appeal_decided,
    e.TicketClosed: on_closed,
    e.TicketRated: on_rated,
    e.TicketShared: on_shared,
    e.ShareRevoked: on_share_revoked,
    e.ParticipantJoined: on_joined,
    e.AccessGranted: on_access_granted,
    e.AccessEnded: on_access_ended,
    e.SenderConfirmed: on_sender_confirmed,
    e.TicketLinked: on_linked,
    e.TicketUnlinked: on_linked,
}
