"""What is asked of a page, by somebody who is signed in or by a signed link."""

from __future__ import annotations

from services.intake.domain import (
    RequestContext,
    ask,
)
from services.intake.forms import (
    PAGE_ACTIONS,
    AcknowledgeForm,
    Form,
)
from services.intake.http.masking import masking_notes
from services.intake.shell import SOURCE, Answer, Intake, answer_accepted, claim
from shared import events as e
from shared.access import may_handle_pages
from shared.errors import Refused
from shared.events import Actor, Role, Via
from shared.signed import links
from shared.topics import REQUESTS
from shared.wire import record_for


async def act_on_page(
    intake: Intake,
    page: str,
    action: str,
    form: Form,
    asked: RequestContext,
    trace: str,
    *,
    via_link: bool = False,
) -> Answer:
    """POST /v1/pages/{id}/{action}. Who may not see pages is told that there is none."""
    # Whoever has the link need not be able to see pages otherwise.
    if not via_link and not may_handle_pages(asked.actor):
        raise Refused("not-found", "There is no such page, or none you may see.", status=404)
    kind, _ = PAGE_ACTIONS[action]
    # The log says how it was acknowledged: a link may have been passed on.
    known = {"via_link": True} if via_link else {}
    request = ask(kind, page, form, asked, intake.reference.stamp(), **known)
    claim(intake.keys, request, asked)
    where = await intake.publish([record_for(REQUESTS.name, request, SOURCE, trace)])
    return answer_accepted("page", request, where, tuple(masking_notes(form.masked)))


def find_link_actor(intake: Intake, page: str, form: AcknowledgeForm, now: e.Instant) -> Actor:
    """Who a signed link speaks for. Raises Refused `unauthenticated` where it is forged, expired or
    for another page.
    """
    # One answer for three faults: forged, expired, or of another page.
    link = (
        form.token
        and intake.secret
        and links.verify(intake.secret.encode(), form.token, links.ACKNOWLEDGE, page, now)
    )
    if not link:
        raise Refused(
            "unauthenticated",
            "This link is not valid, or no longer. Sign in to acknowledge the page.",
            status=401,
        )
    # The person of the on-call document; without one the link's own word stands.
    person = intake.reference.person(link.person)
    email = person.email if person else link.person
    account = intake.reference.directory.account(email)
    return Actor(
        email=email,
        name=account.name if account else link.person,
        # Only what the link is for: an account's other roles do not come with it.
        roles=(Role.ON_CALL,),
        via=Via.WEB,
    )
