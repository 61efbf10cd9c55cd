"""The addresses of the set-up. No account is needed: the link, or the installation's secret, is
what counts.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi import FastAPI, Request
from starlette.responses import Response

from services.intake.accounts import set_up
from services.intake.accounts.set_up import SetUpForm, SetUpLinkForm
from services.intake.accounts.shell import Accounts
from services.intake.domain import RequestContext
from services.intake.forms import Form
from services.intake.http.door import RequestGate, read_object
from services.intake.http.responses import respond, trace_of
from services.intake.shell import Intake
from shared.people.subscriptions import asker

_WHO = "set-up"


def forms() -> list[type[Form]]:
    """Every form of these addresses, for the contract."""
    return [SetUpLinkForm, SetUpForm]


def install(
    app: FastAPI, intake: Intake, accounts: Accounts, door: RequestGate, write: Callable[..., None]
) -> None:
    """Put the routes on the application."""

    async def make_link(request: Request) -> Response:
        form = await door.fill(SetUpLinkForm, await read_object(request))
        asked = _make_context(request, door, {"email": form.email})

        async def make_set_up_link() -> dict[str, Any]:
            with door.count_attempts(_WHO):
                return set_up.make_link(intake, accounts.administrators, form, asked)

        answer = await respond("set-up-link", asked, make_set_up_link(), 201)
        answer.headers["Cache-Control"] = "no-store"
        return answer

    async def begin(request: Request) -> Response:
        form = await door.fill(SetUpForm, await read_object(request))
        asked = _make_context(request, door, {"email": form.email})

        async def use_set_up_link() -> dict[str, Any]:
            with door.count_attempts(_WHO):
                set_up.check_link(intake, accounts.administrators, form, asked.at)
            return await set_up.set_up(intake, accounts, form, asked, trace_of(request))

        return await respond("set-up", asked, use_set_up_link())

    write(
        app, "POST", "/v1/setup/links", make_link, SetUpLinkForm, name="make-setup-link", status=201
    )
    write(app, "POST", "/v1/setup", begin, SetUpForm, name="set-up", status=200)


def _make_context(request: Request, door: RequestGate, body: dict[str, Any]) -> RequestContext:
    """Nobody we know asks. The password and the link are no part of what is remembered."""
    return door.under_key(request, body, asker(_WHO), door.clock.now())
