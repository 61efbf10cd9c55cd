"""The addresses of a forgotten password. No account is needed: the link is what counts, and the
rates are the addresses'.
"""

from __future__ import annotations

from collections.abc import Callable

from fastapi import FastAPI, Request
from starlette.responses import Response

from services.intake.accounts import forgotten
from services.intake.accounts.forgotten import ForgottenForm, NewPasswordForm
from services.intake.accounts.shell import Accounts
from services.intake.forms import Form
from services.intake.http.door import Allowance, RequestGate, read_object
from services.intake.http.responses import respond, trace_of
from services.intake.shell import Answer, Intake
from services.intake.subscriptions.routes import Rates
from shared.http.client_address import HEADER, client_of
from shared.people.subscriptions import asker

_WHO = "forgotten-password"


def forms() -> list[type[Form]]:
    """Every form of these addresses, for the contract."""
    return [ForgottenForm, NewPasswordForm]


def _rates() -> Rates:
    return Rates(
        of_client=Allowance("20/hour"),
        # Tight, since each request may write a mail to somebody who did not ask.
        of_pair=Allowance("5/hour"),
        of_target=Allowance("20/hour"),
        in_all=Allowance("300/minute"),
        too_many="Too many new passwords are asked for just now.",
    )


def install(
    app: FastAPI, intake: Intake, accounts: Accounts, door: RequestGate, write: Callable[..., None]
) -> None:
    """Put the routes on the application."""
    rates = _rates()

    async def ask(request: Request) -> Response:
        form = await door.fill(ForgottenForm, await read_object(request))
        # Counted by the address of the client and by the account asked for.
        host = request.client.host if request.client else ""
        rates.count(client_of(request.headers.get(HEADER), door.secret, host), form.email)
        asked = door.under_key(request, {"email": form.email}, asker(_WHO), door.clock.now())
        asking = forgotten.ask_for_reset(intake, form, asked, trace_of(request))
        return await respond("password-reset", asked, asking, 202)

    async def set_password(request: Request) -> Response:
        form = await door.fill(NewPasswordForm, await read_object(request))
        # The password is no part of what is remembered; of the link, only a sealed digest.
        asked = door.under_key(request, {"token": form.token}, asker(_WHO), door.clock.now())

        async def set_new_password() -> Answer:
            with door.count_attempts(_WHO):
                email = forgotten.person_of(intake, form.token, asked.at)
            return await forgotten.set_password(
                intake, accounts, form, email, asked, trace_of(request)
            )

        return await respond("password", asked, set_new_password())

    write(app, "POST", "/v1/password-resets", ask, ForgottenForm, name="forgotten-password")
    write(
        app, "POST", "/v1/passwords", set_password, NewPasswordForm, name="set-password", status=200
    )
