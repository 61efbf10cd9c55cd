"""A ticket is opened, and what is asked of one: looked up, decided by the domain, published."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypeVar

from services.intake.domain import (
    ONLY_STAFF_FOR_OTHERS,
    RequestContext,
    World,
    admit,
    ask,
    make_admission,
    refuse_early,
    request_id,
)
from services.intake.followers.unreached import warnings_for
from services.intake.forms import (
    TICKET_ACTIONS,
    AskPersonForm,
    AssignForm,
    DecideForm,
    Form,
    HandOverForm,
    JoinForm,
    LinkForm,
    MergeForm,
    ReplyForm,
    ShareForm,
    TicketForm,
)
from services.intake.http.door import too_many
from services.intake.http.masking import masking_notes
from services.intake.shell import SOURCE, Answer, Intake, answer_accepted, claim, secret_of
from services.intake.tickets.mentions import mentions_in
from services.intake.turns import Turns
from services.intake.world.incidents import KnownIncident
from services.intake.world.portal_view import SeenTicket
from shared import events as e
from shared.errors import Refused, Unavailable
from shared.events import Actor, Audience, Priority
from shared.knowledge import Articles, Question
from shared.people.folding import fold_address, is_same_address
from shared.policy import Assign
from shared.signed.shares import GOOD_FOR, check_token, share_token, token_hash
from shared.status.matching import Match
from shared.telemetry.log_context import name_ticket
from shared.text.codes import codes_in
from shared.topics import REQUESTS, URGENT
from shared.wire import record_for

OTHERS_TICKET = (
    "The other ticket is another person's. They do not see this one, "
    "and nobody is joined to a ticket by a merge."
)

F = TypeVar("F", TicketForm, ReplyForm)
# A second in all.
_INCIDENT_LOOKS, _INCIDENT_PAUSE_S = 50, 0.02

# How many articles are suggested, and how many words are looked up for them at most.
_SUGGESTED, _BY_WORDS = 3, 6
_ASKED_OF_A_BODY, _ASKED_FOR_CODES = 400, 1_500
"""Characters whose words are looked up, and those of the body and of the logs that are searched for
error codes. What a ticket is about stands at its beginning.
"""

_ONLY_PAGES = (
    "This account has used up its rate; only urgent tickets that page are still taken from it."
)


def will_page(intake: Intake, body: Mapping[str, Any], asked: RequestContext) -> bool:
    """Whether a ticket with this body pages, told before any text in it is read: so that an
    emergency is read first, and who has used up their rate costs nothing more. Raises Refused
    `too-many-requests` where only what pages is taken.
    """
    whom = requester_of(body.get("requester"), asked.actor)
    world = _world(intake, body.get("app"), body.get("addon"), asked.actor, whom=whom)
    # The body is not checked yet, so what is no priority at all pages nobody here; the form refuses
    # it.
    try:
        given = Priority(body["priority"]) if body.get("priority") else None
        pages = world.rules.verdict(make_admission(world), given).pages
    except ValueError:
        pages = False
    # Refused before the long text is read: that is what costs.
    if asked.over and not pages:
        raise too_many(_ONLY_PAGES, asked.over)
    return pages


async def open_ticket(
    intake: Intake,
    turns: Turns,
    form: TicketForm,
    asked: RequestContext,
    trace: str,
    *,
    size: int,
    pages: bool = False,
) -> Answer:
    """POST /v1/tickets. An urgent one that pages is written to its own fast topic at the same time.
    `pages`: known of a long one, whose turn comes before that of others. `size`: characters of the
    body.
    """
    # Files first: they are looked up by id, and only those of the actor stay on the form.
    form, left_out = await _with_files(intake, form, asked.actor)
    whom = requester_of(form.requester, asked.actor)
    # What is known of the asker, the app and the add-on decides the priority.
    world = _world(intake, form.app, form.addon, asked.actor, whom=whom)
    # Only this one way to assign needs the counts, so only then is the view asked.
    if world.rules.policy.ownership.assign is Assign.LEAST_LOADED:
        world = replace(world, loads=await _find_loads(intake, world))
    # The texts are searched here, which may take long: in its turn among the accounts.
    admitted = await turns.run(
        lambda: admit(form, world, asked),
        size=size,
        account=asked.actor.email,
        pages=pages,
    )
    request = admitted.request
    # An emergency is never held up by a look at the view.
    if form.follows and not request.pages:
        await _check_followed(intake, form.follows, asked.actor)
    name_ticket(request.key)
    # Asked again now that all of the form is read; `will_page` saw the bare body.
    if asked.over and not request.pages:
        raise too_many(_ONLY_PAGES, asked.over)
    # Taken as late as possible: a refusal above leaves the key free for a corrected request.
    claim(intake.keys, request, asked)
    record = record_for(REQUESTS.name, request, SOURCE, trace)
    # The copy on `urgent` reaches the pager without the way through the router.
    where = await intake.publish(
        [record, record._replace(topic=URGENT.name)] if request.pages else [record]
    )
    answer = answer_accepted(
        "ticket", request, where, (*admitted.warnings, *left_out, *masking_notes(form.masked))
    )
    return answer | {
        "suggestions": await _suggest_articles(intake, form, request),
        "masked": [one.kind for one in form.masked],
        "missing": [item.field for item in admitted.missing],
        "incidents": [_describe_incident(intake, match) for match in admitted.incidents],
    }


async def _check_followed(intake: Intake, ticket: str, actor: Actor) -> None:
    """Raises Refused where the view knows that there is no such ticket, or none the actor may see.
    Where it does not know, the ticket is taken with its link: who may not see the other finds
    nothing behind it.
    """
    if intake.view is None:
        return
    seen = await intake.view.ticket(ticket)
    if seen is None:
        # The view may lag behind: only where it is sure that there is none is the ticket refused.
        is_there = not await intake.view.has_no(ticket)
    else:
        is_there = seen.standing_of(actor) is not None
    if not is_there:
        detail = "There is no ticket that it could follow, or none you may see."
        errors = [{"pointer": "#/follows", "detail": detail}]
        raise Refused("no-such-ticket", detail, extra={"errors": errors})


async def _suggest_articles(
    intake: Intake, form: TicketForm, request: e.OpenTicket
) -> list[dict[str, str]]:
    """`suggestions`; in a thread where words must be guessed. None for an emergency: it has its own
    answer, a person's; and none while too many wait for a thread.
    """
    articles = intake.articles
    if articles is None or request.pages:
        return []
    # Words of the title and the beginning are looked up at once; a guess at misspelt ones costs
    # more.
    asked = articles.understand(_question(form))
    if articles.is_quick(asked):
        return _links(articles, asked)
    try:
        return await intake.beside.run(lambda: _links(articles, asked))
    except Unavailable:
        # Too many wait for a thread. Suggestions are a courtesy: the ticket is in the log already.
        return []


def _describe_incident(intake: Intake, match: Match) -> dict[str, str]:
    """An incident the ticket was linked to, for the asker."""
    incident = match.incident
    return {
        "id": incident.id,
        "title": incident.title,
        "url": f"{intake.portal_url.rstrip('/')}/status/incidents/{incident.id}",
    }


def suggestions(articles: Articles | None, form: TicketForm) -> list[dict[str, str]]:
    """Articles about what the ticket says, those about its error codes first: `{title, url}`, three
    at most.
    """
    return [] if articles is None else _links(articles, articles.understand(_question(form)))


def _question(form: TicketForm) -> str:
    """What is looked up for a ticket: a bounded part of its texts."""
    logs = (form.urgent.logs if form.urgent else None) or ""
    rest = form.body[_ASKED_OF_A_BODY:_ASKED_FOR_CODES]
    words = (form.subject, form.body[:_ASKED_OF_A_BODY])
    codes = codes_in(f"{rest} {logs[:_ASKED_FOR_CODES]}")
    return " ".join((*words, *(found.code for found in codes)))


def _links(articles: Articles, asked: Question) -> list[dict[str, str]]:
    found = articles.answer(asked, _SUGGESTED, by_words=_BY_WORDS)
    return [{"title": hit.title, "url": hit.url} for hit in found]


async def act_on_ticket(
    intake: Intake, ticket: str, action: str, form: Form, asked: RequestContext, trace: str
) -> Answer:
    """POST /v1/tickets/{id}/{action}: refused at once where the view knows better, else by the
    router with a fact.
    """
    kind, _ = TICKET_ACTIONS[action]
    # Without a view nothing is refused early: the router decides, and answers with a fact.
    seen = await intake.view.ticket(ticket) if intake.view else None
    who = None
    if seen is not None:
        who = seen.standing_of(asked.actor)
        refuse_early(who, asked.actor, kind, form, seen.status)
    # What the router cannot look up itself goes along in the request.
    known: dict[str, Any] = {}
    url = ""
    left_out: tuple[str, ...] = ()
    warned: tuple[str, ...] = ()
    match form:
        case ReplyForm():
            form, left_out = await _with_files(intake, form, asked.actor)
            # Only a colleague's note to colleagues calls somebody.
            if form.audience is Audience.STAFF and asked.actor.is_staff:
                known["mentions"] = mentions_in(
                    form.body, asked.actor.email, intake.reference.is_colleague
                )
        case AssignForm():
            known["provider_known"] = (
                form.provider is None
                or intake.reference.directory.provider(form.provider) is not None
            )
        case DecideForm():
            # A person decided, so their word counts whatever the stage of the app.
            known["any_stage"] = True
        case HandOverForm():
            colleague = intake.reference.directory.account(form.to)
            known["to_is_staff"] = intake.reference.is_colleague(form.to)
            known["to_name"] = colleague.name if colleague else ""
        case JoinForm():
            # The secret of the link is checked here; only its hash ever goes into the log.
            known["token_hash"] = check_token(_secret(intake), ticket, form.share_token)
        case LinkForm():
            found = await _wait_for_incident(intake, form.incident_id)
            # An empty title tells the router that there is no such public incident.
            known["title"] = found.title if found else ""
        case AskPersonForm():
            known["not_asked"] = intake.asks.find_obstacle(
                form.email,
                asked.actor.email,
                intake.reference,
                intake.reference.rules().policy.asks,
                asked.at,
            )
        case MergeForm() if asked.actor.is_staff:
            target = await _merge_target(intake, form.into)
            known["into_status"] = target.status
            known["into_people"] = (target.requester, *target.participants)
            if seen is not None and not is_same_address(seen.requester, target.requester):
                warned = (OTHERS_TICKET,)
        case ShareForm() if kind is e.ShareTicket:
            # The token comes from the request's id: a repeat shows the same link again.
            token = share_token(_secret(intake), ticket, request_id(kind, ticket, asked))
            known = {"token_hash": token_hash(token), "expires_at": asked.at + GOOD_FOR}
            url = f"{intake.portal_url.rstrip('/')}/share/{token}"
        case _:
            # The rest needs nothing beyond its form.
            pass
    request = ask(kind, ticket, form, asked, intake.reference.rules().stamp, **known)
    claim(intake.keys, request, asked)
    where = await intake.publish([record_for(REQUESTS.name, request, SOURCE, trace)])
    # Who will not hear of this reply, told to its writer at once.
    unreached = warnings_for(form, who, seen, intake.reference)
    return answer_accepted(
        "ticket", request, where, (*warned, *unreached, *left_out, *masking_notes(form.masked))
    ) | ({"url": url} if url else {})


async def _wait_for_incident(intake: Intake, incident_id: str) -> KnownIncident | None:
    """The public incident; None where there is none after a second. Whoever has just opened one may
    link it at once, and our reader of the log may be a moment behind.
    """
    for _ in range(_INCIDENT_LOOKS):
        if found := intake.incidents.public(incident_id):
            return found
        await asyncio.sleep(_INCIDENT_PAUSE_S)
    return intake.incidents.public(incident_id)


async def _merge_target(intake: Intake, ticket: str) -> SeenTicket:
    """The ticket that another goes on in. Raises Refused `no-such-ticket` where there is none,
    Unavailable while the view does not say: without it nobody knows whose ticket that is.
    """
    seen = await intake.view.ticket(ticket) if intake.view else None
    if seen is not None:
        return seen
    if intake.view is None or not await intake.view.has_no(ticket):
        raise Unavailable("the view of tickets", f"it does not say whether there is {ticket}")
    detail = "There is no ticket that it could be merged into."
    errors = [{"pointer": "#/into", "detail": detail}]
    raise Refused("no-such-ticket", detail, extra={"errors": errors})


def requester_of(given: Any, actor: Actor) -> str | None:
    """The address that a ticket is opened for; None: it is the asker's own. `given`: what the body
    says, unchecked. Raises Refused `forbidden` where only staff may.
    """
    if not given or not isinstance(given, str) or is_same_address(given, actor.email):
        return None
    if not actor.is_staff:
        raise Refused("forbidden", ONLY_STAFF_FOR_OTHERS, status=403)
    return given


def _world(intake: Intake, app_name: Any, addon: Any, actor: Actor, *, whom: str | None) -> World:
    """`whom`: for whom the actor asks; what is known is then known of them."""
    # A colleague who mistypes a customer's address is told so; an asker without an account is
    # nobody.
    reference = intake.reference
    account = reference.directory.account(whom or actor.email)
    if account is None and whom:
        raise Refused(
            "no-such-account",
            f"Nobody is registered as {whom}. Check the spelling, or invite them first.",
            extra={"errors": [{"pointer": "#/requester", "detail": "not registered"}]},
        )
    if account is None:
        raise Refused("unauthenticated", "This account is not registered.", status=401)
    # An app or add-on that is unknown is no error here: `admit` says what to do about it.
    app = reference.directory.app(app_name) if app_name and isinstance(app_name, str) else None
    attached = app.addons if app else ()
    addons = tuple(
        found for slug in attached if (found := reference.directory.provider(slug)) is not None
    )
    return World(
        account,
        app,
        reference.directory.provider(addon) if addon and isinstance(addon, str) else None,
        addons,
        reference.rules(),
        intake.incidents.ongoing,
    )


async def _find_loads(intake: Intake, world: World) -> tuple[e.Load, ...]:
    """How many tickets each of our people has; empty while the view does not say."""
    if intake.view is None:
        return ()
    people = {fold_address(each.email) for each in world.rules.policy.ownership.people}
    found = await intake.view.loads(people)
    return tuple(e.Load(email=email, tickets=n) for email, n in sorted(found.items()))


async def _with_files(intake: Intake, form: F, actor: Actor) -> tuple[F, tuple[str, ...]]:
    """The form with those of its attachments that are the actor's, and what to say of the others.
    Raises Refused.
    """
    if not form.attachments:
        return form, ()
    if intake.files is None:
        raise Refused("no-attachments", "This installation takes no attachments.")
    known = await intake.files.known(form.attachments, actor.email)
    return form.model_copy(update={"attachments": known.ids}), known.warnings


def _secret(intake: Intake) -> str:
    return secret_of(intake, "nothing can be shared here")
