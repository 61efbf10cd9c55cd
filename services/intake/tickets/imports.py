"""Tickets of another help desk as requests of ours: one `OpenTicket`, its replies and notes, its
end, and on the way what else was done with it. Pure.

All ids are derived from the other system's, so a second import makes the same requests, and the
router keeps what it has taken. The requests carry `imported` and the times they had there.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, AwareDatetime, Field, StringConstraints, model_validator

from services.intake.domain import World, make_admission
from services.intake.forms import Form, Name, Reason, Subject, Text, Word
from services.intake.world.directory import Email
from shared import events as e
from shared import ids
from shared.errors import Refused
from shared.events import Actor, Audience, Kind, Priority, Role, Via
from shared.http.strict_json import canonical
from shared.instants import of_ours
from shared.policy import lane_for

AHEAD = timedelta(minutes=5)
"""How far the other system's clock may be ahead of ours."""

QUIET = timedelta(seconds=60)
"""How long the clocks of a promised ticket say nothing by themselves, while its history comes."""

NO_ADDRESS = ".invalid"
"""How the address of a stand-in ends, for somebody who has none (RFC 2606): nothing goes there."""

_When = Annotated[AwareDatetime, Field(strict=False), AfterValidator(of_ours)]


class CommentForm(Form):
    """`author_is_staff`: it was an agent there. What is not `public` becomes a staff note.
    `provider`: the author is of this provider, which had the ticket then.
    """

    id: Word
    author: Email
    author_name: Name = ""
    author_is_staff: bool
    provider: Word | None = None
    public: bool = True
    body: Text
    at: _When


# Each becomes one request to the router (`_request_of`).
Deed = Literal[
    "take",
    "hand-over",
    "assign",
    "review-priority",
    "appeal-priority",
    "decide-appeal",
    "link-incident",
    "solve",
    "reopen",
    "rate",
    "close",
]
# The fields that each deed cannot do without; a deed that is absent needs none.
_NEEDS: dict[Deed, tuple[str, ...]] = {
    "hand-over": ("to",),
    "assign": ("to",),
    "review-priority": ("priority", "text"),
    "appeal-priority": ("text",),
    "decide-appeal": ("priority", "text"),
    "link-incident": ("to",),
    "solve": ("text",),
    "rate": ("score",),
}


class StepForm(Form):
    """What was done beside writing. `to`: whom it was handed to, the provider or queue it was
    assigned to, the incident it was linked to. `text`: why, or how it was solved.

    `by` left out: the requester did it; `provider` as in CommentForm, and everybody else is staff.
    """

    id: Word
    do: Deed
    at: _When
    by: Email | None = None
    by_name: Name = ""
    provider: Word | None = None
    to: Word | None = None
    to_name: Name = ""
    priority: Annotated[Priority, Field(strict=False)] | None = None
    score: Annotated[int, Field(ge=1, le=5)] | None = None
    text: Reason | None = None

    @model_validator(mode="after")
    def _says_enough(self) -> Self:
        for name in _NEEDS.get(self.do, ()):
            if getattr(self, name) is None:
                raise ValueError(f"{self.do} needs {name}")
        return self


class ImportForm(Form):
    """One ticket. Comments beyond what a body holds may come in a second one with the same `source`
    and `id`.

    `ended_at`: it is solved, and `closed` for good. `steps`: what else was done, each decided by
    the router as if it were asked now. `promised`: its promises are ours, so its clocks run, by the
    times of the ticket; without it an imported ticket has none.
    """

    source: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]
    id: Word
    requester: Email
    subject: Subject
    body: Text
    at: _When
    app: Word | None = None
    addon: Word | None = None
    priority: Annotated[Priority, Field(strict=False)] | None = None
    kind: Annotated[Kind, Field(strict=False)] = Kind.PROBLEM
    comments: Annotated[tuple[CommentForm, ...], Field(strict=False, max_length=500)] = ()
    steps: Annotated[tuple[StepForm, ...], Field(strict=False, max_length=100)] = ()
    promised: bool = False
    ended_at: _When | None = None
    closed: bool = False


def ticket_id(source: str, their_id: str) -> str:
    return ids.derive("tkt", "import", source, their_id)


@dataclass(frozen=True)
class ImportLookups:
    """What steps may name: is there such a provider; the title of a public incident, or empty."""

    has_provider: Callable[[str], bool] = lambda slug: False
    title_of: Callable[[str], str] = lambda incident: ""


def requests_for(
    form: ImportForm, world: World, now: datetime, known: ImportLookups = ImportLookups()
) -> tuple[list[e.Request], list[str]]:
    """The requests in their order, and what could not be taken over as it was. Raises Refused
    `invalid` for times that cannot be, `no-such-incident` (404) where a step names none.
    """
    # Everything hangs on this id, so a second import of the same ticket changes nothing.
    key = ticket_id(form.source, form.id)
    requester = Actor(email=form.requester, name=world.account.name, via=Via.API)
    # By time, and by id where times are equal: the same order at each import.
    comments = sorted(form.comments, key=lambda comment: (comment.at, comment.id))
    # The newest time in the form. The end must not lie before it.
    last = max([form.at, *(one.at for one in comments), *(step.at for step in form.steps)])
    if max(last, form.ended_at or last) > now + AHEAD:
        raise Refused(
            "invalid",
            "A ticket cannot be imported from the future.",
            extra={"errors": [{"pointer": "#/at", "detail": "in the future"}]},
        )
    said: list[str] = []
    # A ticket must not open an app to somebody who has no access to it here.
    app = world.app if world.app is not None and world.app.has_access(form.requester) else None
    if form.app is not None and app is None:
        # Said and not refused: the rest of the ticket is worth having.
        said.append(
            f"The app {form.app} is left out: there is none of this name that {form.requester} "
            "has access to."
        )

    def about(kind: str, their_id: str, at: datetime, content: Any) -> dict[str, Any]:
        return {
            # Derived from the other system's ids: the router knows a second import by it.
            "id": ids.derive("req", key, kind, form.source, their_id),
            "key": key,
            "at": at,
            "policy": world.rules.stamp,
            "digest": hashlib.sha256(canonical(content)).hexdigest(),
            "imported": form.source,
        }

    # As if asked now: plan and policy of today decide what the ticket gets.
    admission = make_admission(
        World(world.account, app, None, world.addons if app else (), world.rules)
    )
    found: list[e.Request] = [
        e.OpenTicket(
            **about("OpenTicket", form.id, form.at, [form.subject, form.body]),
            actor=requester,
            subject=form.subject,
            body=form.body,
            app=app.name if app else None,
            addon=form.addon if app else None,
            priority=form.priority,
            kind=form.kind,
            admission=admission,
            lane=lane_for(form.requester, admission, app.name if app else None),
            # A history written now is no news: its clocks stay quiet until all of it has come.
            quiet_until=now + QUIET if form.promised else None,
        )
    ]
    for comment in comments:
        body, actor = comment.body, requester
        # A note that is not public is a colleague's: nobody else of that desk could write one.
        if comment.provider or comment.author_is_staff or not comment.public:
            actor = _colleague(comment.author, comment.author_name, comment.provider)
        elif comment.author != form.requester:
            # A customer who is not on the ticket here cannot speak on it. Their words stand as a
            # quotation.
            body = f"{_format_author(comment)} wrote:\n\n{body}"
            said.append(
                f"Comment {comment.id} of {comment.author}, who is not on the ticket here, stands "
                "under the requester's name."
            )
        audience = Audience.EVERYONE if comment.public else Audience.STAFF
        # The opening must stay the first, whatever the other system's clocks said.
        at = max(comment.at, form.at)
        found.append(
            e.AddReply(
                **about("AddReply", comment.id, at, body), actor=actor, body=body, audience=audience
            )
        )
    for step in form.steps:
        who = requester if step.by is None else _colleague(step.by, step.by_name, step.provider)
        kind, fields = _request_of(step, known)
        content = step.model_dump(mode="json", exclude_none=True)
        at = max(step.at, form.at)
        found.append(kind(**about(kind.__name__, step.id, at, content), actor=who, **fields))
    found.sort(key=lambda request: request.at)  # stable: the opening stays the first
    # The end comes after everything that was sorted, and never before the last of it.
    if form.ended_at is not None:
        found += _make_ending_requests(form, max(form.ended_at, last), about)
    return found, said


def _colleague(email: str, name: str, provider: str | None) -> Actor:
    """Staff, or a provider's user. Of staff every one may decide appeals: they did so there."""
    roles = (Role.AGENT, Role.REVIEWER) if provider is None else (Role.PROVIDER,)
    return Actor(email=email, name=name, roles=roles, provider=provider, via=Via.API)


def _request_of(step: StepForm, known: ImportLookups) -> tuple[type[e.Request], dict[str, Any]]:
    """What a step asks of the router, and with which fields beside those of every request."""
    to, text = step.to or "", step.text or ""
    match step.do:
        case "take":
            return e.TakeTicket, {"instead_of": to}
        case "hand-over":
            return e.HandOverTicket, {"to": to, "to_name": step.to_name, "reason": text}
        # Two queues are ours; any other name is a provider's.
        case "assign" if to in ("platform", "csa"):
            return e.AssignTicket, {"queue": to}
        case "assign":
            return e.AssignTicket, {"provider": to, "provider_known": known.has_provider(to)}
        case "review-priority":
            return e.ReviewPriority, {"priority": step.priority, "reason": text}
        case "appeal-priority":
            return e.AppealPriority, {"information": text}
        case "decide-appeal":
            return e.DecideAppeal, {"priority": step.priority, "reason": text}
        case "link-incident":
            if not (title := known.title_of(to)):
                raise Refused("no-such-incident", f"There is no incident {to}.", status=404)
            return e.LinkIncident, {"incident_id": to, "title": title}
        case "solve":
            return e.Solve, {"resolution": text}
        case "reopen":
            return e.Reopen, {"reason": text}
        case "rate":
            return e.RateTicket, {"score": step.score, "comment": text}
        case "close":
            return e.CloseTicket, {"ended": step.at}


def _format_author(comment: CommentForm) -> str:
    """The author in words. A stand-in's address is nobody's, so its name is enough."""
    if comment.author.endswith(NO_ADDRESS) and comment.author_name:
        return comment.author_name
    return f"{comment.author_name or comment.author} <{comment.author}>"


def _make_ending_requests(form: ImportForm, at: datetime, about: Any) -> list[e.Request]:
    """Solved by the desk it came from, and closed a moment later: closing is of what was solved
    before.
    """
    # Nobody here ended it, so an actor that stands for the other desk does.
    desk = Actor(
        email=f"import@{form.source}",
        name=f"Imported from {form.source}",
        roles=(Role.AGENT,),
        via=Via.API,
    )
    nth = f"{form.id}@{at.isoformat()}"
    resolution = f"Solved in {form.source}."
    found: list[e.Request] = [
        e.Solve(**about("Solve", nth, at, resolution), actor=desk, resolution=resolution)
    ]
    if form.closed:
        # A second later, so that the two keep their order wherever they are sorted by time.
        ended = at + timedelta(seconds=1)
        found.append(e.CloseTicket(**about("CloseTicket", nth, ended, ""), actor=desk, ended=ended))
    return found
