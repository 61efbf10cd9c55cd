"""What all of intake works with, and what each answer to a request is made of.

A shell looks up what a request needs, the domain decides, and it is in Kafka or the spool before
the caller is answered.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from services.intake.directory.administrators import Administrators
from services.intake.domain import RequestContext
from services.intake.files.attachments import Attachments
from services.intake.http.idempotency import Keys
from services.intake.spool.spool import Accepted
from services.intake.tickets.ask_limits import AskLimits
from services.intake.world.incidents import Incidents
from services.intake.world.portal_view import View
from services.intake.world.reference import Reference
from shared import events as e
from shared.access import is_admin
from shared.errors import Refused
from shared.events import Actor
from shared.knowledge import Articles
from shared.process.workers import Workers
from shared.wire import Record

SOURCE = "intake"

Write = Callable[[Record], Awaitable[int]]
Publish = Callable[[Sequence[Record]], Awaitable[Accepted]]
Answer = dict[str, Any]

# Told with every answer that is in the spool: it is durable, and on one machine.
ON_THIS_DISK = (
    "Our log does not answer just now. This is kept on one machine's disk, not yet replicated, "
    "and goes on by itself when the log is back."
)


@dataclass(frozen=True)
class Intake:
    """What the shell works with.

    `publish` takes a submission, into Kafka or the spool (`spool.Spool.publish`). `write` puts a
    record in Kafka and returns when it is acknowledged; raises Unavailable: for directory and
    policies, where the first in the log wins. `phone_token`: what the phone gateway signs with.
    `asks`: who may be asked by mail to take part in a ticket. `slow`: threads for imports and
    policies; `beside`: one for what an answer suggests, which is left out where too many wait for
    it.
    """

    reference: Reference
    publish: Publish
    write: Write
    keys: Keys
    view: View | None
    secret: str | None
    portal_url: str = "http://127.0.0.1:8000"
    articles: Articles | None = None
    incidents: Incidents = field(default_factory=Incidents)
    files: Attachments | None = None
    phone_token: str | None = None
    administrators: Administrators = field(default_factory=Administrators)
    asks: AskLimits = field(default_factory=AskLimits)
    slow: Workers = field(default_factory=Workers)
    beside: Workers = field(default_factory=lambda: Workers(threads=1, in_hand=4))


def secret_of(intake: Intake, refused: str) -> str:
    """The installation's secret. Raises Refused `no-secret` (503), which says what is `refused`."""
    if intake.secret is None:
        raise Refused(
            "no-secret",
            f"This installation has no SIGNALBOX_SECRET, so {refused}.",
            status=503,
        )
    return intake.secret


def claim(keys: Keys, request: e.Request, asked: RequestContext) -> None:
    """Take the caller's Idempotency-Key for this request. Raises Refused
    `idempotency-key-reused`.
    """
    # The id of a ticket comes from the key alone; that of its request from the body as well.
    claimed = request.key if isinstance(request, e.OpenTicket) else request.id
    # A key that was drawn here cannot have come before.
    if not asked.drawn and not keys.claim(claimed, asked.digest, asked.at):
        raise Refused(
            "idempotency-key-reused",
            "This Idempotency-Key came before with another body. Use a new key for a new request.",
            extra={"idempotency_key": asked.idempotency_key, "about": request.key},
        )


def answer_accepted(
    what: Literal["ticket", "page"],
    request: e.Request,
    where: Accepted,
    warnings: tuple[str, ...] = (),
) -> Answer:
    """The answer to a request that is durable. `where` it is: in the log, or on this disk."""
    address = f"/{what}s/{request.key}"
    return {
        f"{what}_id": request.key,
        "request_id": request.id,
        "accepted": where,
        "warnings": warnings if where == "logged" else (*warnings, ON_THIS_DISK),
        # Empty here; the shell of tickets fills them where it has some.
        "suggestions": [],
        "incidents": [],
        "links": {"self": f"/v1{address}", "web": address, "request": f"/v1/requests/{request.id}"},
    }


def admins_only(actor: Actor) -> None:
    """Raises Refused `forbidden` (403)."""
    if not is_admin(actor):
        raise Refused("forbidden", "Reference data and policy are for admins.", status=403)


def staff_only(actor: Actor) -> None:
    """Raises Refused `not-found` (404): to others there is nothing here."""
    if not actor.is_staff:
        raise Refused("not-found", "There is nothing here, or nothing you may see.", status=404)
