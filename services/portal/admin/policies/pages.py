"""Policy documents: which there are, an editor that says every mistake with its line, what would
change, what would have been different, and every version there was.

Ops read what administrators change. A document is applied under the version it was made of: what
somebody else published meanwhile is shown first.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from starlette.responses import Response

from services.portal.admin.page import draw
from services.portal.admin.policies.documents import (
    ABOUT,
    changes_between,
    fields_of_document,
    text_of,
    words_of_document,
)
from services.portal.web.form_body import fields_of
from services.portal.web.parts import Portal
from services.portal.web.render import PageRenderer, see_other
from services.portal.web.visitors import Admin, Drawn, Parts, PolicyReader, not_found
from shared.access import is_admin
from shared.channels.apprise import is_address
from shared.errors import Unavailable
from shared.events import Actor
from shared.policy.writing.written import CheckedFile, check

_WIDER = 4
"""A form's encoding makes a text longer than it is."""
# Two seconds for this process to read what was published.
_SOON_S, _SOON_TRIES = 0.1, 20

router = APIRouter(include_in_schema=False)


@router.get("/admin/policies")
async def list_policies(
    request: Request, actor: PolicyReader, portal: Parts, screens: Drawn
) -> Response:
    rows = []
    for about in ABOUT.values():
        found = portal.published.newest(about.name)
        rows.append({"about": about, "published": found.published if found else None})
    return draw(
        screens,
        request,
        "admin_policies.html",
        actor,
        "policies",
        rows=rows,
        may_change=is_admin(actor),
    )


@router.get("/admin/policies/{name}")
async def editor(
    name: str,
    request: Request,
    actor: PolicyReader,
    portal: Parts,
    screens: Drawn,
    version: int | None = None,
    done: str = "",
) -> Response:
    """The document in force; with `version` an earlier one, to go back to it."""
    # Whoever looks may see only what intake gives them.
    newest = await read(actor, portal, name)
    shown = newest if version is None else await read(actor, portal, name, version)
    if version is not None and shown is None:
        raise not_found()
    text = text_of(shown["document"]) if shown else ""
    # A version in force is no draft, also where its number was named.
    is_earlier = bool(shown and newest and shown["version"] != newest["version"])
    note = f"back to version {version}" if is_earlier else ""
    # The mistakes of an old version are shown before anybody goes back to it.
    checked = await look_at(portal, name, text) if shown else None
    return draft_page(
        request,
        actor,
        portal,
        screens,
        name,
        text=text,
        newest=newest,
        note=note,
        earlier=version if is_earlier else None,
        checked=checked,
        is_draft=is_earlier,
        done="It is in force for everything that comes from now on." if done == "applied" else "",
    )


@router.post("/admin/policies/{name}")
async def work_on(
    name: str, request: Request, actor: Admin, portal: Parts, screens: Drawn
) -> Response:
    """Check, try or apply what stands in the editor."""
    # Wider than other forms: policies are the longest texts there are.
    fields = await fields_of(request, _WIDER * portal.settings.max_body)
    return await draft(
        request,
        actor,
        portal,
        screens,
        name,
        text=fields.get("text", ""),
        made_of=fields.get("made_of", ""),
        note=fields.get("note", "").strip()[:500],
        does=fields.get("does", "check"),
    )


@router.get("/admin/policies/{name}/history")
async def history(
    name: str,
    request: Request,
    actor: PolicyReader,
    portal: Parts,
    screens: Drawn,
    version: int | None = None,
) -> Response:
    """Every version, and what one changed of the version before it."""
    if name not in ABOUT:
        raise not_found()
    # Intake reads the log; the view may lack the newest.
    answer = await portal.intake.forward(actor, "GET", f"/v1/policies/{name}/versions")
    if not answer.is_accepted:
        raise Unavailable("intake", str(answer.json.get("detail") or answer.status))
    items: list[dict[str, Any]] = answer.json["items"]
    numbers = [item["version"] for item in items]
    changed = None
    if version in numbers:
        # The version before it by number: some may be missing.
        earlier = [number for number in numbers if number < version]
        after = await read(actor, portal, name, version)
        before = await read(actor, portal, name, max(earlier)) if earlier else None
        if after is not None:
            standing = before["document"] if before else None
            changed = changes_between(name, standing, after["document"], portal.clock.now()) or {
                "changes": [],
                "more": 0,
                "rota": [],
                "is_first": True,
            }
    return draw(
        screens,
        request,
        "admin_policy_history.html",
        actor,
        "policies",
        about=ABOUT[name],
        items=items,
        version=version,
        changed=changed,
        may_change=is_admin(actor),
    )


async def draft(
    request: Request,
    actor: Actor,
    portal: Portal,
    screens: PageRenderer,
    name: str,
    *,
    text: str,
    made_of: str,
    note: str,
    does: str,
) -> Response:
    """The editor with what is to be said of its text: mistakes, the difference, a what-if. Applied,
    where it is asked for and can be.
    """
    # Read anew each time: what is in force may have changed under the draft.
    newest = await read(actor, portal, name)
    standing = str(newest["version"]) if newest else ""
    checked = await look_at(portal, name, text)
    context: dict[str, Any] = {"text": text, "newest": newest, "note": note, "checked": checked}
    # One step after the other: mistakes first, then what others did, then what was asked for.
    if checked.mistakes:
        return draft_page(request, actor, portal, screens, name, status=422, **context)
    # Nothing is tried or applied over a version that its writer has not seen.
    if made_of != standing:
        context["meanwhile"] = await _find_newer_changes(actor, portal, name, made_of, newest)
        # Looking is no conflict; applying is.
        status = 409 if does == "apply" else 200
        return draft_page(request, actor, portal, screens, name, status=status, **context)
    if does == "what-if":
        answer = await portal.intake.forward(
            actor, "POST", f"/v1/policies/{name}/simulate", checked.document
        )
        if answer.is_accepted:
            return draft_page(request, actor, portal, screens, name, report=answer.json, **context)
        context["problem"] = str(answer.json.get("detail") or "It could not be tried.")
        return draft_page(request, actor, portal, screens, name, status=answer.status, **context)
    if does == "apply":
        # Under the tag that was looked at: of two at once only one is applied.
        answer = await portal.intake.forward(
            actor,
            "PUT",
            f"/v1/policies/{name}?{urlencode({'note': note})}",
            checked.document,
            if_match=f'"{name}-{standing}"' if standing else "",
        )
        if answer.is_accepted:
            # The list would show the version before otherwise.
            await _wait_for_version(portal, name, int(answer.json["version"]))
            return see_other(f"/admin/policies/{name}?done=applied")
        context["problem"] = str(answer.json.get("detail") or "It was not applied.")
        return draft_page(request, actor, portal, screens, name, status=answer.status, **context)
    return draft_page(request, actor, portal, screens, name, **context)


def draft_page(
    request: Request,
    actor: Actor,
    portal: Portal,
    screens: PageRenderer,
    name: str,
    *,
    text: str,
    newest: Mapping[str, Any] | None,
    note: str,
    checked: CheckedFile | None,
    is_draft: bool = True,
    status: int = 200,
    **context: Any,
) -> Response:
    """`checked` None: there is no text yet. `is_draft` False: it is the document in force."""
    changed = None
    if is_draft and checked is not None and not checked.mistakes and newest is not None:
        changed = changes_between(name, newest["document"], checked.document, portal.clock.now())
    # What a page need not hand in.
    given = {
        "done": "",
        "problem": "",
        "report": None,
        "meanwhile": None,
        "earlier": None,
        **context,
    }
    return draw(
        screens,
        request,
        "admin_policy.html",
        actor,
        "policies",
        status=status,
        about=ABOUT[name],
        text=text,
        newest=newest,
        note=note,
        checked=checked,
        changed=changed,
        is_draft=is_draft,
        fields=fields_of_document(name),
        words=words_of_document(name),
        may_change=is_admin(actor),
        **given,
    )


async def look_at(portal: Portal, name: str, text: str) -> CheckedFile:
    """`signalbox policy check`, in a thread: a rota of 90 days may take a second."""
    return await asyncio.to_thread(check, text, name, portal.clock.now(), is_address, is_sent=True)


async def read(
    actor: Actor, portal: Portal, name: str, version: int | None = None
) -> dict[str, Any] | None:
    """`{name, version, document, at, note, by}` as whoever looks may see it; None: there
    is none.
    """
    if name not in ABOUT:
        raise not_found()
    query = f"?version={version}" if version is not None else ""
    answer = await portal.intake.forward(actor, "GET", f"/v1/policies/{name}{query}")
    if answer.is_accepted:
        return answer.json
    # No such version, or none that this actor may see.
    if answer.status == 404:
        return None
    raise Unavailable("intake", str(answer.json.get("detail") or answer.status))


async def _find_newer_changes(
    actor: Actor, portal: Portal, name: str, made_of: str, newest: Mapping[str, Any] | None
) -> dict[str, Any] | None:
    """What somebody else published since the draft was begun."""
    if newest is None:
        return None
    # It comes from a form, so anything can stand there.
    number = int(made_of) if made_of.isdecimal() and len(made_of) < 9 else 0
    before = await read(actor, portal, name, number) if number else None
    changed = changes_between(
        name, before["document"] if before else None, newest["document"], portal.clock.now()
    )
    return {"version": newest["version"], "by": newest["by"], "at": newest["at"], **(changed or {})}


async def _wait_for_version(portal: Portal, name: str, version: int) -> None:
    """Until this process knows of it, for two seconds at most: the list comes from here."""
    for _ in range(_SOON_TRIES):
        found = portal.published.newest(name)
        if found is not None and found.number >= version:
            return
        await asyncio.sleep(_SOON_S)
