"""A policy document is published, and read back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from services.intake.domain import (
    RequestContext,
)
from services.intake.http.preconditions import check_match, etag_of_policy
from services.intake.policies import rota
from services.intake.policies.check import changes_of, check_policy_in_thread
from services.intake.policies.rota import OverrideForm, SwapForm
from services.intake.shell import SOURCE, Answer, Intake, admins_only, staff_only
from services.intake.world.reference import Reference
from shared import events as e
from shared import ids
from shared.access import is_admin
from shared.errors import Refused
from shared.events import Actor
from shared.policy import ON_CALL
from shared.policy.writing.hidden import keep_hidden, without_addresses
from shared.topics import POLICIES
from shared.wire import record_for


async def put_policy(
    intake: Intake,
    name: str,
    document: dict[str, Any],
    note: str,
    asked: RequestContext,
    trace: str,
    *,
    if_match: str | None = None,
) -> Answer:
    """PUT /v1/policies/{name}: the next version, if nobody else took its number. What is written
    back `(hidden)` stays what it was. Raises Refused `version-conflict` (409),
    `precondition-failed` (412).
    """
    # The right before the document: its mistakes may name people and addresses.
    admins_only(asked.actor)
    last = intake.reference.policy(name)
    check_match(if_match, None if last is None else etag_of_policy(name, last.version))
    # What was shown as `(hidden)` is put back, or saving would erase it.
    shown = keep_hidden(name, document, last.document if last else None)
    return await publish_policy(
        intake,
        name,
        shown,
        note,
        asked,
        trace,
        # Only with If-Match is there a version that it must be based on.
        based_on=last.version if last and if_match is not None else None,
    )


async def stand_in(
    intake: Intake, schedule: str, form: OverrideForm | SwapForm, asked: RequestContext, trace: str
) -> Answer:
    """POST /v1/on-call/{schedule}/overrides and /swaps: the next version of the on-call
    document.
    """
    last = on_call_in_force(intake)
    # In a thread: the document of a large house is copied and checked.
    document = await intake.slow.run(
        lambda: rota.with_stand_in(last.document, schedule, form, asked.actor, asked.at)
    )
    return await publish_policy(
        intake,
        ON_CALL,
        document,
        rota.note_of(form, schedule),
        asked,
        trace,
        based_on=last.version,
        made_of=last.document,
    )


def on_call_in_force(intake: Intake) -> e.PolicyPublished:
    """The newest version of the on-call document. Raises Refused `no-such-policy` (404)."""
    last = intake.reference.policy(ON_CALL)
    if last is None:
        raise Refused(
            "no-such-policy", "There is no on-call document yet; an admin publishes it.", status=404
        )
    return last


async def publish_policy(
    intake: Intake,
    name: str,
    document: dict[str, Any],
    note: str,
    asked: RequestContext,
    trace: str,
    *,
    based_on: int | None = None,
    made_of: Mapping[str, Any] | None = None,
) -> Answer:
    """The next version. `based_on`: the version `document` was made of; another one since is a
    `version-conflict` (409), never undone. `made_of`: that version's document, where this one only
    adds to it: what was wrong before is not refused now.
    """
    # Before the lock: a rota of 90 days takes up to a second.
    found = await check_policy_in_thread(name, document, asked.at, made_of)
    reference = intake.reference
    async with reference.publishing:
        # The same request once more, also where another process took it the first time.
        if (before := made_before(reference, name, asked)) is not None:
            return before
        last = reference.policy(name)
        # Somebody published in between: their change must not be undone unseen.
        if last is not None and based_on not in (None, last.version):
            raise Refused(
                "version-conflict",
                f"Version {last.version} was published just before. Look at it and try again.",
                status=409,
            )
        if last is not None and last.document == document:
            return {
                "name": name,
                "version": last.version,
                "unchanged": True,
                "changes": [],
                "rota": [],
                "etag": etag_of_policy(name, last.version),
            }
        # A number beyond all known ones, so that of two writers one wins in the log.
        version = reference.next_version(name)
        event = e.PolicyPublished(
            id=ids.derive(
                "pol", name, str(version), asked.digest, asked.actor.email, asked.at.isoformat()
            ),
            key=name,
            at=asked.at,
            version=version,
            document=document,
            actor=asked.actor,
            note=note,
            asked=_derive_request_id(name, asked),
        )
        # Read back inside the lock: the next writer must see this version.
        await intake.write(record_for(POLICIES.name, event, SOURCE, trace))
        await reference.read_back_policy(name, version)
    won = reference.policy(name, version)
    # Another process took the number: the first in the log counts.
    if won is not None and won.id != event.id:
        by = won.actor.email if won.actor else "an operator"
        raise Refused(
            "version-conflict",
            f"Version {version} was published by {by} just before. Look at it and try again.",
            status=409,
        )
    told = changes_of(name, last.document if last else None, document, asked.at)
    warnings = [f"{one.where}: {one.text}" for one in found.warnings]
    return _make_answer(name, version, applied=won is not None) | told | {"warnings": warnings}


def _make_answer(name: str, version: int, *, applied: bool) -> Answer:
    return {
        "name": name,
        "version": version,
        "unchanged": False,
        "applied": applied,
        "etag": etag_of_policy(name, version),
    }


def _derive_request_id(name: str, asked: RequestContext) -> str:
    """Who asked for this under which key; empty where the key was drawn here."""
    if asked.drawn:
        # A drawn key cannot come twice, so there is nothing to recognise.
        return ""
    return ids.derive("req", name, asked.actor.email, asked.idempotency_key, asked.digest)


def made_before(reference: Reference, name: str, asked: RequestContext) -> Answer | None:
    """The answer to a request that has made a version already, whichever intake took it."""
    asking = _derive_request_id(name, asked)
    made = next((one for one in reference.versions(name) if asking and one.asked == asking), None)
    return None if made is None else _make_answer(name, made.version, applied=True)


def get_policy(intake: Intake, name: str, version: int | None, actor: Actor) -> Answer:
    """GET /v1/policies/{name}: the newest version, or the one asked for. Where people are reached
    is for admins only.
    """
    staff_only(actor)
    found = intake.reference.policy(name, version)
    if found is None:
        raise Refused(
            "not-found",
            f"There is no policy {name}" + (f" version {version}." if version else "."),
            status=404,
        )
    shown = found.model_dump(mode="json", include={"version", "document", "at", "note"}) | {
        "name": name,
        "by": _by(found),
    }
    # Where people are reached is private, even among staff.
    if name == ON_CALL and not is_admin(actor):
        shown["document"] = without_addresses(shown["document"])
    return shown


def list_versions(intake: Intake, name: str, actor: Actor) -> Answer:
    """GET /v1/policies/{name}/versions: newest first, without the documents."""
    staff_only(actor)
    found = sorted(intake.reference.versions(name), key=lambda policy: -policy.version)
    return {
        "name": name,
        "items": [
            p.model_dump(mode="json", include={"version", "at", "note"}) | {"by": _by(p)}
            for p in found
        ],
    }


def _by(policy: e.PolicyPublished) -> str | None:
    return policy.actor.email if policy.actor else None
