"""The addresses of subscriptions. No account is needed: a link's token is what counts, and the
rates are the addresses'.

Under `/v1/account` whoever is signed in says the same for their own address, without a mail.
"""

from __future__ import annotations

import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from fastapi import FastAPI, Request
from starlette.responses import Response

from services.intake.domain import RequestContext
from services.intake.forms import Form
from services.intake.http.door import Allowance, RequestGate, read_object, too_many
from services.intake.http.responses import read_path_id, respond, trace_of
from services.intake.shell import Answer, Intake
from services.intake.subscriptions import endpoints
from services.intake.subscriptions import own_account as own_news
from services.intake.subscriptions import shell as subscriptions
from services.intake.subscriptions.own_account import UpdatesForm
from services.intake.subscriptions.shell import SubscribeForm, SubscriptionTokenForm
from shared.http.client_address import HEADER, client_of
from shared.people.subscriptions import asker

# The ids as the documents' makers derive them; `from-…` is the provider whose announcements end.
_SUBSCRIPTION = re.compile(r"sub_[a-z2-7]{26}")
_LEAVABLE = re.compile(r"sub_[a-z2-7]{26}|from-[a-z0-9][a-z0-9._-]{0,99}")
_PROVIDER = re.compile(r"[a-z0-9][a-z0-9._-]{0,99}")
_ENDPOINT = re.compile(r"end_[a-z2-7]{26}")
_STOP = re.compile(r"stp_[a-z2-7]{26}")


@dataclass(frozen=True)
class Rates:
    """Of one client's address, in the name of one address or webhook, and of everybody together:
    those who ask have no account to count them by.
    """

    of_client: Allowance = field(default_factory=lambda: Allowance("30/hour"))
    of_pair: Allowance = field(default_factory=lambda: Allowance("5/hour"))
    of_target: Allowance = field(default_factory=lambda: Allowance("30/hour"))
    in_all: Allowance = field(default_factory=lambda: Allowance("600/minute"))
    too_many: str = "Too many subscriptions are asked for just now."

    @classmethod
    def for_one_copy(cls, of_client: str, copies: int) -> Rates:
        """The share of one of `copies` processes."""
        return cls(
            Allowance(of_client, copies),
            Allowance("5/hour", copies),
            Allowance("30/hour", copies),
            Allowance("600/minute", copies),
        )

    def count(self, client: str, target: str) -> None:
        """One more of `client` for `target`. Who is refused uses up nothing of what others share.
        Raises Refused 429.
        """
        now = time.monotonic()
        for rate, who in (
            (self.of_client, client),
            (self.of_pair, f"{client} {target}"),
            (self.of_target, target),
            (self.in_all, ""),
        ):
            if wait := rate.take(who, now):
                raise too_many(self.too_many, wait)


def forms() -> list[type[Form]]:
    """Every form of these addresses, for the contract."""
    return [SubscribeForm, SubscriptionTokenForm, UpdatesForm]


def install(
    app: FastAPI,
    intake: Intake,
    door: RequestGate,
    write: Callable[..., None],
    rates: Rates | None = None,
) -> None:
    """Put the routes on the application."""
    allowed = rates or Rates()

    async def subscribe(request: Request) -> Response:
        body = await read_object(request)
        form = await door.fill(SubscribeForm, body)
        # Behind the portal the client is named by a signed header; else it is who connects.
        host = request.client.host if request.client else ""
        client = client_of(request.headers.get(HEADER), door.secret, host)
        allowed.count(client, form.target.lower())
        asked = _make_context(request, door, body, form.target)
        doing = subscriptions.subscribe(intake, form, asked.at, trace_of(request))
        return await respond("subscriptions", asked, doing, 202)

    async def confirm(request: Request) -> Response:
        key, token = read_path_id(request, "key", _SUBSCRIPTION), await _token(request, door)
        asked = _make_context(request, door, {"token": token}, key)
        doing = subscriptions.confirm(intake, key, token, asked.at, trace_of(request))
        return await respond("subscriptions", asked, doing)

    async def leave(request: Request) -> Response:
        key, token = read_path_id(request, "key", _LEAVABLE), await _token(request, door)
        asked = _make_context(request, door, {"token": token}, key)
        doing = subscriptions.leave(intake, key, token, asked.at, trace_of(request))
        return await respond("subscriptions", asked, doing)

    async def resume(request: Request) -> Response:
        key, token = read_path_id(request, "key", _SUBSCRIPTION), await _token(request, door)
        asked = _make_context(request, door, {"token": token}, key)
        doing = subscriptions.resume(intake, key, token, asked.at, trace_of(request))
        return await respond("subscriptions", asked, doing)

    async def enable(request: Request) -> Response:
        key = read_path_id(request, "key", _ENDPOINT)
        _, asked = await door.asked(request)
        doing = endpoints.enable(intake, key, asked.actor, asked.at, trace_of(request))
        return await respond("endpoints", asked, doing)

    async def lift(request: Request) -> Response:
        key = read_path_id(request, "key", _STOP)
        _, asked = await door.asked(request, "admin")
        return await respond(
            "subscriptions",
            asked,
            subscriptions.lift(intake, key, asked.actor, asked.at, trace_of(request)),
        )

    write(app, "POST", "/v1/subscriptions", subscribe, SubscribeForm, name="subscribe")
    write(
        app,
        "POST",
        "/v1/subscriptions/{key}/confirm",
        confirm,
        SubscriptionTokenForm,
        name="subscription-confirm",
        status=200,
    )
    write(
        app,
        "POST",
        "/v1/subscriptions/{key}/unsubscribe",
        leave,
        SubscriptionTokenForm,
        name="unsubscribe",
        status=200,
    )
    write(
        app,
        "DELETE",
        "/v1/subscriptions/{key}",
        leave,
        SubscriptionTokenForm,
        name="end-subscription",
        status=200,
    )
    write(
        app,
        "POST",
        "/v1/subscriptions/{key}/resume",
        resume,
        SubscriptionTokenForm,
        name="resume-subscription",
        status=200,
    )
    app.add_api_route("/v1/endpoints/{key}/enable", enable, methods=["POST"], name="enable-webhook")
    app.add_api_route("/v1/subscriptions/{key}/lift", lift, methods=["POST"], name="lift-stop")
    _of_ones_own(app, intake, door, write)


def _of_ones_own(
    app: FastAPI, intake: Intake, door: RequestGate, write: Callable[..., None]
) -> None:
    async def want_updates(request: Request) -> Response:
        body, asked = await door.asked(request)
        doing = own_news.want_updates(
            intake,
            await door.fill(UpdatesForm, body, asked.actor.email),
            asked.actor,
            asked.at,
            trace_of(request),
        )
        return await respond("status-updates", asked, doing)

    def make_endpoint(
        does: Callable[..., Awaitable[Answer]], *, of_provider: bool
    ) -> Callable[[Request], Awaitable[Response]]:
        async def ask(request: Request) -> Response:
            about = (read_path_id(request, "provider", _PROVIDER),) if of_provider else ()
            _, asked = await door.asked(request)
            return await respond(
                "own-news", asked, does(intake, *about, asked.actor, asked.at, trace_of(request))
            )

        return ask

    write(
        app,
        "PUT",
        "/v1/account/status-updates",
        want_updates,
        UpdatesForm,
        name="want-status-updates",
        status=200,
    )
    # Calls that differ only in what they do and whether they name a provider.
    for path, method, does, name in (
        ("/v1/account/status-updates", "DELETE", own_news.end_updates, "end-status-updates"),
        ("/v1/account/opt-outs/{provider}", "PUT", own_news.opt_out, "opt-out"),
        ("/v1/account/opt-outs/{provider}", "DELETE", own_news.opt_in, "opt-in"),
        ("/v1/account/mail-stop", "DELETE", own_news.resume_mail, "resume-mail"),
    ):
        app.add_api_route(
            path, make_endpoint(does, of_provider="{provider}" in path), methods=[method], name=name
        )


async def _token(request: Request, door: RequestGate) -> str:
    """From the address, where a mail client's one click has it (its body says nothing more, RFC
    8058), or from the body.
    """
    # The token in the address comes first: one-click leaving sends a body of its own.
    found = request.query_params.get("token")
    if found is not None:
        return found
    form = await door.fill(SubscriptionTokenForm, await read_object(request))
    return form.token or ""


def _make_context(
    request: Request, door: RequestGate, body: dict[str, Any], who: str
) -> RequestContext:
    """Nobody we know asks, in the name of an address, a webhook or a subscription."""
    return door.under_key(request, body, asker(who), door.clock.now())
