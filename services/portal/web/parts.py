"""The portal's parts, made once per process and handed to every route through the application's
state.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Protocol

from starlette.requests import HTTPConnection, Request

from services.portal.desk.colleagues import Colleagues
from services.portal.desk.presence import Presence
from services.portal.on_call.reads import RotaReads
from services.portal.operations.reads import OperationsReads
from services.portal.published import PublishedPolicies
from services.portal.settings import PortalSettings
from services.portal.sign_in.oidc import SignIn
from services.portal.sign_in.second_step import SecondSteps
from services.portal.sign_in.session import Sessions
from services.portal.tickets.queries import Queries
from services.portal.web.intake_client import IntakeClient
from services.portal.web.stream import Hub
from shared.clock import Clock
from shared.files import Descriptions, FileHome
from shared.spine.replica import Replica
from shared.storage.store import Store


class LastUses(Protocol):
    """`shared.people.token_use.TokenUse`."""

    async def last(self, tokens: list[str]) -> Mapping[str, datetime]: ...


@dataclass(frozen=True)
class Portal:
    """Everything a route may use. `directory` is the in-memory replica of accounts, apps and
    providers; `files` are attachments and mail as it came, `descriptions` what is said about the
    former; `sign_in` is the way in by an OpenID provider, where one is configured; `uses` says when
    tokens were last used.
    """

    settings: PortalSettings
    clock: Clock
    store: Store
    directory: Replica
    queries: Queries
    desk: OperationsReads
    rota: RotaReads
    hub: Hub
    sessions: Sessions
    intake: IntakeClient
    second_steps: SecondSteps
    files: FileHome
    descriptions: Descriptions
    sign_in: SignIn | None = None
    published: PublishedPolicies = field(default_factory=PublishedPolicies)
    uses: LastUses | None = None
    colleagues: Colleagues = field(default_factory=Colleagues)

    @cached_property
    def presence(self) -> Presence:
        return Presence(self.store)


def portal_of(request: Request) -> Portal:
    """The dependency: `Annotated[Portal, Depends(portal_of)]`."""
    return parts_of(request)


def parts_of(connection: HTTPConnection) -> Portal:
    """The same, where there is no request."""
    found = connection.app.state.portal
    assert isinstance(found, Portal)
    return found
