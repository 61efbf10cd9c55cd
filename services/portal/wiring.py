"""The portal's parts, made once per process and handed to every route through the application's state."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.requests import HTTPConnection, Request

from services.portal.desk import Desk
from services.portal.oidc import SignIn
from services.portal.proxy import Intake
from services.portal.queries import Queries
from services.portal.rota import Rota
from services.portal.session import Sessions
from services.portal.settings import PortalSettings
from services.portal.stream import Hub
from shared.clock import Clock
from shared.replica import Replica
from shared.store import Store


@dataclass(frozen=True)
class Portal:
    """Everything a route may use. `directory` is the in-memory replica of accounts, apps and providers;
    `sign_in` is the way in by an OpenID provider, where one is configured."""

    settings: PortalSettings
    clock: Clock
    store: Store
    directory: Replica
    queries: Queries
    desk: Desk
    rota: Rota
    hub: Hub
    sessions: Sessions
    intake: Intake
    sign_in: SignIn | None = None


def portal_of(request: Request) -> Portal:
    """The dependency: `Annotated[Portal, Depends(portal_of)]`."""
    return parts_of(request)


def parts_of(connection: HTTPConnection) -> Portal:
    """The same, where there is no request."""
    found = connection.app.state.portal
    assert isinstance(found, Portal)
    return found
