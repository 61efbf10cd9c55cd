"""The shell for incidents, maintenances and announcements: what a request needs is looked up,
refused at once where it can be, and in Kafka or the spool before the caller is answered. The router
decides for good."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from services.intake.domain import RequestContext, request_id
from services.intake.forms import Form
from services.intake.http.masking import masking_notes
from services.intake.incidents.forms import (
    OPENINGS,
    AnnouncementForm,
    Family,
    ImpactForm,
    MessageForm,
    SectionForm,
    StackForm,
)
from services.intake.shell import ON_THIS_DISK, SOURCE, Answer, Intake
from services.intake.spool.spool import Accepted
from services.intake.world.incidents import KnownIncident
from shared import events as e
from shared import ids
from shared.access import may_report, runs_incidents
from shared.errors import Refused
from shared.events import Actor, Component, Purpose
from shared.people.folding import fold_address
from shared.status.bounds import check_past
from shared.status.notice import USUAL_LENGTH, check_notice, check_window
from shared.topics import REQUESTS
from shared.wire import Record, record_for

_CHUNK = 500
"""Requests written at a time, so that a message to 10,000 tickets is a few batches."""


async def begin(
    intake: Intake, family: Family, form: Form, asked: RequestContext, trace: str
) -> Answer:
    """POST /v1/incidents, /v1/maintenances, /v1/announcements."""
    prefix, kind, _ = OPENINGS[family]
    # Whose it is and what it is about come first: they decide who may say it.
    provider = provider_of(intake, asked.actor, getattr(form, "provider", None))
    components = find_components(intake, getattr(form, "components", ()), provider)
    if not may_report(asked.actor, provider, components):
        raise Refused(
            "forbidden",
            "Ops report for the platform, a provider's users for their own add-on alone.",
            status=403,
        )
    # From the key, so a repeat opens the same incident.
    key = ids.derive(
        prefix, fold_address(asked.actor.email), f"/v1/{family}", asked.idempotency_key
    )
    fields = _fields(form, e.GREEN) | {"provider": provider, "components": components}
    # Only announcements work out their end here; the router checks all of it again.
    if isinstance(form, AnnouncementForm):
        fields |= _read_announced_times(form, provider, asked)
    _check_times(fields, asked)
    # Told at once where it can be: the router would refuse it a moment later.
    if kind is e.ScheduleMaintenance:
        check_window(asked.at, fields["starts_at"], fields["ends_at"])
        check_notice(asked.at, fields["starts_at"], fields["override_reason"])
    request = kind(
        # With the body in the id, a key reused for another body is another request for the same
        # thing: the router refuses it.
        id=ids.request_id(key, kind.__name__, asked.digest, asked.actor.email),
        key=key,
        at=asked.at,
        actor=asked.actor,
        policy=intake.reference.stamp(),
        digest=asked.digest,
        **fields,
    )
    return await _publish(intake, family, request, key, asked, trace, form)


async def act(
    intake: Intake,
    family: Family,
    key: str,
    kind: type[e.StatusRequest],
    form: Form,
    asked: RequestContext,
    trace: str,
) -> Answer:
    """POST /v1/<family>/{id}/<action>. What may not be seen does not exist: 404 where intake knows,
    else the router refuses.
    """
    known = intake.incidents.get(key)
    provider = known.provider if known else asked.actor.provider
    # Twice: first whether they may see it at all, then whether they may name these components.
    refuse_early(known, asked.actor, ())
    fields = _fields(form, known.impact if known else e.GREEN)
    if fields.get("components") is not None:
        fields["components"] = find_components(intake, fields["components"], None)
    refuse_early(known, asked.actor, fields.get("components") or ())
    if kind is not e.CorrectIncident:  # a correction may come late: the router knows how late
        _check_times(fields, asked)
    # Nothing is known of it, and only ops may ask about something that others cannot see.
    if known is None and provider is None and not runs_incidents(asked.actor):
        raise Refused("not-found", "There is nothing here, or nothing you may see.", status=404)
    request = kind(
        id=request_id(kind, key, asked),
        key=key,
        at=asked.at,
        actor=asked.actor,
        policy=intake.reference.stamp(),
        digest=asked.digest,
        **fields,
    )
    return await _publish(intake, family, request, request.id, asked, trace, form)


async def tell_linked(
    intake: Intake, key: str, form: MessageForm, asked: RequestContext, trace: str
) -> Answer:
    """POST /v1/incidents/{id}/message: a reply of staff on every ticket linked to it, as far as the
    view has come.

    A repeat under the same Idempotency-Key makes the same requests, and reaches tickets that were
    linked meanwhile. Raises Unavailable where the view is away.
    """
    known = intake.incidents.get(key)
    if not runs_incidents(asked.actor):
        raise Refused(
            "not-found" if known is None or not known.public else "forbidden",
            "One message to all is for ops.",
            status=404 if known is None or not known.public else 403,
        )
    if intake.view is None:
        raise Refused(
            "no-view",
            "This installation looks at no view, so it cannot tell which tickets are linked.",
            status=503,
        )
    # Claimed before the tickets are looked up: a reused key must not reach anybody.
    _claim(
        intake, ids.request_id(key, "Message", asked.idempotency_key, asked.actor.email), key, asked
    )
    tickets = await intake.view.linked(key)
    stamp = intake.reference.rules().stamp

    def reply(ticket: str) -> Record:
        asking = e.AddReply(
            # One id for each ticket and key: a repeat makes the same replies.
            id=ids.request_id(ticket, f"AddReply {key}", asked.idempotency_key, asked.actor.email),
            key=ticket,
            at=asked.at,
            actor=asked.actor,
            policy=stamp,
            digest=asked.digest,
            body=form.body,
        )
        return record_for(REQUESTS.name, asking, SOURCE, trace)

    where: Accepted = "logged"
    for start in range(
        0, len(tickets), _CHUNK
    ):  # made piece by piece: an urgent ticket does not wait until 10,000 are made
        if (
            await intake.publish([reply(ticket) for ticket in tickets[start : start + _CHUNK]])
            != "logged"
        ):
            where = "spooled"
    return {
        "incident_id": key,
        "tickets": len(tickets),
        "accepted": where,
        "warnings": _warnings(where, form),
    }


def provider_of(intake: Intake, actor: Actor, named: str | None) -> str | None:
    """Whose add-on it is about: a provider's users report their own; ops may name one. Raises
    Refused `no-such-provider`.
    """
    # A provider's user speaks for their add-on, whatever they write in the form.
    if actor.provider is not None and not runs_incidents(actor):
        if named not in (None, actor.provider):
            raise Refused("forbidden", "You report for your own add-on alone.", status=403)
        return actor.provider
    if named is not None and intake.reference.directory.provider(named) is None:
        raise Refused(
            "no-such-provider",
            f"There is no provider {named!r}.",
            extra={"errors": [_wrong("provider")]},
        )
    return named


def find_components(
    intake: Intake, named: Iterable[str], provider: str | None
) -> tuple[Component, ...]:
    """The components by id or name; none named: those of the provider's add-on. Raises Refused
    `no-such-component`.
    """
    policy = intake.reference.components()
    found: dict[str, Component] = {}
    for number, name in enumerate(named):
        # An add-on counts as a component where the list has none of its own for it.
        component = policy.find(name) or addon_component(intake, name)
        if component is None:
            listed = ", ".join(component.id for component in policy.components)
            said_wrong = {"pointer": f"#/components/{number}", "detail": "not a component we know"}
            raise Refused(
                "no-such-component",
                f"There is no component {name!r}; there are {listed}.",
                extra={"errors": [said_wrong]},
            )
        found.setdefault(component.id, component)
    # Nothing named: a provider means its own add-on.
    if not found and provider is not None:
        own = policy.of_addon(provider) or tuple(filter(None, (addon_component(intake, provider),)))
        found = {component.id: component for component in own}
    return tuple(found.values())


def addon_component(intake: Intake, slug: str) -> Component | None:
    """A provider's add-on, where the list of components does not have it."""
    provider = intake.reference.directory.provider(slug)
    if provider is None:
        return None
    return Component(
        id=provider.slug,
        name=provider.name,
        words=(provider.name, *provider.aliases),
        addon=provider.slug,
    )


def refuse_early(
    known: KnownIncident | None, actor: Actor, components: Sequence[Component]
) -> None:
    """Refuse at once what the router would refuse anyway, as far as intake has read. Raises Refused
    403 or 404.
    """
    if known is None or may_report(actor, known.provider, (*known.components, *components)):
        return
    # What is not public does not exist for them.
    if not known.public:
        raise Refused("not-found", "There is nothing here, or nothing you may see.", status=404)
    raise Refused(
        "forbidden",
        "Ops may do this for the whole platform, a provider's users for their own add-on alone.",
        status=403,
    )


def _check_times(fields: dict[str, Any], asked: RequestContext) -> None:
    """Times that are given for what has happened. Raises Refused `not-in-the-past`."""
    for name, what in _PAST.items():
        if fields.get(name) is not None:
            check_past(asked.at, fields[name], what)


# The fields that speak of the past, and how each is called in a refusal.
_PAST = {
    "started_at": "The beginning",
    "happened_at": "The time of this update",
    "resolved_at": "The end",
}


def _read_announced_times(
    form: AnnouncementForm, provider: str | None, asked: RequestContext
) -> dict[str, Any]:
    """The times of an announced maintenance. Raises Refused where they are missing, or too near
    without a reason.
    """
    if provider is None:
        raise Refused(
            "no-provider",
            "An announcement is a provider's: say on whose behalf.",
            extra={"errors": [_wrong("provider")]},
        )
    # Only a maintenance takes place at a time; other announcements have none.
    if form.purpose is not Purpose.MAINTENANCE:
        return {}
    if form.starts_at is None:
        raise Refused(
            "no-time", "Say when the maintenance begins.", extra={"errors": [_wrong("starts_at")]}
        )
    ends_at = form.ends_at or form.starts_at + USUAL_LENGTH
    check_window(asked.at, form.starts_at, ends_at)
    check_notice(asked.at, form.starts_at, form.override_reason)
    return {"ends_at": ends_at}


def _wrong(field: str) -> dict[str, str]:
    return {"pointer": f"#/{field}", "detail": "needed, or not known"}


def _fields(form: Form, impact: e.Impact) -> dict[str, Any]:
    """The form's fields as the request has them; `impact` is what it is so far."""
    return {name: _value(getattr(form, name), impact) for name in type(form).model_fields}


def _value(value: Any, impact: e.Impact) -> Any:
    # Forms are what callers write; events hold the shapes of the log.
    match value:
        case ImpactForm():
            return value.over(impact)
        case StackForm():
            return e.StackScope(stack=value.stack, effects=value.effects)
        case SectionForm():
            return e.Section(heading=value.heading, body=value.body)
        case tuple():
            return tuple(_value(part, impact) for part in value)
        case _:
            return value


async def _publish(
    intake: Intake,
    family: Family,
    request: e.StatusRequest,
    claimed: str,
    asked: RequestContext,
    trace: str,
    form: Form,
) -> Answer:
    _claim(intake, claimed, request.key, asked)
    where = await intake.publish([record_for(REQUESTS.name, request, SOURCE, trace)])
    address = f"/v1/{family}/{request.key}"
    return {
        f"{family.removesuffix('s')}_id": request.key,
        "request_id": request.id,
        "accepted": where,
        "warnings": _warnings(where, form),
        "links": {"self": address, "request": f"/v1/requests/{request.id}"},
    }


def _claim(intake: Intake, claimed: str, key: str, asked: RequestContext) -> None:
    # A key that was drawn here cannot have been used before.
    if not asked.drawn and not intake.keys.claim(claimed, asked.digest, asked.at):
        raise Refused(
            "idempotency-key-reused",
            "This Idempotency-Key came before with another body. Use a new key for a new request.",
            extra={"idempotency_key": asked.idempotency_key, "about": key},
        )


def _warnings(where: Accepted, form: Form) -> list[str]:
    return [*masking_notes(form.masked), *([] if where == "logged" else [ON_THIS_DISK])]
