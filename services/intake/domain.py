"""Admission: may this be asked at all, and what was known of the world when it was. Pure (DESIGN
section 6, item 1).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from services.intake.forms import Form, ReplyForm, TicketForm
from services.intake.world.directory import Account, App, Provider
from shared import events as e
from shared import ids
from shared.access import READERS, Standing, may_decide_appeals
from shared.asks import BY_TOKEN, MAY
from shared.errors import Refused
from shared.events import Actor, Admission, Plan, Priority, Stage, Stamp, Status
from shared.people.folding import is_same_address
from shared.policy import DeskPolicy, PriorityVerdict, lane_for, priority_at_opening
from shared.status.matching import Match, OngoingIncident, match_incidents
from shared.text.completeness import Item, items_of
from shared.text.reading import times_of

ONLY_STAFF_FOR_OTHERS = (
    "Only staff open tickets for somebody else. Leave the requester out to open your own."
)
ACCESS_IS_THEIRS = (
    "Only the requester lets staff access the app. They can do so on the ticket's page, once it "
    "is there."
)
NOT_THEIR_APP = (
    "They are not a collaborator on an app of this name. Check the spelling, or leave the app out."
)
NOT_A_COLLABORATOR = (
    "You are not a collaborator on an app of this name. Ask its owner to add you as a "
    "collaborator, "
    "check the spelling, or send the ticket without naming an app."
)
"""The same sentence for an app that does not exist, so that nobody can find out which apps do."""


class DeskRules:
    """A desk policy with the versions that stood beside it, and its verdicts: there are only so
    many cases.
    """

    def __init__(self, policy: DeskPolicy, stamp: Stamp) -> None:
        self.policy, self.stamp = policy, stamp
        self._verdicts: dict[tuple[Plan, Stage | None, Priority | None], PriorityVerdict] = {}

    def verdict(self, admission: Admission, requested: Priority | None) -> PriorityVerdict:
        """`priority_at_opening`, which looks at nothing else of the admission."""
        # Few cases in all, and many tickets: each verdict is worked out once.
        case = (admission.plan, admission.app_stage, requested)
        if case not in self._verdicts:
            self._verdicts[case] = priority_at_opening(self.policy, admission, requested)
        return self._verdicts[case]


@dataclass(frozen=True, slots=True)
class World:
    """What the directory and the policies say at the time. `account` is the requester's; `addon` is
    the one named, `addons` those attached to the app.
    """

    account: Account
    app: App | None
    addon: Provider | None
    addons: tuple[Provider, ...]
    rules: DeskRules
    ongoing: tuple[OngoingIncident, ...] = ()
    """The open incidents everybody may know of."""
    loads: tuple[e.Load, ...] = ()
    """Where the policy asks: how many tickets each of our people has."""


@dataclass(frozen=True, slots=True)
class RequestContext:
    """Who asks, when, and under which ids: a repeat under the same Idempotency-Key has the same
    ones. `drawn`: we made it up.

    `over`: the account has used up its rate, for so many seconds; only what pages is taken from it.
    """

    actor: Actor
    at: datetime
    idempotency_key: str
    digest: str
    drawn: bool = False
    over: float = 0.0


@dataclass(frozen=True, slots=True)
class AdmittedTicket:
    request: e.OpenTicket
    warnings: tuple[str, ...]
    incidents: tuple[Match, ...] = ()
    missing: tuple[Item, ...] = ()
    """What the urgent guide (seed 001) asks for and an urgent ticket lacks."""


def admit(form: TicketForm, world: World, asked: RequestContext) -> AdmittedTicket:
    """The OpenTicket request with the facts it will be decided on. Raises Refused with what to do
    about it.
    """
    # Who asks and for whom: staff may open tickets for others.
    email, requester = asked.actor.email, world.account.email
    is_own = is_same_address(email, requester)
    # The requester's access counts, whoever writes for them.
    if form.app is not None and (world.app is None or not world.app.has_access(requester)):
        said = NOT_A_COLLABORATOR if is_own else NOT_THEIR_APP
        raise Refused("not-a-collaborator", said, status=403)
    # Only the requester lets staff into the app, never somebody who writes for them.
    if not is_own and form.urgent is not None and form.urgent.access_granted:
        raise Refused(
            "forbidden",
            ACCESS_IS_THEIRS,
            status=403,
            extra={"errors": [{"pointer": "#/urgent/access_granted", "detail": "theirs to give"}]},
        )
    # An unknown add-on is said at once: its ticket could go to nobody.
    if form.addon is not None and world.addon is None:
        raise Refused(
            "no-such-addon",
            f"There is no add-on {form.addon!r}. Leave the field out if you are not sure; we will "
            "find out.",
            extra={"errors": [{"pointer": "#/addon", "detail": "not an add-on we know"}]},
        )
    # Facts first, then the verdict that they lead to: both stand in the request.
    incidents = incidents_of(form, world)
    admission = make_admission(world, incidents)
    verdict = world.rules.verdict(admission, form.priority)
    # From the key, so a repeat makes the same ticket.
    key = ids.ticket_id(email, "POST", "/v1/tickets", asked.idempotency_key)
    request = e.OpenTicket(
        # With the body in the id, a key reused for another body is another request for the same
        # ticket: the router refuses it.
        id=ids.request_id(key, "OpenTicket", asked.digest, email),
        key=key,
        at=asked.at,
        actor=asked.actor,
        policy=world.rules.stamp,
        digest=asked.digest,
        requester=None if is_own else requester,
        follows=form.follows,
        subject=form.subject,
        body=form.body,
        app=form.app,
        addon=form.addon,
        priority=form.priority,
        kind=form.kind,
        urgent=form.urgent,
        attachments=form.attachments,
        admission=admission,
        # Which pages join which: by requester, app and a sure incident.
        lane=lane_for(
            requester,
            admission,
            form.app,
            next((match.incident.id for match in incidents if match.sure), None),
        ),
        pages=verdict.pages,
        times=times_of(form.urgent, form.body, asked.at),
    )
    # Only an urgent ticket is asked for more, and it is taken all the same.
    missing: tuple[Item, ...] = ()
    if verdict.priority is Priority.URGENT:
        missing = tuple(
            item for item in items_of(form.urgent, form.body, request.times) if not item.is_given
        )
    return AdmittedTicket(
        request,
        tuple(warnings_for(form, world, verdict, missing, request.times)),
        incidents,
        missing,
    )


def incidents_of(form: TicketForm, world: World) -> tuple[Match, ...]:
    """The open incidents it may be about (DESIGN section 6, item 7)."""
    # The usual case, without looking at any text.
    if not world.ongoing:
        return ()
    return match_incidents(
        world.ongoing,
        subject=form.subject,
        body=form.body,
        addon=form.addon,
        attached={addon.slug for addon in world.addons},
        has_app=world.app is not None,
        stage=world.app.stage if world.app else None,
    )


def make_admission(world: World, incidents: Sequence[Match] = ()) -> Admission:
    """The outside facts, as they are written into the request."""
    app = world.app
    return Admission(
        plan=world.account.plan,
        requester_name=world.account.name,
        app_owner=app.owner if app else None,
        app_stage=app.stage if app else None,
        app_collaborators=app.collaborators if app else (),
        addons=tuple(addon.known for addon in world.addons),
        open_incidents=tuple(match.incident.id for match in incidents),
        loads=world.loads,
    )


def warnings_for(
    form: TicketForm,
    world: World,
    verdict: PriorityVerdict,
    missing: Sequence[Item] = (),
    times: Sequence[e.TimeRead] = (),
) -> list[str]:
    """What the asker should know although the ticket is taken: one sentence each."""
    found = []
    if verdict.reason:
        found.append(f"Priority {form.priority} was not taken: {verdict.reason}.")
    # Named but not attached: support decides, since the customer may know better.
    if form.addon is not None and form.addon not in {addon.slug for addon in world.addons}:
        where = f"attached to {form.app}" if form.app else "attached, because no app is named"
        found.append(
            f"The add-on {form.addon} is not {where}; support will look at the ticket first and "
            "may pass it on."
        )
    # Said now, so that nobody waits for a call that does not come.
    if verdict.priority is Priority.URGENT and not verdict.pages:
        found.append(
            f"On plan {world.account.plan} an urgent ticket goes to the top of its priority, but "
            "pages nobody."
        )
    found += [
        f"Still missing, and nothing waits for it: {item.question} ({item.field}) Please add it "
        "in a reply."
        for item in missing
    ]
    # Only where the reading could be wrong: a sure one needs no question.
    found += [
        f'We read "{read.original}" as {read.utc:%Y-%m-%d %H:%M} UTC. {read.ambiguous_because} '
        "Please reply if that is wrong."
        for read in times
        if read.utc is not None and read.ambiguous_because
    ]
    return found


_TOKENS = frozenset({"token", "share_token"})
"""What a form carries to prove something: never written down."""


def request_id(kind: type[e.Request], key: str, asked: RequestContext) -> str:
    return ids.request_id(key, kind.__name__, asked.idempotency_key, asked.actor.email)


def ask(
    kind: type[e.Request],
    key: str,
    form: Form,
    asked: RequestContext,
    stamp: Stamp,
    **known: object,
) -> e.Request:
    """The request of `kind` on ticket or page `key`, with what the form says and what is `known`
    besides.
    """
    # What proves something stays out of the log.
    fields: dict[str, object] = {
        name: getattr(form, name) for name in type(form).model_fields if name not in _TOKENS
    }
    return kind(
        id=request_id(kind, key, asked),
        key=key,
        at=asked.at,
        actor=asked.actor,
        policy=stamp,
        digest=asked.digest,
        **fields,
        **known,
    )


def refuse_early(
    who: Standing | None, actor: Actor, kind: type[e.Request], form: Form, status: str
) -> None:
    """Refuse at once what the router would refuse anyway, for a ticket that the view knows. Raises
    Refused.

    What may not be seen does not exist (404); what may be seen but not done is 403; a closed ticket
    stays closed (409).
    """
    # A token proves what a standing would, and the shell checks it.
    if kind.__name__ in BY_TOKEN:
        return
    # Refused in this order: not seen, not allowed, not for these readers, not any more.
    if who is None:
        raise Refused("not-found", "There is no such ticket, or none you may see.", status=404)
    if who not in MAY[kind.__name__]:
        raise Refused(
            "forbidden",
            f"{'/'.join(sorted(MAY[kind.__name__]))} may do this; you are here as {who}.",
            status=403,
        )
    if isinstance(form, ReplyForm) and who not in READERS[form.audience]:
        raise Refused(
            "forbidden",
            f"A reply for {form.audience} can be written only by who may read it.",
            status=403,
        )
    if kind is e.DecideAppeal and not may_decide_appeals(actor):
        raise Refused("forbidden", "Appeals are decided by reviewers.", status=403)
    # Staff may still write on a closed ticket.
    if status == Status.CLOSED and kind in (e.AddReply, e.Reopen) and who is not Standing.STAFF:
        raise Refused(
            "closed",
            "This ticket is closed for good. Open a new ticket and name this one in it.",
            status=409,
        )
