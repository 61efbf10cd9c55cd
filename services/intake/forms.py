"""What a caller may send: strict models (nothing is coerced, nothing unknown is kept), with the limits of DESIGN section 7.

They are checked on values that came out of JSON, where text is all an enumeration or a tuple can be written as: only those
fields take it, and only words of the enumeration.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, StringConstraints, ValidationError, model_validator

from services.intake.masking import masked
from shared import events as e
from shared.events import Audience, Kind, Priority
from shared.mistakes import invalid
from shared.text.redact import Masked

ONE_LINE = r"^[^\x00-\x1f\x7f\u0085\u2028\u2029]*$"

Subject = Annotated[str, StringConstraints(min_length=1, max_length=200, strip_whitespace=True, pattern=ONE_LINE)]
Text = Annotated[str, StringConstraints(min_length=1, max_length=100_000, pattern=r"[^\s]")]
Reason = Annotated[str, StringConstraints(min_length=1, max_length=5_000, pattern=r"[^\s]")]
Answer = Annotated[str, StringConstraints(max_length=20_000)]
Word = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=r"^[^\x00-\x20\x7f]*$")]
Name = Annotated[str, StringConstraints(max_length=300, pattern=ONE_LINE)]
Ids = Annotated[tuple[Word, ...], Field(strict=False, max_length=20)]


class Form(BaseModel):
    """`holds_secrets`: the form is there to take a secret, so none in it is masked."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)
    holds_secrets: ClassVar[bool] = False
    _masked: tuple[Masked, ...] = PrivateAttr(default=())

    @property
    def masked(self) -> tuple[Masked, ...]:
        """What `fill` masked in it."""
        return self._masked


F = TypeVar("F", bound=Form)


class UrgentForm(e.UrgentDetails, Form):
    """The items of the urgent guide (seed 001). All optional: a page never waits for a complete form."""

    access_granted: bool | None = None
    users_affected: Answer | None = None
    business_impact: Answer | None = None
    steps_to_reproduce: Answer | None = None
    seen_in_staging: Answer | None = None
    staging_differences: Answer | None = None
    began_at: Answer | None = None
    logs: Answer | None = None
    configuration: Answer | None = None
    third_party_services: Annotated[tuple[Name, ...], Field(strict=False, max_length=100)] | None = None


class TicketForm(Form):
    subject: Subject
    body: Text
    app: Word | None = None
    addon: Word | None = None
    priority: Annotated[Priority, Field(strict=False)] | None = None
    kind: Annotated[Kind, Field(strict=False)] = Kind.PROBLEM
    urgent: UrgentForm | None = None
    attachments: Ids = ()


class ReplyForm(Form):
    body: Text
    audience: Annotated[Audience, Field(strict=False)] = Audience.EVERYONE
    attachments: Ids = ()


class AssignForm(Form):
    """Exactly one: the provider's slug, or a queue of ours."""

    provider: Word | None = None
    queue: Literal["platform", "csa"] | None = None

    @model_validator(mode="after")
    def _names_one(self) -> AssignForm:
        if (self.provider is None) == (self.queue is None):
            raise ValueError("name either a provider or a queue")
        return self


class ReasonForm(Form):
    reason: Reason


class InformationForm(Form):
    information: Reason


class MaybeReasonForm(Form):
    reason: Annotated[str, StringConstraints(max_length=5_000)] = ""


class ReviewForm(Form):
    priority: Annotated[Priority, Field(strict=False)]
    reason: Reason


class SolveForm(Form):
    resolution: Reason


class AppealForm(Form):
    information: Text


class RateForm(Form):
    score: Annotated[int, Field(ge=1, le=5)]
    comment: Answer = ""


class ShareForm(Form):
    pass


class JoinForm(Form):
    """`share_token`: the last part of the link's address."""

    share_token: Annotated[str, StringConstraints(min_length=1, max_length=300)]


class AccessForm(Form):
    granted: bool


class LinkForm(Form):
    incident_id: Word


class PageForm(Form):
    pass


class AcknowledgeForm(Form):
    """`token`: that of a signed link; it says who acknowledges, and no bearer is needed."""

    token: Annotated[str, StringConstraints(max_length=1000)] | None = None


TICKET_ACTIONS: dict[str, tuple[type[e.Request], type[Form]]] = {
    "replies": (e.AddReply, ReplyForm),
    "assign": (e.AssignTicket, AssignForm),
    "hand-back": (e.HandBack, ReasonForm),
    "take-back": (e.TakeBack, ReasonForm),
    "insist": (e.InsistScope, InformationForm),
    "dismiss": (e.DismissSuggestion, MaybeReasonForm),
    "review": (e.ReviewPriority, ReviewForm),
    "appeal": (e.AppealPriority, AppealForm),
    "decide-appeal": (e.DecideAppeal, ReviewForm),
    "solve": (e.Solve, SolveForm),
    "reopen": (e.Reopen, MaybeReasonForm),
    "rate": (e.RateTicket, RateForm),
    "share": (e.ShareTicket, ShareForm),
    "unshare": (e.RevokeShare, ShareForm),
    "join": (e.JoinTicket, JoinForm),
    "access": (e.GrantAccess, AccessForm),
    "link": (e.LinkIncident, LinkForm),
    "unlink": (e.UnlinkIncident, LinkForm),
}
"""The last word of `POST /v1/tickets/{id}/…` → the request it makes and the form it takes."""

PAGE_ACTIONS: dict[str, tuple[type[e.Request], type[Form]]] = {
    "acknowledge": (e.Acknowledge, AcknowledgeForm),
    "resolve": (e.ResolvePage, PageForm),
    "escalate": (e.EscalatePage, PageForm),
}
"""The last word of `POST /v1/pages/{id}/…` → likewise."""


def fill(form: type[F], body: dict[str, Any]) -> F:
    """The body as its form, without the secrets that were in its texts. Raises Refused with every mistake and its place."""
    try:
        filled = form.model_validate(body)
    except ValidationError as error:
        raise invalid(error.errors(include_url=False, include_input=False, include_context=False)) from error
    if form.holds_secrets:
        return filled
    filled, found = masked(filled)
    filled._masked = found
    return filled
