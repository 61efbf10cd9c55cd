"""The addresses of the second step of a login."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import FastAPI, Request
from starlette.responses import Response

from services.intake.accounts import second_step
from services.intake.accounts.second_step import OwnerForm, RecoveryForm, ResetForm, SwitchOnForm
from services.intake.accounts.shell import Accounts
from services.intake.forms import Form
from services.intake.http.door import RequestGate, read_object
from services.intake.http.responses import respond, trace_of
from services.intake.shell import Answer, Intake
from shared.people.subscriptions import asker

PATH = "/v1/account/second-step"
_WHO = "set-up"
# Answers with secrets in them: never cached, never remembered.
_SHOWS_CODES = (second_step.switch_on, second_step.new_codes)


def forms() -> list[type[Form]]:
    """Every form of these addresses, for the contract."""
    return [SwitchOnForm, OwnerForm, RecoveryForm, ResetForm]


def install(
    app: FastAPI, intake: Intake, accounts: Accounts, door: RequestGate, write: Callable[..., None]
) -> None:
    """Put the routes on the application."""

    async def begin(request: Request) -> Response:
        caller, _ = door.caller(request, "write")
        _, asked = await door.body_of(request, caller.actor)

        async def begin_second_step() -> Answer:
            return second_step.begin(intake, caller, asked.at)

        return _secret(await respond("second-step", asked, begin_second_step()))

    def owners(
        form: type[Form], does: Callable[..., Awaitable[Answer]], *, counts_tries: bool
    ) -> Callable[[Request], Awaitable[Response]]:
        async def act(request: Request) -> Response:
            caller, _ = door.caller(request, "write")
            body, asked = await door.body_of(request, caller.actor)
            filled = await door.fill(form, body, asked.actor.email)
            more: tuple[Any, ...] = (accounts,) if counts_tries else ()
            doing = does(intake, *more, filled, caller, asked, trace_of(request))
            answer = await respond("second-step", asked, doing)
            return _secret(answer) if does in _SHOWS_CODES else answer

        return act

    async def reset(request: Request) -> Response:
        actor, now = door.who(request, "admin")
        email: str = request.path_params["email"]
        asked = door.under_key(request, {}, actor, now)
        return await respond(
            "second-step", asked, second_step.reset(intake, email, asked, trace_of(request))
        )

    async def reset_by_operator(request: Request) -> Response:
        form = await door.fill(ResetForm, await read_object(request))
        asked = door.under_key(request, {"email": form.email}, asker(_WHO), door.clock.now())

        async def reset_second_step() -> Answer:
            with door.count_attempts(_WHO):
                second_step.check_operator(intake, form, asked.at)
            return await second_step.reset_by_operator(intake, form, asked, trace_of(request))

        return await respond("second-step", asked, reset_second_step())

    app.add_api_route(PATH, begin, methods=["POST"], name="begin-second-step")
    # The same handling for all four; they differ in form, call and whether wrong tries count.
    for path, method, form, does, counts, name in (
        (PATH, "PUT", SwitchOnForm, second_step.switch_on, True, "switch-on-second-step"),
        (PATH, "DELETE", OwnerForm, second_step.switch_off, True, "switch-off-second-step"),
        (f"{PATH}/codes", "POST", OwnerForm, second_step.new_codes, True, "new-recovery-codes"),
        (
            f"{PATH}/recovery",
            "POST",
            RecoveryForm,
            second_step.use_recovery_code,
            False,
            "use-recovery-code",
        ),
    ):
        write(
            app, method, path, owners(form, does, counts_tries=counts), form, name=name, status=200
        )
    app.add_api_route(
        "/v1/second-steps/{email}", reset, methods=["DELETE"], name="reset-second-step"
    )
    write(
        app,
        "POST",
        "/v1/setup/second-step-resets",
        reset_by_operator,
        ResetForm,
        name="reset-second-step-as-operator",
        status=200,
    )


def _secret(response: Response) -> Response:
    """Kept by nobody on the way, and not under its Idempotency-Key."""
    response.headers["Cache-Control"] = "no-store"
    return response
