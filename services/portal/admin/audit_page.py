"""Who changed what of the directory and of the policies: a list that is filtered."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from starlette.responses import Response

from services.portal.admin.page import draw
from services.portal.projector.audit import KINDS
from services.portal.web.visitors import Admin, Drawn, Parts
from shared.people.folding import fold_address

SHOWN = 50
KIND_WORDS = {
    "accounts": "People",
    "apps": "Apps",
    "providers": "Add-on providers",
    "teams": "Teams",
    "invitations": "Invitations",
    "tokens": "API tokens",
    "credentials": "Passwords",
    "second-steps": "Second steps",
    "policies": "Policies",
}

router = APIRouter(include_in_schema=False)


@router.get("/admin/audit")
async def audit(
    request: Request,
    actor: Admin,
    portal: Parts,
    screens: Drawn,
    kind: str = "",
    by: str = "",
    about: str = "",
    before: str = "",
) -> Response:
    """The latest first. `about`: one document, as `accounts:ann@shop.example`."""
    # One more than a page tells whether there is a next.
    found = await portal.store["audit"].find(
        make_audit_filter(kind, by, about, before), order=[("at", -1), ("_id", -1)], limit=SHOWN + 1
    )
    asked = {"kind": kind, "by": by, "about": about}
    last = found[SHOWN - 1] if len(found) > SHOWN else None
    more = urlencode({**asked, "before": f"{last['at']} {last['_id']}"}) if last else ""
    return draw(
        screens,
        request,
        "admin_audit.html",
        actor,
        "audit",
        entries=[_describe_entry(entry) for entry in found[:SHOWN]],
        asked=asked,
        kinds=KIND_WORDS,
        is_filtered=any(asked.values()),
        more=f"/admin/audit?{more}" if more else "",
    )


def make_audit_filter(kind: str, by: str, about: str, before: str) -> dict[str, Any]:
    """The filter of the view. `before`: the last entry of the page before, as `AT ID`: one upload
    makes many entries of one instant. Pure.
    """
    found: dict[str, Any] = {}
    # Other words of the address bar do not filter.
    if kind in KINDS:
        found["kind"] = kind
    if by.strip():
        found["by"] = fold_address(by.strip())
    if about.strip():
        of, _, doc_id = about.strip().partition(":")
        # Addresses are folded in the log, names of apps and policies stand as they are.
        is_address = of in ("accounts", "credentials")
        found["about"] = f"{of}:{fold_address(doc_id) if is_address else doc_id}"
    if before:
        at, _, entry = before.partition(" ")
        found["$or"] = [{"at": {"$lt": at}}, {"at": at, "_id": {"$lt": entry}}]
    return found


def _describe_entry(entry: dict[str, Any]) -> dict[str, Any]:
    kind, doc_id = entry["kind"], entry["doc_id"]
    href, name = "", doc_id
    # Where the thing can be looked at; what is secret or gone has no page.
    if kind == "policies":
        href = f"/admin/policies/{doc_id}/history?version={entry['version']}"
        name = f"{doc_id}, version {entry['version']}"
    elif kind in ("accounts", "apps", "providers", "teams"):
        href = f"/admin/directory/{kind}/{doc_id}" if entry["change"] != "removed" else ""
    elif kind == "credentials":
        name = f"the password of {doc_id}"
    elif kind == "second-steps":
        name = f"the second step of {doc_id}"
    elif kind == "invitations":
        name = f"an invitation of {entry['of']}" if entry.get("of") else "an invitation"
    else:
        owner = f" of {entry['of']}" if entry.get("of") else ""
        name = f"token {entry.get('note') or doc_id[:8]}{owner}"
    return {
        **entry,
        "href": href,
        "name": name,
        # The note of a token is its name, which stands above already.
        "note": entry.get("note", "") if kind == "policies" else "",
    }
