"""What a machine's token may do at the portal's own forms: nothing, since what they send on has no
scope.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from starlette.requests import Request

from services.portal.sign_in.session import Sessions
from shared.clock import SystemClock
from shared.errors import Refused
from shared.events import Via
from shared.people.identity import mint, token_id
from shared.storage.store import Store

SECRET = "a secret of this test"
DOCUMENTS: Mapping[tuple[str, str], dict[str, Any]] = {
    ("accounts", "rae@example.com"): {"email": "rae@example.com"},
    ("tokens", token_id("reads")): {"email": "rae@example.com", "name": "ci", "scopes": ["read"]},
    ("tokens", token_id("all")): {"email": "rae@example.com", "name": "old"},
}


class Directory:
    def get(self, kind: str, doc_id: str) -> Mapping[str, Any] | None:
        return DOCUMENTS.get((kind, doc_id))


def sessions() -> Sessions:
    no_store = cast(Store, None)  # a bearer is looked up in the directory alone
    return Sessions(
        no_store, Directory(), SystemClock(), SECRET, lasts=timedelta(days=1), secure=False
    )


def asking(method: str, bearer: str) -> Request:
    return Request(
        {
            "type": "http",
            "method": method,
            "path": "/account/tokens",
            "headers": [(b"authorization", f"Bearer {bearer}".encode())],
        }
    )


@pytest.mark.parametrize("bearer", ["reads", "all"])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
async def test_a_token_fills_in_no_form(method: str, bearer: str) -> None:
    """`POST /account/tokens` by a token that may only read would have made one that may do
    everything.
    """
    with pytest.raises(Refused) as refused:
        await sessions().actor_or_none(asking(method, bearer))
    assert (refused.value.status, refused.value.code) == (403, "session-needed")


async def test_a_token_reads_and_the_portals_own_bearer_may_both() -> None:
    own = mint("rae@example.com", Via.WEB, SECRET, datetime.now(UTC))
    for method, bearer in (("GET", "reads"), ("GET", own), ("POST", own)):
        actor = await sessions().actor_or_none(asking(method, bearer))
        assert actor is not None
        assert actor.email == "rae@example.com"
