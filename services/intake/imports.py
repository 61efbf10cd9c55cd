"""Tickets of another help desk as requests of ours: one `OpenTicket`, its replies and notes, its end. Pure.

All ids are derived from the other system's, so a second import makes the same requests, and the router keeps what it has taken. The
requests carry `imported` and the times they had there.
"""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, Field, StringConstraints

from services.intake.directory import Email
from services.intake.domain import World, facts_known
from services.intake.forms import Form, Name, Subject, Text, Word
from shared import events as e
from shared import ids
from shared.errors import Refused
from shared.events import Actor, Audience, Kind, Priority, Role, Via
from shared.instants import of_ours
from shared.policy import lane_for
from shared.strict_json import canonical

AHEAD = timedelta(minutes=5)
"""How far the other system's clock may be ahead of ours."""

_When = Annotated[AwareDatetime, Field(strict=False), AfterValidator(of_ours)]


class CommentForm(Form):
    """`author_is_staff`: it was an agent there. What is not `public` becomes a staff note."""

    id: Word
    author: Email
    author_name: Name = ""
    author_is_staff: bool
    public: bool = True
    body: Text
    at: _When


class ImportForm(Form):
    """One ticket. Comments beyond what a body holds may come in a second one with the same `source` and `id`.

    `ended_at`: it is solved, and `closed` for good.
    """

    source: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]
    id: Word
    requester: Email
    subject: Subject
    body: Text
    at: _When
    app: Word | None = None
    priority: Annotated[Priority, Field(strict=False)] | None = None
    kind: Annotated[Kind, Field(strict=False)] = Kind.PROBLEM
    comments: Annotated[tuple[CommentForm, ...], Field(strict=False, max_length=500)] = ()
    ended_at: _When | None = None
    closed: bool = False


def ticket_id(source: str, their_id: str) -> str:
    return ids.derive("tkt", "import", source, their_id)


def requests_for(form: ImportForm, world: World, now: datetime) -> tuple[list[e.Request], list[str]]:
    """The requests in their order, and what could not be taken over as it was. Raises Refused `invalid` for times that cannot be."""
    key = ticket_id(form.source, form.id)
    requester = Actor(email=form.requester, name=world.account.name, via=Via.API)
    comments = sorted(form.comments, key=lambda comment: (comment.at, comment.id))
    last = max([form.at, *(comment.at for comment in comments)])
    if max(last, form.ended_at or last) > now + AHEAD:
        raise Refused(
            "invalid", "A ticket cannot be imported from the future.", extra={"errors": [{"pointer": "#/at", "detail": "in the future"}]}
        )
    said: list[str] = []
    app = world.app if world.app is not None and world.app.has_access(form.requester) else None
    if form.app is not None and app is None:
        said.append(f"The app {form.app} is left out: there is none of this name that {form.requester} has access to.")

    def about(kind: str, their_id: str, at: datetime, content: Any) -> dict[str, Any]:
        return {
            "id": ids.derive("req", key, kind, form.source, their_id), "key": key, "at": at, "policy": world.rules.stamp,
            "digest": hashlib.sha256(canonical(content)).hexdigest(), "imported": form.source,
        }  # fmt: skip

    admission = facts_known(World(world.account, app, None, world.addons if app else (), world.rules))
    found: list[e.Request] = [
        e.OpenTicket(
            **about("OpenTicket", form.id, form.at, [form.subject, form.body]), actor=requester, subject=form.subject, body=form.body,
            app=app.name if app else None, priority=form.priority, kind=form.kind, admission=admission,
            lane=lane_for(form.requester, admission, app.name if app else None),
        )
    ]  # fmt: skip
    for comment in comments:
        body, actor = comment.body, requester
        if comment.author_is_staff:
            actor = Actor(email=comment.author, name=comment.author_name, roles=(Role.AGENT,), via=Via.API)
        elif comment.author != form.requester:
            body = f"{comment.author_name or comment.author} <{comment.author}> wrote:\n\n{body}"
            said.append(f"Comment {comment.id} of {comment.author}, who is not on the ticket here, stands under the requester's name.")
        public = comment.public or not comment.author_is_staff
        audience = Audience.EVERYONE if public else Audience.STAFF
        at = max(comment.at, form.at)
        found.append(e.AddReply(**about("AddReply", comment.id, at, body), actor=actor, body=body, audience=audience))
    if form.ended_at is not None:
        found += _ended(form, max(form.ended_at, last), about)
    return found, said


def _ended(form: ImportForm, at: datetime, about: Any) -> list[e.Request]:
    """Solved by the desk it came from, and closed a moment later: closing is of what was solved before."""
    desk = Actor(email=f"import@{form.source}", name=f"Imported from {form.source}", roles=(Role.AGENT,), via=Via.API)
    nth = f"{form.id}@{at.isoformat()}"
    resolution = f"Solved in {form.source}."
    found: list[e.Request] = [e.Solve(**about("Solve", nth, at, resolution), actor=desk, resolution=resolution)]
    if form.closed:
        ended = at + timedelta(seconds=1)
        found.append(e.CloseTicket(**about("CloseTicket", nth, ended, ""), actor=desk, ended=ended))
    return found
