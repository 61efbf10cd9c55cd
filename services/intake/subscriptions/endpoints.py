"""Webhooks that answered 410 Gone: disabled by the courier's record of it, enabled again by their
owner or an admin. Documents in `shared/people/subscriptions.py`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from services.intake.shell import SOURCE, Answer, Intake, admins_only
from shared.errors import Refused
from shared.events import SYSTEM, Actor, Event, NoticeFailed
from shared.people.subscriptions import KIND, Endpoint, endpoint_id, endpoint_in, record_of
from shared.topics import DIRECTORY
from shared.wire import record_for

# What the other side said may be a whole page.
_MOST_SAID = 300


class EndpointDocuments(Protocol):
    """The directory, as `shared.spine.replica.Replica` gives it."""

    def get(self, kind: str, id_: str) -> dict[str, Any] | None: ...


def make_disable_handlers(
    directory: EndpointDocuments,
) -> Mapping[Any, Callable[[Any], Awaitable[Sequence[Event]]]]:
    """Fact → the directory's record that this webhook is disabled."""

    async def on_failed(fact: NoticeFailed) -> Sequence[Event]:
        # Any other failure is tried again; only 410 says "never again".
        if not fact.gone_url:
            return []
        key = endpoint_id(fact.to, fact.gone_url)
        after = disable_endpoint(endpoint_in(directory.get(KIND, key)), fact)
        return [] if after is None else [record_of(key, after.kept(), SYSTEM, fact.at)]

    return {NoticeFailed: on_failed}


def disable_endpoint(known: Endpoint | None, fact: NoticeFailed) -> Endpoint | None:
    """The webhook as it is after the answer; None where nothing changes: it is disabled already, or
    was enabled again after this answer. Pure.
    """
    # A late fact must not disable what its owner has enabled since.
    if known is not None and (
        known.disabled or (known.enabled_at is not None and known.enabled_at >= fact.at)
    ):
        return None
    return Endpoint(
        receiver=fact.to,
        url=fact.gone_url,
        said=fact.reason[:_MOST_SAID],
        notice=fact.key,
        disabled_at=fact.at,
    )


async def enable(intake: Intake, key: str, actor: Actor, now: datetime, trace: str) -> Answer:
    """POST /v1/endpoints/{id}/enable: by an admin, or by the provider whose webhook it is. Raises
    Refused 403, 404.
    """
    found = endpoint_in(intake.reference.get(KIND, key))
    # For everybody else it does not exist; staff who are no admins hear that it is for admins.
    if found is None or not (actor.is_staff or _is_own(actor, found)):
        raise Refused("not-found", "There is nothing here, or nothing you may see.", status=404)
    if not _is_own(actor, found):
        admins_only(actor)
    await enable_known(intake, key, found, actor, now, trace)
    return {"id": key, "state": "enabled"}


async def enable_known(
    intake: Intake, key: str, found: Endpoint, actor: Actor, now: datetime, trace: str
) -> None:
    """Record it, unless it is enabled already. Raises Unavailable."""
    if not found.disabled:
        return
    document = found.model_copy(update={"enabled_at": now}).kept()
    await intake.write(
        record_for(DIRECTORY.name, record_of(key, document, actor, now), SOURCE, trace)
    )
    await intake.reference.read_back_document(KIND, key, document)


def _is_own(actor: Actor, found: Endpoint) -> bool:
    return actor.provider is not None and found.receiver == f"provider:{actor.provider}"
