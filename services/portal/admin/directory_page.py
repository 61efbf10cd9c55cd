"""Lists of people, apps and providers, which are searched."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from starlette.responses import Response

from services.portal.admin.document_page import DONE, form_for, page_of
from services.portal.admin.forms import ROLE_WORDS, is_found
from services.portal.admin.page import draw
from services.portal.admin.pages import STAFF, documents
from services.portal.web.visitors import Admin, Drawn, Parts
from shared.people.identity import is_active

SHOWN = 50

router = APIRouter(include_in_schema=False)


@router.get("/admin/directory/{kind}")
async def list_documents(
    kind: str,
    request: Request,
    actor: Admin,
    portal: Parts,
    screens: Drawn,
    q: str = "",
    role: str = "",
    after: str = "",
    done: str = "",
) -> Response:
    form = form_for(kind)
    found = [
        (doc_id, document)
        async for doc_id, document in documents(portal, kind)
        if is_found(doc_id, document, q) and _has_role(document, role)
    ]
    # By id, since the next page begins behind one.
    found.sort(key=lambda entry: entry[0])
    rest = [entry for entry in found if entry[0] > after]
    asked = {"q": q, "role": role}
    more = urlencode({**asked, "after": rest[SHOWN - 1][0]}) if len(rest) > SHOWN else ""
    return draw(
        screens,
        request,
        "admin_documents.html",
        actor,
        f"directory/{kind}",
        form=form,
        rows=[_row(kind, doc_id, document) for doc_id, document in rest[:SHOWN]],
        # Of all that was found, whatever page is shown.
        count=len(found),
        asked=asked,
        roles=[("staff", "All staff"), *((name, said[0]) for name, said in ROLE_WORDS.items())],
        more=f"/admin/directory/{kind}?{more}" if more else "",
        done=DONE.get(done, ""),
    )


def _has_role(document: Mapping[str, Any], role: str) -> bool:
    held = set(document.get("roles") or ())
    return not role or bool(held & STAFF if role == "staff" else role in held)


def _row(kind: str, doc_id: str, document: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": doc_id,
        "href": page_of(kind, doc_id),
        "name": document.get("name") or "",
        "roles": [
            ROLE_WORDS[role][0] for role in document.get("roles") or () if role in ROLE_WORDS
        ],
        "plan": str(document.get("plan") or "").replace("-", " "),
        "provider": document.get("provider"),
        "is_active": is_active(document),
        "owner": document.get("owner"),
        "stage": document.get("stage"),
        "addons": document.get("addons") or (),
        "users": len(document.get("users") or ()),
        "members": len(document.get("members") or ()),
        "webhook": bool(document.get("webhook_url")),
    }
