"""Webhooks that are disabled because they answered 410 Gone, as those see them who may enable them
again. Pure.
"""

from __future__ import annotations

from typing import Any

from shared.access import may_see_desk
from shared.events import Actor
from shared.people.identity import Lookup
from shared.people.subscriptions import KIND, Endpoint, endpoint_id, endpoint_in

Shape = dict[str, Any]

# The directory's kind also holds subscriptions and stops; these ids are of endpoints.
_PREFIX = "end_"


def list_disabled(directory: Lookup, ids: list[str], actor: Actor) -> list[Shape]:
    """`[{id, receiver, url, said, notice, disabled_at}]`, the latest first: every one for staff, a
    provider's own for its users, none for others. `ids`: of all documents of the kind.
    """
    found = [
        (id_, endpoint)
        for id_ in ids
        if id_.startswith(_PREFIX)
        and (endpoint := endpoint_in(directory.get(KIND, id_))) is not None
        and endpoint.disabled
        and (may_see_desk(actor) or _is_own(actor, endpoint))
    ]
    return sorted(
        (_describe_endpoint(id_, endpoint) for id_, endpoint in found),
        key=lambda one: str(one["disabled_at"]),
        reverse=True,
    )


def find_disabled(directory: Lookup, receiver: str, url: str) -> Shape | None:
    """The same of one webhook; None where it is not disabled."""
    id_ = endpoint_id(receiver, url)
    found = endpoint_in(directory.get(KIND, id_))
    return _describe_endpoint(id_, found) if found is not None and found.disabled else None


def _is_own(actor: Actor, endpoint: Endpoint) -> bool:
    return actor.provider is not None and endpoint.receiver == f"provider:{actor.provider}"


def _describe_endpoint(id_: str, endpoint: Endpoint) -> Shape:
    return {
        "id": id_,
        "receiver": endpoint.receiver,
        "url": endpoint.url,
        "said": endpoint.said,
        "notice": endpoint.notice,
        "disabled_at": endpoint.disabled_at.isoformat(),
    }
