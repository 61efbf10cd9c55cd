"""The addresses of accounts: API tokens, the password, and the directory in bulk."""

from __future__ import annotations

import re
from collections.abc import Callable
from heapq import nsmallest
from urllib.parse import quote

from fastapi import FastAPI, Request
from starlette.responses import Response

from services.intake import shell
from services.intake.accounts import provider_roles
from services.intake.accounts import shell as own
from services.intake.accounts.provider_roles import ProviderRolesForm
from services.intake.accounts.shell import Accounts
from services.intake.accounts.tokens import PasswordForm, PreferencesForm, TokenForm
from services.intake.directory.load import KINDS, DirectoryForm, hide_secrets
from services.intake.forms import fill
from services.intake.http.door import RequestGate
from services.intake.http.preconditions import etag_of_document
from services.intake.http.responses import (
    read_path_id,
    respond,
    respond_accepted,
    respond_json,
    trace_of,
    with_etag,
)
from services.intake.shell import Answer, Intake
from services.intake.tickets.imports import ImportForm
from services.intake.world.directory import id_of
from shared.errors import Refused
from shared.process.workers import size_of

_TOKEN = re.compile(r"[0-9a-f]{64}")
# Documents of one answer.
_MOST = 200

Write = Callable[..., None]
"""`services.intake.app`'s way to say a route whose body is a form."""


def install(
    app: FastAPI, intake: Intake, accounts: Accounts, door: RequestGate, write: Write
) -> None:
    """Put the routes on the application."""
    _tokens(app, intake, accounts, door, write)
    _directory(app, intake, door, write)


def _tokens(
    app: FastAPI, intake: Intake, accounts: Accounts, door: RequestGate, write: Write
) -> None:
    async def create_token(request: Request) -> Response:
        caller, _ = door.caller(request, "write")
        body, asked = await door.body_of(request, caller.actor)
        making = own.create_token(
            intake,
            accounts,
            await door.fill(TokenForm, body, asked.actor.email),
            caller,
            asked,
            trace_of(request),
        )
        answer = await respond("token", asked, making, 201)
        # The token is in this answer and nowhere else: no cache may keep it.
        answer.headers["Cache-Control"] = "no-store"
        return answer

    async def list_tokens(request: Request) -> Response:
        caller, _ = door.caller(request, "read")
        return respond_json(
            200, await own.list_tokens(intake, accounts, request.query_params.get("email"), caller)
        )

    async def revoke_token(request: Request) -> Response:
        token = read_path_id(request, "token_id", _TOKEN)
        caller, now = door.caller(request, "write")
        asked = door.under_key(request, {}, caller.actor, now)
        return await respond(
            "token", asked, own.revoke_token(intake, token, caller, asked, trace_of(request))
        )

    async def change_password(request: Request) -> Response:
        caller, _ = door.caller(request, "write")
        body, asked = await door.body_of(request, caller.actor)
        changing = own.change_password(
            intake,
            accounts,
            await door.fill(PasswordForm, body, asked.actor.email),
            caller,
            asked,
            trace_of(request),
        )
        return await respond("password", asked, changing)

    async def set_preferences(request: Request) -> Response:
        body, asked = await door.asked(request)
        form = await door.fill(PreferencesForm, body, asked.actor.email)
        setting = own.set_preferences(intake, form, asked, trace_of(request))
        return await respond("preferences", asked, setting)

    async def set_provider_roles(request: Request) -> Response:
        body, asked = await door.asked(request)
        form = await door.fill(ProviderRolesForm, body, asked.actor.email)
        setting = provider_roles.set_provider_roles(intake, form, asked, trace_of(request))
        return await respond("provider-roles", asked, setting)

    async def end_calendar_links(request: Request) -> Response:
        actor, now = door.who(request, "write")
        asked = door.under_key(request, {}, actor, now)
        ending = own.end_calendar_links(intake, asked, trace_of(request))
        return await respond("calendar-links", asked, ending)

    app.add_api_route(
        "/v1/account/calendar-links",
        end_calendar_links,
        methods=["DELETE"],
        name="end-calendar-links",
    )
    write(
        app,
        "PUT",
        "/v1/account/preferences",
        set_preferences,
        PreferencesForm,
        name="set-preferences",
        status=200,
    )
    write(
        app,
        "PUT",
        "/v1/account/provider-roles",
        set_provider_roles,
        ProviderRolesForm,
        name="set-provider-roles",
        status=200,
    )
    write(app, "POST", "/v1/tokens", create_token, TokenForm, name="create-token", status=201)
    app.add_api_route("/v1/tokens", list_tokens, methods=["GET"], name="list-tokens")
    app.add_api_route(
        "/v1/tokens/{token_id}", revoke_token, methods=["DELETE"], name="revoke-token"
    )
    write(
        app,
        "POST",
        "/v1/account/password",
        change_password,
        PasswordForm,
        name="change-password",
        status=200,
    )


def _directory(app: FastAPI, intake: Intake, door: RequestGate, write: Write) -> None:
    async def load(request: Request) -> Response:
        body, asked = await door.asked(request, "admin")
        is_dry = request.query_params.get("dry_run", "").lower() in ("1", "true", "yes")
        return await respond(
            "directory",
            asked,
            own.load_documents(
                intake,
                await door.fill(DirectoryForm, body, asked.actor.email),
                asked,
                trace_of(request),
                is_dry=is_dry,
            ),
        )

    async def list_documents(request: Request) -> Response:
        actor, _ = door.who(request, "admin")
        shell.admins_only(actor)
        kind, limit = _kind(request), _limit(request)
        after = request.query_params.get("cursor", "")
        # One more than asked for, which tells whether there is a next page.
        found = nsmallest(
            limit + 1, (doc_id for doc_id in intake.reference.ids(kind) if doc_id > after)
        )
        following = found[limit - 1] if len(found) > limit else None
        items: list[Answer] = []
        for doc_id in found[:limit]:
            document = intake.reference.get(kind, doc_id)
            if document is not None:
                items.append({"id": doc_id, "document": hide_secrets(document)})
        answer = respond_json(200, {"kind": kind, "items": items, "next": following})
        if following is not None:
            answer.headers["Link"] = (
                f"</v1/directory/{kind}?limit={limit}&cursor={quote(following, safe='')}>; "
                'rel="next"'
            )
        return answer

    async def get_document(request: Request) -> Response:
        actor, _ = door.who(request, "admin")
        shell.admins_only(actor)
        kind = _kind(request)
        doc_id = id_of(kind, request.path_params["doc_id"])
        document = intake.reference.get(kind, doc_id)
        if document is None:
            raise Refused("not-found", f"There is no {doc_id!r} among the {kind}.", status=404)
        found = respond_json(200, {"kind": kind, "id": doc_id, "document": hide_secrets(document)})
        return with_etag(found, etag_of_document(document))

    async def import_ticket(request: Request) -> Response:
        body, asked = await door.asked(request, "admin")
        # Large bodies in a thread of their own: an import must not hold up tickets.
        form = await intake.slow.run(lambda: fill(ImportForm, body), size=size_of(body))
        return await respond_accepted(
            "import", asked, own.import_ticket(intake, form, asked, trace_of(request))
        )

    write(app, "POST", "/v1/import/tickets", import_ticket, ImportForm, name="import-ticket")
    write(app, "POST", "/v1/directory", load, DirectoryForm, name="load-directory", status=200)
    app.add_api_route(
        "/v1/directory/{kind}", list_documents, methods=["GET"], name="list-documents"
    )
    app.add_api_route(
        "/v1/directory/{kind}/{doc_id:path}", get_document, methods=["GET"], name="get-document"
    )


def _kind(request: Request) -> str:
    kind: str = request.path_params["kind"]
    if kind not in KINDS:
        raise Refused("no-such-kind", f"the directory keeps {', '.join(KINDS)}", status=404)
    return kind


def _limit(request: Request) -> int:
    given = request.query_params.get("limit", str(_MOST))
    if not re.fullmatch(r"[0-9]{1,4}", given) or not 1 <= int(given) <= _MOST:
        raise Refused("invalid", f"limit is a number from 1 to {_MOST}.")
    return int(given)
