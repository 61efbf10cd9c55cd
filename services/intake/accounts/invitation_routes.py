"""The addresses of invitations: administrators invite, whoever has the link accepts."""

from __future__ import annotations

import re
from collections.abc import Callable

from fastapi import FastAPI, Request
from starlette.responses import Response

from services.intake.accounts import invitations
from services.intake.accounts.invitations import AcceptInvitationForm, InviteForm
from services.intake.accounts.shell import Accounts
from services.intake.forms import Form
from services.intake.http.door import RequestGate, read_object
from services.intake.http.responses import read_path_id, respond, respond_json, trace_of
from services.intake.shell import Answer, Intake, admins_only
from shared.people.subscriptions import asker

_INVITATION = re.compile(r"inv_[a-z2-7]{26}")
# The name under which failed links are counted: there is no account yet.
_WHO = "invitation"


def forms() -> list[type[Form]]:
    """Every form of these addresses, for the contract."""
    return [InviteForm, AcceptInvitationForm]


def install(
    app: FastAPI, intake: Intake, accounts: Accounts, door: RequestGate, write: Callable[..., None]
) -> None:
    """Put the routes on the application."""

    async def invite(request: Request) -> Response:
        body, asked = await door.asked(request, "admin")
        admins_only(asked.actor)  # before the form: what is wrong with it is not for others
        form = await door.fill(InviteForm, body, asked.actor.email)
        inviting = invitations.invite(intake, form, asked, trace_of(request))
        return await respond("invitation", asked, inviting, 201)

    async def list_open(request: Request) -> Response:
        actor, now = door.who(request, "admin")
        return respond_json(200, invitations.list_invitations(intake, actor, now))

    async def renew(request: Request) -> Response:
        key = read_path_id(request, "key", _INVITATION)
        _, asked = await door.asked(request, "admin")
        renewing = invitations.renew(intake, key, asked, trace_of(request))
        return await respond("invitation", asked, renewing)

    async def withdraw(request: Request) -> Response:
        key = read_path_id(request, "key", _INVITATION)
        actor, now = door.who(request, "admin")
        asked = door.under_key(request, {}, actor, now)
        withdrawing = invitations.withdraw(intake, key, asked, trace_of(request))
        return await respond("invitation", asked, withdrawing)

    async def accept(request: Request) -> Response:
        form = await door.fill(AcceptInvitationForm, await read_object(request))
        # The password is no part of what is remembered; of the link, only a sealed digest.
        asked = door.under_key(request, {"token": form.token}, asker(_WHO), door.clock.now())

        async def accept_invitation() -> Answer:
            with door.count_attempts(_WHO):
                found = invitations.find_invitation(intake, form.token, asked.at)
            return await invitations.accept(intake, accounts, form, found, asked, trace_of(request))

        return await respond("invitation", asked, accept_invitation())

    write(app, "POST", "/v1/invitations", invite, InviteForm, name="invite", status=201)
    write(
        app,
        "POST",
        "/v1/invitations/accept",
        accept,
        AcceptInvitationForm,
        name="accept-invitation",
        status=200,
    )
    app.add_api_route("/v1/invitations", list_open, methods=["GET"], name="list-invitations")
    app.add_api_route(
        "/v1/invitations/{key}/renew", renew, methods=["POST"], name="renew-invitation"
    )
    app.add_api_route(
        "/v1/invitations/{key}", withdraw, methods=["DELETE"], name="withdraw-invitation"
    )
