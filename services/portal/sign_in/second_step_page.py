"""The second step: its code at the login, switching it on (at the login too, where it is required)
and off, and the recovery codes, which are shown once.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import segno
from fastapi import APIRouter, Query, Request
from markupsafe import Markup
from starlette.responses import Response

from services.portal.sign_in.entering import admit, let_in, token_of
from services.portal.tickets.forms import problems_by_field
from services.portal.web.form_body import fields_of
from services.portal.web.parts import Portal
from services.portal.web.render import PageRenderer, local, see_other
from services.portal.web.visitors import Drawn, Parts, Who, WhoForSure
from shared.errors import Refused, Unavailable
from shared.events import Actor, Via
from shared.people.identity import actor_of
from shared.people.second_step import ISSUER, uri_of
from shared.policy import BrandPolicy

PATH, API = "/account/second-step", "/v1/account/second-step"
_FIELDS = frozenset({"code", "current_password"})
# Seconds until this process must have read what intake has just recorded.
_APPLIED_S = 3.0
_TOOK_LONG = "That took too long. Here is a new picture and key: the ones before no longer count."
_WRONG = "This code is not right, or was used already. Wait for the next one and try again."

router = APIRouter(include_in_schema=False)
Back = Annotated[str, Query(alias="next")]


@router.get("/login/code")
async def code_page(request: Request, portal: Parts, screens: Drawn, back: Back = "/") -> Response:
    # Nothing is under way: the login begins anew.
    if portal.second_steps.under_way(token_of(request, portal)[0]) is None:
        return see_other("/login")
    return _ask(request, screens, local(back), {}, 200)


@router.post("/login/code")
async def give_code(request: Request, portal: Parts, screens: Drawn) -> Response:
    """In, by a code of the app or by one of the recovery codes."""
    token, by_password = token_of(request, portal)
    email = portal.second_steps.under_way(token)
    if email is None:
        return see_other("/login?done=too-long")
    fields = await fields_of(request, portal.settings.max_body)
    back, code = local(fields.get("next")), fields.get("code", "").strip()
    try:
        # Counted before it is looked at, so that guessing costs a try in any case.
        portal.sessions.count_code(request, email)
    except Refused as refusal:
        said = "Too many codes. Wait an hour, or log in with a browser you have used before."
        return _ask(request, screens, back, {"code": said}, refusal.status)
    # Codes of the app have six digits, recovery codes are longer.
    is_short = len("".join(code.split())) <= 6
    if is_short and not await portal.second_steps.is_good(email, code):
        return _ask(request, screens, back, {"code": _WRONG}, 401)
    if not is_short and (error := await _use_recovery_code(portal, email, code)):
        return _ask(request, screens, back, {"code": error}, 401)
    return await admit(request, portal, email, back, by_password=by_password, second=True)


@router.get("/login/second-step")
async def enrol_page(request: Request, portal: Parts, screens: Drawn, back: Back = "/") -> Response:
    """Where an account may not go on with a password alone: it is switched on now."""
    email = _must_enrol(request, portal)
    if email is None:
        return see_other("/login")
    return await _begin(request, portal, screens, _make_actor(portal, email), local(back))


@router.post("/login/second-step")
async def enrol(request: Request, portal: Parts, screens: Drawn) -> Response:
    email = _must_enrol(request, portal)
    if email is None:
        return see_other("/login?done=too-long")
    fields = await fields_of(request, portal.settings.max_body)
    actor, back = _make_actor(portal, email), local(fields.get("next"))
    given = {"signing_in": token_of(request, portal)[0]}
    found = await _switch_on(request, portal, screens, actor, fields, given, back)
    if isinstance(found, Response):
        return found
    # Drawn first: the codes are shown only here, and the session comes with the same answer.
    response = _codes(request, screens, actor, found, back, is_new=True)
    await let_in(request, portal, email, response, by_password=True, second=True)
    return response


@router.get(PATH)
async def begin_page(request: Request, actor: Who, portal: Parts, screens: Drawn) -> Response:
    if portal.second_steps.is_on(actor.email):
        return see_other("/account#second-step")
    return await _begin(request, portal, screens, actor, None)


@router.post(PATH)
async def switch_on(request: Request, actor: WhoForSure, portal: Parts, screens: Drawn) -> Response:
    fields = await fields_of(request, portal.settings.max_body)
    given = {"current_password": fields.get("current_password", "")}
    found = await _switch_on(request, portal, screens, actor, fields, given, None)
    if isinstance(found, Response):
        return found
    # This session counts as one with a second step from now on.
    await portal.sessions.record_second_step(request)
    return _codes(request, screens, actor, found, "/account", is_new=True)


@router.get(PATH + "/codes")
@router.get(PATH + "/off")
async def confirm_page(request: Request, actor: Who, portal: Parts, screens: Drawn) -> Response:
    """Both ask for the password first."""
    is_off = request.url.path.endswith("/off")
    if not portal.second_steps.is_on(actor.email):
        return see_other("/account")
    return _confirm(request, portal, screens, actor, is_off, {}, 200)


@router.post(PATH + "/codes")
async def new_codes(request: Request, actor: WhoForSure, portal: Parts, screens: Drawn) -> Response:
    fields = await fields_of(request, portal.settings.max_body)
    given = {"current_password": fields.get("current_password", "")}
    answer = await portal.intake.forward(actor, "POST", f"{API}/codes", given)
    if not answer.is_accepted:
        errors = problems_by_field(answer.json, _FIELDS)
        return _confirm(request, portal, screens, actor, False, errors, _status(answer.status))
    return _codes(request, screens, actor, answer.json["recovery_codes"], "/account", is_new=False)


@router.post(PATH + "/off")
async def switch_off(
    request: Request, actor: WhoForSure, portal: Parts, screens: Drawn
) -> Response:
    fields = await fields_of(request, portal.settings.max_body)
    given = {"current_password": fields.get("current_password", "")}
    answer = await portal.intake.forward(actor, "DELETE", API, given)
    if not answer.is_accepted:
        errors = problems_by_field(answer.json, _FIELDS)
        return _confirm(request, portal, screens, actor, True, errors, _status(answer.status))
    await portal.directory.wait_until(
        lambda: not portal.second_steps.is_on(actor.email), _APPLIED_S
    )
    return see_other("/account?done=second-step-off")


def qr_code(uri: str) -> Markup:
    """An SVG to stand in the page: black on white whatever the theme, because apps need that."""
    # Level M still reads with a seventh of it covered.
    code = segno.make(uri, error="m")
    drawn = code.svg_inline(border=3, dark="#000", light="#fff", omitsize=True, svgclass="qr")
    return Markup(drawn)  # noqa: S704 (of our own making: squares)


def split_in_fours(secret: str) -> str:
    """As people type it off."""
    return " ".join(secret[at : at + 4] for at in range(0, len(secret), 4))


async def _begin(
    request: Request,
    portal: Portal,
    screens: PageRenderer,
    actor: Actor,
    back: str | None,
    said: str = "",
) -> Response:
    answer = await portal.intake.forward(actor, "POST", API)
    # Without an enrolment there is nothing to show.
    if not answer.is_accepted:
        raise Unavailable("intake", f"a second step was answered {answer.status}")
    return _enrolment(
        request,
        portal,
        screens,
        actor,
        answer.json["enrolment"],
        back,
        {"form": said} if said else {},
        200,
    )


async def _switch_on(
    request: Request,
    portal: Portal,
    screens: PageRenderer,
    actor: Actor,
    fields: Mapping[str, str],
    given: Mapping[str, str],
    back: str | None,
) -> list[str] | Response:
    """The recovery codes; or the page again, with what is wrong."""
    enrolment = fields.get("enrolment", "")
    document = {"enrolment": enrolment, "code": fields.get("code", "") or " ", **given}
    answer = await portal.intake.forward(actor, "PUT", API, document)
    if answer.is_accepted:
        # Until it is read here: the next page would offer to switch it on again.
        await portal.directory.wait_until(
            lambda: portal.second_steps.is_on(actor.email), _APPLIED_S
        )
        return list(answer.json["recovery_codes"])
    errors = problems_by_field(answer.json, _FIELDS)
    # The enrolment itself is over: nothing that is typed could be right any more.
    if portal.second_steps.secret_of(actor.email, enrolment) is None:
        return await _begin(request, portal, screens, actor, back, _TOOK_LONG)
    return _enrolment(
        request, portal, screens, actor, enrolment, back, errors, _status(answer.status)
    )


async def _use_recovery_code(portal: Portal, email: str, code: str) -> str:
    """Empty: it was good, and counts no more. Else what to say."""
    try:
        # Cut, since it comes from a form.
        answer = await portal.intake.forward(
            _make_actor(portal, email), "POST", f"{API}/recovery", {"code": code[:50]}
        )
    except Unavailable:
        answer = None
    # Not known whether it was good, so nobody is let in by it.
    if answer is None or answer.status >= 500:
        return "Recovery codes cannot be checked just now. Try again in a moment."
    return "" if answer.is_accepted else "This recovery code is not right, or was used already."


def _must_enrol(request: Request, portal: Portal) -> str | None:
    """Whose login waits for a second step to be switched on; None: nobody's. Whoever has one
    already gives its code, and nothing else.
    """
    # From the token alone: there is no session yet.
    token, by_password = token_of(request, portal)
    email = portal.second_steps.under_way(token)
    if email is None or portal.second_steps.need(email, by_password=by_password) != "enrolment":
        return None
    return email


def _make_actor(portal: Portal, email: str) -> Actor:
    """Who has given the password, for what is asked of intake before they are in."""
    account = portal.directory.get("accounts", email)
    return actor_of(account if account is not None else {"email": email}, Via.WEB)


def _ask(
    request: Request, screens: PageRenderer, back: str, errors: Mapping[str, str], status: int
) -> Response:
    return screens.page(
        request,
        "login_code.html",
        status=status,
        next=back,
        called=issuer_name(screens),
        errors=errors,
    )


def issuer_name(screens: PageRenderer) -> str:
    """What the app calls us: the desk's name, where it has one of its own."""
    return screens.brand.desk if screens.brand.desk != BrandPolicy().desk else ISSUER


def _enrolment(
    request: Request,
    portal: Portal,
    screens: PageRenderer,
    actor: Actor,
    enrolment: str,
    back: str | None,
    errors: Mapping[str, str],
    status: int,
) -> Response:
    secret = portal.second_steps.secret_of(actor.email, enrolment)
    if secret is None:
        raise Unavailable("intake", "an enrolment of now does not open here")
    # At the login there is nobody to show a navigation for.
    at_login = back is not None
    return screens.page(
        request,
        "second_step.html",
        actor=None if at_login else actor,
        place="account",
        status=status,
        action="/login/second-step" if at_login else PATH,
        at_login=at_login,
        next=back or "/account",
        enrolment=enrolment,
        secret=split_in_fours(secret),
        qr=qr_code(uri_of(secret, actor.email, issuer_name(screens))),
        called=issuer_name(screens),
        # At the login the password was given a moment ago.
        asks_password=not at_login and _has_password(portal, actor),
        errors=errors,
    )


def _codes(
    request: Request,
    screens: PageRenderer,
    actor: Actor,
    codes: list[str],
    back: str,
    *,
    is_new: bool,
) -> Response:
    context: dict[str, Any] = {"codes": codes, "next": back, "is_new": is_new}
    return screens.page(request, "recovery_codes.html", actor=actor, place="account", **context)


def _confirm(
    request: Request,
    portal: Portal,
    screens: PageRenderer,
    actor: Actor,
    is_off: bool,
    errors: Mapping[str, str],
    status: int,
) -> Response:
    return screens.page(
        request,
        "second_step_confirm.html",
        actor=actor,
        place="account",
        status=status,
        action=f"{PATH}/off" if is_off else f"{PATH}/codes",
        is_off=is_off,
        is_required=portal.second_steps.is_required(actor.email),
        asks_password=_has_password(portal, actor),
        errors=errors,
    )


def _has_password(portal: Portal, actor: Actor) -> bool:
    return portal.directory.get("credentials", actor.email) is not None


def _status(status: int) -> int:
    """A problem with what somebody typed is the page's 422; others keep their number."""
    return 422 if status in (403, 404, 409) else status
