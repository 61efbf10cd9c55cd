"""The addresses of subscriptions. No account is needed: a link's token is what counts, and the rates are the addresses'.

Under `/v1/account` whoever is signed in says the same for their own address, without a mail.
"""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from fastapi import FastAPI, Request
from starlette.responses import Response

from services.intake import own_news, subscriptions
from services.intake.answering import done, named, trace_of
from services.intake.api import Answer, Intake
from services.intake.domain import Asked
from services.intake.door import Allowance, Door, read_object, too_many
from services.intake.forms import Form, fill
from services.intake.own_news import UpdatesForm
from services.intake.subscriptions import SubscribeForm, TokenForm
from shared.subscriptions import asker

_SUBSCRIPTION = re.compile(r"sub_[a-z2-7]{26}")
_LEAVABLE = re.compile(r"sub_[a-z2-7]{26}|from-[a-z0-9][a-z0-9._-]{0,99}")
_PROVIDER = re.compile(r"[a-z0-9][a-z0-9._-]{0,99}")
_STOP = re.compile(r"stp_[a-z2-7]{26}")


@dataclass(frozen=True)
class Rates:
    """Of everybody together, and in the name of one address: those who ask have no account to count them by."""

    in_all: Allowance = field(default_factory=lambda: Allowance("600/minute"))
    of_target: Allowance = field(default_factory=lambda: Allowance("10/hour"))

    def count(self, target: str) -> None:
        """Raises Refused 429."""
        now = time.monotonic()
        for rate, who in ((self.in_all, ""), (self.of_target, target)):
            if wait := rate.take(who, now):
                raise too_many("Too many subscriptions are asked for just now.", wait)


def forms() -> list[type[Form]]:
    """Every form of these addresses, for the contract."""
    return [SubscribeForm, TokenForm, UpdatesForm]


def install(app: FastAPI, intake: Intake, door: Door, write: Callable[..., None], rates: Rates | None = None) -> None:
    """Put the routes on the application."""
    allowed = rates or Rates()

    async def subscribe(request: Request) -> Response:
        body = await read_object(request)
        form = fill(SubscribeForm, body)
        allowed.count(form.target)
        return await _done(request, door, 202, subscriptions.subscribe(intake, form, door.clock.now(), trace_of(request)), form.target)

    async def confirm(request: Request) -> Response:
        key = named(request, "key", _SUBSCRIPTION)
        doing = subscriptions.confirm(intake, key, await _token(request), door.clock.now(), trace_of(request))
        return await _done(request, door, 200, doing, key)

    async def leave(request: Request) -> Response:
        key = named(request, "key", _LEAVABLE)
        doing = subscriptions.leave(intake, key, await _token(request), door.clock.now(), trace_of(request))
        return await _done(request, door, 200, doing, key)

    async def lift(request: Request) -> Response:
        key = named(request, "key", _STOP)
        _, asked = await door.asked(request, "admin")
        return await done("subscriptions", asked, subscriptions.lift(intake, key, asked.actor, asked.at, trace_of(request)))

    write(app, "POST", "/v1/subscriptions", subscribe, SubscribeForm, name="subscribe")
    write(app, "POST", "/v1/subscriptions/{key}/confirm", confirm, TokenForm, name="subscription-confirm", status=200)
    write(app, "POST", "/v1/subscriptions/{key}/unsubscribe", leave, TokenForm, name="unsubscribe", status=200)
    write(app, "DELETE", "/v1/subscriptions/{key}", leave, TokenForm, name="end-subscription", status=200)
    app.add_api_route("/v1/subscriptions/{key}/lift", lift, methods=["POST"], name="lift-stop")
    _of_ones_own(app, intake, door, write)


def _of_ones_own(app: FastAPI, intake: Intake, door: Door, write: Callable[..., None]) -> None:
    async def want_updates(request: Request) -> Response:
        body, asked = await door.asked(request)
        doing = own_news.want_updates(intake, fill(UpdatesForm, body), asked.actor, asked.at, trace_of(request))
        return await done("status-updates", asked, doing)

    def asking(does: Callable[..., Awaitable[Answer]], *, of_provider: bool) -> Callable[[Request], Awaitable[Response]]:
        async def ask(request: Request) -> Response:
            about = (named(request, "provider", _PROVIDER),) if of_provider else ()
            _, asked = await door.asked(request)
            return await done("own-news", asked, does(intake, *about, asked.actor, asked.at, trace_of(request)))

        return ask

    write(app, "PUT", "/v1/account/status-updates", want_updates, UpdatesForm, name="want-status-updates", status=200)
    for path, method, does, name in (
        ("/v1/account/status-updates", "DELETE", own_news.end_updates, "end-status-updates"),
        ("/v1/account/opt-outs/{provider}", "PUT", own_news.opt_out, "opt-out"),
        ("/v1/account/opt-outs/{provider}", "DELETE", own_news.opt_in, "opt-in"),
        ("/v1/account/mail-stop", "DELETE", own_news.resume_mail, "resume-mail"),
    ):
        app.add_api_route(path, asking(does, of_provider="{provider}" in path), methods=[method], name=name)


async def _token(request: Request) -> str:
    """From the address, where a mail client's one click has it (its body says nothing more, RFC 8058), or from the body."""
    found = request.query_params.get("token")
    return found if found is not None else fill(TokenForm, await read_object(request)).token or ""


async def _done(request: Request, door: Door, status: int, doing: Awaitable[Answer], who: str) -> Response:
    key = request.headers.get("idempotency-key") or secrets.token_urlsafe(18)
    return await done("subscriptions", Asked(asker(who), door.clock.now(), key, "", True), doing, status)
