"""One person, app or provider: a form, and what goes with its end.

Everything is written by intake under the entity tag that the form was made of, so a change that
somebody else made meanwhile is shown and never undone.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Request
from starlette.responses import Response

from services.portal.admin.forms import (
    FORMS,
    ROLE_WORDS,
    KindForm,
    document_of,
    find_dependents,
    problems_of,
    values_of,
)
from services.portal.admin.page import draw
from services.portal.admin.pages import documents
from services.portal.web.form_body import fields_of
from services.portal.web.parts import Portal
from services.portal.web.render import PageRenderer, see_other
from services.portal.web.visitors import Admin, Drawn, Parts, not_found
from shared.errors import Unavailable
from shared.events import Actor
from shared.people.folding import fold_address
from shared.people.identity import is_active
from shared.policy import ON_CALL, OnCallPolicy

DONE = {
    "saved": "Saved.",
    "made": "Made.",
    "removed": "Removed.",
    "deactivated": "Deactivated: nobody can sign in as it, and its tokens open nothing.",
    "activated": "Active again.",
}
_BY_ADDRESS = frozenset({"accounts"})
# Seconds to wait for this process to read what intake has just recorded.
_READ_BACK_S = 2.0

router = APIRouter(include_in_schema=False)


@router.get("/admin/new/{kind}")
async def new(kind: str, request: Request, actor: Admin, portal: Parts, screens: Drawn) -> Response:
    form = form_for(kind)
    # Most new people are customers.
    values = {"roles.requester": "yes"} if kind == "accounts" else {}
    return _draw_page(request, actor, portal, screens, form, "", values=values)


@router.post("/admin/new/{kind}")
async def make(
    kind: str, request: Request, actor: Admin, portal: Parts, screens: Drawn
) -> Response:
    form = form_for(kind)
    fields = await fields_of(request, portal.settings.max_body)
    given = fields.get("id", "").strip()
    doc_id = fold_address(given) if kind in _BY_ADDRESS else given
    if not doc_id:
        errors = {form.named_by: "Please fill this in."}
    elif portal.directory.get(kind, doc_id) is not None:
        # Said here: saving would change a document that nobody meant.
        errors = {form.named_by: f"There is a {form.one} with it already."}
    else:
        return await _save(request, actor, portal, screens, form, doc_id, fields, None)
    return _draw_page(
        request, actor, portal, screens, form, "", values=fields, errors=errors, status=422
    )


@router.get("/admin/directory/{kind}/{doc_id:path}")
async def one(
    kind: str,
    doc_id: str,
    request: Request,
    actor: Admin,
    portal: Parts,
    screens: Drawn,
    done: str = "",
) -> Response:
    form = form_for(kind)
    document, etag = await _load_document(actor, portal, kind, doc_id)
    return _draw_page(
        request,
        actor,
        portal,
        screens,
        form,
        doc_id,
        values=values_of(form, document),
        document=document,
        etag=etag,
        done=DONE.get(done, ""),
        ending=await _find_dependents(portal, kind, doc_id),
    )


@router.post("/admin/directory/{kind}/{doc_id:path}")
async def change(
    kind: str, doc_id: str, request: Request, actor: Admin, portal: Parts, screens: Drawn
) -> Response:
    form = form_for(kind)
    fields = await fields_of(request, portal.settings.max_body)
    # As this process knows it, to see below when it has read the change.
    known = portal.directory.get(kind, doc_id)
    document, etag = await _load_document(actor, portal, kind, doc_id)
    does = fields.get("does", "save")
    if does == "save":
        return await _save(
            request, actor, portal, screens, form, doc_id, fields, document, etag=etag
        )
    path = _path(kind, doc_id)
    # Removing cannot be undone from a page, so the id is typed.
    if does == "remove" and fields.get("confirm", "").strip() != doc_id:
        problem = {"confirm": f"Type {doc_id} to remove it."}
        return _draw_page(
            request,
            actor,
            portal,
            screens,
            form,
            doc_id,
            values=values_of(form, document),
            document=document,
            etag=etag,
            errors=problem,
            status=422,
            ending=await _find_dependents(portal, kind, doc_id),
        )
    if does == "remove":
        # Under the tag that was shown: what somebody else changed meanwhile is not lost.
        answer = await portal.intake.forward(actor, "DELETE", path, if_match=etag)
        back, said = f"/admin/directory/{kind}", "removed"
    elif does in ("deactivate", "activate") and kind == "accounts":
        # Who is deactivated keeps the document, and all that points to it.
        changed = {name: held for name, held in document.items() if name != "deactivated_at"}
        if does == "deactivate":
            changed["deactivated_at"] = portal.clock.now().isoformat()
        answer = await portal.intake.forward(actor, "PUT", path, changed, if_match=etag)
        back, said = page_of(kind, doc_id), f"{does}d"
    else:
        raise not_found()
    if not answer.is_accepted:
        return _draw_page(
            request,
            actor,
            portal,
            screens,
            form,
            doc_id,
            values=values_of(form, document),
            document=document,
            etag=etag,
            errors=problems_of(answer.json, form),
            status=answer.status,
            ending=await _find_dependents(portal, kind, doc_id),
        )
    await _read_back(portal, kind, doc_id, known)
    return see_other(f"{back}?done={said}")


async def _save(
    request: Request,
    actor: Actor,
    portal: Portal,
    screens: PageRenderer,
    form: KindForm,
    doc_id: str,
    fields: Mapping[str, str],
    standing: Mapping[str, Any] | None,
    *,
    etag: str = "",
) -> Response:
    """Tried dry first: what it names and is not there is said before it is kept."""
    document = document_of(form, doc_id, fields, standing)
    entry = {"kind": form.kind, "id": doc_id, "document": document}
    # A dry run tells of mistakes and warnings, and of what would change.
    dry = await portal.intake.forward(
        actor, "POST", "/v1/directory?dry_run=true", {"documents": [entry]}
    )
    errors = {} if dry.is_accepted else problems_of(dry.json, form)
    warnings = [] if errors else [found["detail"] for found in dry.json["items"][0]["warnings"]]
    status, meanwhile = dry.status, []
    # The tag that the form was made of, and not the one read just now.
    made_of = fields.get("etag", "")
    if not errors and standing is not None and made_of != etag:
        changed = (item for item in dry.json["items"][0]["fields"])
        meanwhile = [f"{item['field']}: {item['before'] or 'nothing'}" for item in changed]
        errors = {
            "form": "Somebody else changed this since you opened it. Nothing was saved. "
            "What stands there now is below; save again to replace it with yours."
        }
        status = 409
    # Warnings are shown once; whoever sends it again has read them.
    if not errors and (not warnings or "anyway" in fields):
        known = portal.directory.get(form.kind, doc_id)
        answer = await portal.intake.forward(
            actor, "PUT", _path(form.kind, doc_id), document, if_match=etag
        )
        if answer.is_accepted:
            # Nothing was written, so there is nothing to wait for.
            if not answer.json["unchanged"]:
                await _read_back(portal, form.kind, doc_id, known)
            return see_other(
                f"{page_of(form.kind, doc_id)}?done={'made' if standing is None else 'saved'}"
            )
        errors, status = problems_of(answer.json, form), answer.status
    is_new = standing is None
    return _draw_page(
        request,
        actor,
        portal,
        screens,
        form,
        # A document that was not made has no page of its own yet.
        "" if is_new else doc_id,
        values=fields,
        document=standing,
        etag=etag,
        errors=errors,
        warnings=[] if errors else warnings,
        meanwhile=meanwhile,
        # A warning has stopped it too.
        status=status if errors else 422,
        ending=[] if is_new else await _find_dependents(portal, form.kind, doc_id),
    )


def _draw_page(
    request: Request,
    actor: Actor,
    portal: Portal,
    screens: PageRenderer,
    form: KindForm,
    doc_id: str,
    *,
    values: Mapping[str, str],
    document: Mapping[str, Any] | None = None,
    **context: Any,
) -> Response:
    providers = [
        (slug, str((portal.directory.get("providers", slug) or {}).get("name") or slug))
        for slug in sorted(portal.directory.ids("providers"))
    ]
    # What a page need not hand in.
    given = {
        "etag": "",
        "errors": {},
        "warnings": [],
        "meanwhile": [],
        "ending": [],
        "done": "",
        **context,
    }
    return draw(
        screens,
        request,
        "admin_document.html",
        actor,
        f"directory/{form.kind}",
        form=form,
        doc_id=doc_id,
        values=values,
        document=document or {},
        providers=providers,
        role_hints={name: said[1] for name, said in ROLE_WORDS.items()},
        is_active=document is None or is_active(document),
        has_password=bool(doc_id and portal.directory.get("credentials", doc_id)),
        is_self=doc_id == actor.email,
        **given,
    )


async def _load_document(
    actor: Actor, portal: Portal, kind: str, doc_id: str
) -> tuple[dict[str, Any], str]:
    """The document as it stands, secrets hidden, and its entity tag."""
    answer = await portal.intake.forward(actor, "GET", _path(kind, doc_id))
    if not answer.is_accepted:
        if answer.status == 404:
            raise not_found()
        raise Unavailable("intake", str(answer.json.get("detail") or answer.status))
    return dict(answer.json["document"]), answer.headers.get("etag", "")


async def _find_dependents(portal: Portal, kind: str, doc_id: str) -> list[str]:
    apps = [entry async for entry in documents(portal, "apps")]
    tokens = [token async for _, token in documents(portal, "tokens")]
    policy = portal.published.policy(ON_CALL)
    known = policy if isinstance(policy, OnCallPolicy) else None
    return list(find_dependents(kind, doc_id, apps, tokens, known))


async def _read_back(
    portal: Portal, kind: str, doc_id: str, before: Mapping[str, Any] | None
) -> None:
    """Until this process knows of it, for a moment at most: the list comes from here."""
    # Without it the change is shown a moment later.
    with contextlib.suppress(Unavailable):
        await portal.directory.wait_until(
            lambda: portal.directory.get(kind, doc_id) != before, _READ_BACK_S
        )


def form_for(kind: str) -> KindForm:
    if kind not in FORMS:
        raise not_found()
    return FORMS[kind]


def _path(kind: str, doc_id: str) -> str:
    return f"/v1/directory/{kind}/{quote(doc_id, safe='')}"


def page_of(kind: str, doc_id: str) -> str:
    return f"/admin/directory/{kind}/{quote(doc_id, safe='@')}"
