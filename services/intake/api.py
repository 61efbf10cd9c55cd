"""The shell: what a request needs is looked up, the domain decides, and it is in Kafka or the spool before the caller is answered."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from services.intake import directory as documents
from services.intake import rota
from services.intake.attachments import Attachments
from services.intake.domain import Asked, World, admit, ask, refuse_early, request_id
from services.intake.door import too_many
from services.intake.forms import (
    PAGE_ACTIONS,
    TICKET_ACTIONS,
    AcknowledgeForm,
    AssignForm,
    Form,
    JoinForm,
    LinkForm,
    ReplyForm,
    ShareForm,
    TicketForm,
)
from services.intake.incident_book import Incidents
from services.intake.keys import Keys
from services.intake.masking import said
from services.intake.policies import check_policy
from services.intake.reference import Reference
from services.intake.rota import OverrideForm, SwapForm
from services.intake.shares import GOOD_FOR, check_token, share_token, token_hash
from services.intake.spool import Accepted
from services.intake.view import View
from shared import events as e
from shared import ids, links
from shared.access import is_admin, may_handle_pages, standing
from shared.errors import Refused
from shared.events import Actor, Role, Via
from shared.knowledge import Articles
from shared.policy import ON_CALL
from shared.status.matching import Match
from shared.text.codes import codes_in
from shared.topics import DIRECTORY, POLICIES, REQUESTS, URGENT
from shared.wire import Record, record_for

SOURCE = "intake"

Write = Callable[[Record], Awaitable[int]]
Publish = Callable[[Sequence[Record]], Awaitable[Accepted]]
Answer = dict[str, Any]
F = TypeVar("F", TicketForm, ReplyForm)

_SUGGESTED, _ASKED_OF_A_BODY = 3, 1_500

ON_THIS_DISK = (
    "Our log does not answer just now. This is kept on one machine's disk, not yet replicated, and goes on by itself when the log is back."
)


@dataclass(frozen=True)
class Intake:
    """What the shell works with.

    `publish` takes a submission, into Kafka or the spool (`spool.Spool.publish`). `write` puts a record in Kafka and returns
    when it is acknowledged; raises Unavailable: for directory and policies, where the first in the log wins. `phone_token`: what
    the phone gateway signs with.
    """

    reference: Reference
    publish: Publish
    write: Write
    keys: Keys
    view: View | None
    secret: str | None
    portal_url: str = "http://127.0.0.1:8000"
    articles: Articles | None = None
    incidents: Incidents = field(default_factory=Incidents)
    files: Attachments | None = None
    phone_token: str | None = None


async def open_ticket(intake: Intake, form: TicketForm, asked: Asked, trace: str) -> Answer:
    """POST /v1/tickets. An urgent one that pages is written to its own fast topic at the same time."""
    form, left_out = await _with_files(intake, form, asked.actor)
    admitted = admit(form, _world(intake, form, asked.actor), asked)
    request = admitted.request
    if asked.over and not request.pages:
        raise too_many("This account has used up its rate; only urgent tickets that page are still taken from it.", asked.over)
    _claim(intake.keys, request, asked)
    record = record_for(REQUESTS.name, request, SOURCE, trace)
    where = await intake.publish([record, record._replace(topic=URGENT.name)] if request.pages else [record])
    answer = _accepted("ticket", request, where, (*admitted.warnings, *left_out, *said(form.masked)))
    return answer | {
        "suggestions": suggestions(intake.articles, form),
        "masked": [one.kind for one in form.masked],
        "missing": [item.field for item in admitted.missing],
        "incidents": [_shown(intake, match) for match in admitted.incidents],
    }


def _shown(intake: Intake, match: Match) -> dict[str, str]:
    """An incident the ticket was linked to, for the asker."""
    incident = match.incident
    return {"id": incident.id, "title": incident.title, "url": f"{intake.portal_url.rstrip('/')}/status/incidents/{incident.id}"}


def suggestions(articles: Articles | None, form: TicketForm) -> list[dict[str, str]]:
    """Articles about what the ticket says, those about its error codes first: `{title, url}`, three at most."""
    if articles is None:
        return []
    logs = (form.urgent.logs if form.urgent else None) or ""
    query = " ".join((form.subject, form.body[:_ASKED_OF_A_BODY], *(found.code for found in codes_in(logs))))
    return [{"title": hit.title, "url": hit.url} for hit in articles.search(query, _SUGGESTED)]


async def act_on_ticket(intake: Intake, ticket: str, action: str, form: Form, asked: Asked, trace: str) -> Answer:
    """POST /v1/tickets/{id}/{action}: refused at once where the view knows better, else by the router with a fact."""
    kind, _ = TICKET_ACTIONS[action]
    seen = await intake.view.ticket(ticket) if intake.view else None
    if seen is not None:
        who = standing(asked.actor, requester=seen.requester, participants=seen.participants, provider=seen.provider)
        refuse_early(who, asked.actor, kind, form, seen.status)
    known: dict[str, Any] = {}
    url = ""
    left_out: tuple[str, ...] = ()
    match form:
        case ReplyForm():
            form, left_out = await _with_files(intake, form, asked.actor)
        case AssignForm():
            known["provider_known"] = form.provider is None or intake.reference.directory.provider(form.provider) is not None
        case JoinForm():
            known["token_hash"] = check_token(_secret(intake), ticket, form.share_token)
        case LinkForm():
            found = intake.incidents.public(form.incident_id)
            known["title"] = found.title if found else ""
        case ShareForm() if kind is e.ShareTicket:
            token = share_token(_secret(intake), ticket, request_id(kind, ticket, asked))
            known = {"token_hash": token_hash(token), "expires_at": asked.at + GOOD_FOR}
            url = f"{intake.portal_url.rstrip('/')}/share/{token}"
        case _:
            pass
    request = ask(kind, ticket, form, asked, intake.reference.rules().stamp, **known)
    _claim(intake.keys, request, asked)
    where = await intake.publish([record_for(REQUESTS.name, request, SOURCE, trace)])
    return _accepted("ticket", request, where, (*left_out, *said(form.masked))) | ({"url": url} if url else {})


async def act_on_page(intake: Intake, page: str, action: str, form: Form, asked: Asked, trace: str, *, via_link: bool = False) -> Answer:
    """POST /v1/pages/{id}/{action}. Who may not see pages is told that there is none."""
    if not via_link and not may_handle_pages(asked.actor):
        raise Refused("not-found", "There is no such page, or none you may see.", status=404)
    kind, _ = PAGE_ACTIONS[action]
    known = {"via_link": True} if via_link else {}
    request = ask(kind, page, form, asked, intake.reference.stamp(), **known)
    _claim(intake.keys, request, asked)
    where = await intake.publish([record_for(REQUESTS.name, request, SOURCE, trace)])
    return _accepted("page", request, where, tuple(said(form.masked)))


def linked_actor(intake: Intake, page: str, form: AcknowledgeForm, now: e.Instant) -> Actor:
    """Who a signed link speaks for. Raises Refused `unauthenticated` where it is forged, expired or for another page."""
    link = form.token and intake.secret and links.verify(intake.secret.encode(), form.token, links.ACKNOWLEDGE, page, now)
    if not link:
        raise Refused("unauthenticated", "This link is not valid, or no longer. Sign in to acknowledge the page.", status=401)
    person = intake.reference.person(link.person)
    email = person.email if person else link.person
    account = intake.reference.directory.account(email)
    return Actor(email=email, name=account.name if account else link.person, roles=(Role.ON_CALL,), via=Via.WEB)


async def put_document(intake: Intake, kind: str, given: str, document: dict[str, Any] | None, asked: Asked, trace: str) -> Answer:
    """PUT and DELETE /v1/directory/{kind}/{id}: answered when this process reads it back."""
    admins_only(asked.actor)
    doc_id = documents.id_of(kind, given)
    kept = None if document is None else documents.check(kind, doc_id, document)
    key = f"{kind}:{doc_id}"
    event = e.DirectoryRecorded.model_validate(
        {
            "id": ids.derive("dir", key, asked.digest, asked.at.isoformat()), "key": key, "at": asked.at, "kind": kind, "doc_id": doc_id,
            "document": kept, "actor": asked.actor,
        }
    )  # fmt: skip
    await intake.write(record_for(DIRECTORY.name, event, SOURCE, trace))
    applied = await intake.reference.read_back_document(kind, doc_id, kept)
    return {"kind": kind, "id": doc_id, "removed": kept is None, "applied": applied}


async def put_policy(intake: Intake, name: str, document: dict[str, Any], note: str, asked: Asked, trace: str) -> Answer:
    """PUT /v1/policies/{name}: the next version, if nobody else took its number. Raises Refused `version-conflict` (409)."""
    admins_only(asked.actor)
    return await publish_policy(intake, name, document, note, asked, trace)


async def stand_in(intake: Intake, schedule: str, form: OverrideForm | SwapForm, asked: Asked, trace: str) -> Answer:
    """POST /v1/on-call/{schedule}/overrides and /swaps: the next version of the on-call document."""
    last = intake.reference.policy(ON_CALL)
    if last is None:
        raise Refused("no-such-policy", "There is no on-call document yet; an admin publishes it.", status=404)
    document = rota.with_stand_in(last.document, schedule, form, asked.actor, asked.at)
    return await publish_policy(intake, ON_CALL, document, rota.note_of(form, schedule), asked, trace, based_on=last.version)


async def publish_policy(
    intake: Intake, name: str, document: dict[str, Any], note: str, asked: Asked, trace: str, *, based_on: int | None = None
) -> Answer:
    """The next version. `based_on`: the version `document` was made of; another one since is a `version-conflict` (409), never undone."""
    check_policy(name, document)
    reference = intake.reference
    async with reference.publishing:
        last = reference.policy(name)
        if last is not None and based_on not in (None, last.version):
            raise Refused("version-conflict", f"Version {last.version} was published just before. Look at it and try again.", status=409)
        if last is not None and last.document == document:
            return {"name": name, "version": last.version, "unchanged": True}
        version = last.version + 1 if last else 1
        event = e.PolicyPublished(
            id=ids.derive("pol", name, str(version), asked.digest, asked.actor.email, asked.at.isoformat()), key=name, at=asked.at,
            version=version, document=document, actor=asked.actor, note=note,
        )  # fmt: skip
        await intake.write(record_for(POLICIES.name, event, SOURCE, trace))
        await reference.read_back_policy(name, version)
    won = reference.policy(name, version)
    if won is not None and won.id != event.id:
        by = won.actor.email if won.actor else "an operator"
        raise Refused("version-conflict", f"Version {version} was published by {by} just before. Look at it and try again.", status=409)
    return {"name": name, "version": version, "unchanged": False, "applied": won is not None}


def get_policy(intake: Intake, name: str, version: int | None, actor: Actor) -> Answer:
    """GET /v1/policies/{name}: the newest version, or the one asked for. Where people are reached is for admins only."""
    _staff_only(actor)
    found = intake.reference.policy(name, version)
    if found is None:
        raise Refused("not-found", f"There is no policy {name}" + (f" version {version}." if version else "."), status=404)
    shown = found.model_dump(mode="json", include={"version", "document", "at", "note"}) | {"name": name, "by": _by(found)}
    if name == ON_CALL and not is_admin(actor):
        shown["document"] = rota.without_addresses(shown["document"])
    return shown


def list_versions(intake: Intake, name: str, actor: Actor) -> Answer:
    """GET /v1/policies/{name}/versions: newest first, without the documents."""
    _staff_only(actor)
    found = sorted(intake.reference.versions(name), key=lambda policy: -policy.version)
    return {"name": name, "items": [p.model_dump(mode="json", include={"version", "at", "note"}) | {"by": _by(p)} for p in found]}


def _by(policy: e.PolicyPublished) -> str | None:
    return policy.actor.email if policy.actor else None


def _world(intake: Intake, form: TicketForm, actor: Actor) -> World:
    reference = intake.reference
    account = reference.directory.account(actor.email)
    if account is None:
        raise Refused("unauthenticated", "This account is not registered.", status=401)
    app = reference.directory.app(form.app) if form.app else None
    attached = app.addons if app else ()
    addons = tuple(found for slug in attached if (found := reference.directory.provider(slug)) is not None)
    return World(
        account, app, reference.directory.provider(form.addon) if form.addon else None, addons, reference.rules(), intake.incidents.ongoing
    )


async def _with_files(intake: Intake, form: F, actor: Actor) -> tuple[F, tuple[str, ...]]:
    """The form with those of its attachments that are the actor's, and what to say of the others. Raises Refused."""
    if not form.attachments:
        return form, ()
    if intake.files is None:
        raise Refused("no-attachments", "This installation takes no attachments.")
    known = await intake.files.known(form.attachments, actor.email)
    return form.model_copy(update={"attachments": known.ids}), known.warnings


def _secret(intake: Intake) -> str:
    if intake.secret is None:
        raise Refused("no-secret", "This installation has no SIGNALBOX_SECRET, so nothing can be shared here.", status=503)
    return intake.secret


def _claim(keys: Keys, request: e.Request, asked: Asked) -> None:
    claimed = request.key if isinstance(request, e.OpenTicket) else request.id
    if not asked.drawn and not keys.claim(claimed, asked.digest, asked.at):
        raise Refused(
            "idempotency-key-reused", "This Idempotency-Key came before with another body. Use a new key for a new request.",
            extra={"idempotency_key": asked.idempotency_key, "about": request.key},
        )  # fmt: skip


def _accepted(what: Literal["ticket", "page"], request: e.Request, where: Accepted, warnings: tuple[str, ...] = ()) -> Answer:
    address = f"/{what}s/{request.key}"
    return {
        f"{what}_id": request.key,
        "request_id": request.id,
        "accepted": where,
        "warnings": warnings if where == "logged" else (*warnings, ON_THIS_DISK),
        "suggestions": [],
        "incidents": [],
        "links": {"self": f"/v1{address}", "web": address, "request": f"/v1/requests/{request.id}"},
    }


def admins_only(actor: Actor) -> None:
    """Raises Refused `forbidden` (403)."""
    if not is_admin(actor):
        raise Refused("forbidden", "Reference data and policy are for admins.", status=403)


def _staff_only(actor: Actor) -> None:
    if not actor.is_staff:
        raise Refused("not-found", "There is nothing here, or nothing you may see.", status=404)
