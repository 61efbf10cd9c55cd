"""What the reply form offers and does besides the reply: macros, what follows it, where one goes
next.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from services.portal.desk.homes import DeskTab
from services.portal.desk.reads import DeskQuery, list_home
from services.portal.web.filters import short_id, utc
from services.portal.web.intake_client import IntakeAnswer
from services.portal.web.parts import Portal
from shared.access import Standing
from shared.events import Actor, Audience, Priority
from shared.people.folding import fold_address
from shared.policy import MACROS, MacrosPolicy
from shared.policy.macros import fill_fields

SOLVED_BY_REPLY = "Solved with our last reply."
"""The resolution of a ticket that is solved together with a reply: the reply has just said it."""

Shape = dict[str, Any]
Fields = Mapping[str, str]
Ask = Callable[[str, Mapping[str, Any], str], Awaitable[IntakeAnswer]]
"""(action, document, end of the idempotency key) → intake's answer."""


async def macros_for(portal: Portal, ticket: Shape, actor: Actor) -> list[Shape]:
    """The macros that whoever writes may use, their fields filled. A customer has none."""
    who = Standing(ticket["standing"])
    # Macros are the desk's words.
    if who is Standing.CUSTOMER:
        return []
    found = await portal.store["policies"].find({"name": MACROS}, order=[("version", -1)], limit=1)
    if not found:
        return []
    policy = MacrosPolicy.model_validate(found[0]["document"], extra="ignore")
    values = field_values(ticket, actor)
    return [
        {**macro.model_dump(mode="json"), "text": fill_fields(macro.text, values)}
        for macro in policy.macros
        if macro.providers or who is Standing.STAFF
    ]


def field_values(ticket: Shape, actor: Actor) -> dict[str, str]:
    """What a macro's fields stand for in one ticket (`shared.policy.macros.FIELDS`). Pure."""
    # The promise that runs out first is the one to write about.
    due = min(
        (clock["due_at"] for clock in ticket["clocks"] if clock["state"] == "running"), default=None
    )
    return {
        "customer": ticket["requester_name"] or "there",
        "ticket": short_id(ticket["id"]),
        "due": utc(due) if due else "as soon as we can",
        "agent": actor.name,
        "app": ticket["app"] or "APP",
    }


def read_extra_actions(fields: Fields) -> list[tuple[str, Shape]]:
    """(action, document) of what is asked for along with a reply, in the order it is done. A note
    is only a note. Who may is decided where everything is: by intake and the router. Pure.
    """
    if fields.get("audience") == Audience.STAFF:
        return []
    acts: list[tuple[str, Shape]] = []
    priority = fields.get("macro_priority", "")
    # Anything else in the field is no priority, so there is nothing to change.
    if priority in list(Priority):
        reason = fields.get("macro_reason") or "See our reply."
        acts.append(("review", {"priority": priority, "reason": reason}))
    if fields.get("then") == "solve" or fields.get("macro_solve"):
        acts.append(("solve", {"resolution": SOLVED_BY_REPLY}))
    return acts


async def do_after(ask: Ask, acts: list[tuple[str, Shape]]) -> tuple[str, str]:
    """(id of the last request that was accepted, what was not done in words). It goes on to the
    next act only where the one before was accepted: who may not change the priority should look
    before they solve.
    """
    last = ""
    for action, document in acts:
        # One after the other: each may be refused.
        answer = await ask(action, document, action)
        if not answer.is_accepted:
            words = {"review": "The priority was not changed", "solve": "It was not solved"}[action]
            return last, f"{words}: {answer.json.get('detail') or 'it was not accepted'}."
        last = str(answer.json["request_id"])
    return last, ""


async def next_for(portal: Portal, actor: Actor, not_this: str) -> str | None:
    """The first ticket that needs us and that no colleague has, without the one just answered."""
    found = await list_home(portal.store, actor, DeskQuery(DeskTab.NEEDS_US))
    # A colleague's ticket is theirs.
    free = {None, fold_address(actor.email)}
    return next(
        (item["id"] for item in found["items"] if item["owner"] in free and item["id"] != not_this),
        None,
    )
