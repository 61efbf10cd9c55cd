"""What a caller may send: strict models (nothing is coerced, nothing unknown is kept), with the
limits of DESIGN section 7.

They are checked on values that came out of JSON, where text is all an enumeration or a tuple can be
written as: only those fields take it, and only words of the enumeration.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PrivateAttr,
    StringConstraints,
    ValidationError,
    model_validator,
)

from services.intake.http.masking import mask_form
from shared import events as e
from shared.asks import ASKS
from shared.events import Audience, Instant, Kind, Priority
from shared.http.mistakes import invalid, sentence
from shared.tags import MOST, as_tag, mistake_of_tag
from shared.text.redact import MaskedSecret

# No line breaks of any kind, in Unicode either: such texts become titles and mail headers.
ONE_LINE = r"^[^\x00-\x1f\x7f\u0085\u2028\u2029]*$"

# Shapes that several forms share. Lengths are those of DESIGN section 7.
Subject = Annotated[
    str, StringConstraints(min_length=1, max_length=200, strip_whitespace=True, pattern=ONE_LINE)
]
Text = Annotated[str, StringConstraints(min_length=1, max_length=100_000, pattern=r"[^\s]")]
Reason = Annotated[str, StringConstraints(min_length=1, max_length=5_000, pattern=r"[^\s]")]
Answer = Annotated[str, StringConstraints(max_length=20_000)]
Word = Annotated[
    str, StringConstraints(min_length=1, max_length=100, pattern=r"^[^\x00-\x20\x7f]*$")
]
TicketId = Annotated[str, StringConstraints(pattern=r"^tkt_[a-z2-7]{26}$")]
Address = Annotated[
    str,
    StringConstraints(
        max_length=254,
        strip_whitespace=True,
        pattern=r"^[^@\s\x00-\x1f\x7f<>,;:\"]+@[^@\s\x00-\x1f\x7f<>,;:\"]+$",
    ),
]
Name = Annotated[str, StringConstraints(max_length=300, pattern=ONE_LINE)]
Ids = Annotated[tuple[Word, ...], Field(strict=False, max_length=20)]


class Form(BaseModel):
    """`holds_secrets`: the form is there to take a secret, so none in it is masked."""

    # Strict: a number is no text and a text no number.
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)
    holds_secrets: ClassVar[bool] = False
    _masked: tuple[MaskedSecret, ...] = PrivateAttr(default=())

    @property
    def masked(self) -> tuple[MaskedSecret, ...]:
        """What `fill` masked in it."""
        return self._masked


F = TypeVar("F", bound=Form)


class UrgentForm(e.UrgentDetails, Form):
    """The items of the urgent guide (seed 001). All optional: a page never waits for a complete
    form.
    """

    access_granted: bool | None = None
    users_affected: Answer | None = None
    business_impact: Answer | None = None
    steps_to_reproduce: Answer | None = None
    seen_in_staging: Answer | None = None
    staging_differences: Answer | None = None
    began_at: Answer | None = None
    logs: Answer | None = None
    configuration: Answer | None = None
    third_party_services: (
        Annotated[tuple[Name, ...], Field(strict=False, max_length=100)] | None
    ) = None


class TicketForm(Form):
    """`requester`: the registered person's address that one of our staff opens it for; left
    out: whoever asks. `follows`: the id of the ticket that it takes up again.
    """

    requester: Name | None = None
    follows: TicketId | None = None
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
    seen: Annotated[int, Field(ge=1)] | None = None


class AsSeenForm(e.AsSeen, Form):
    """The ticket as the caller saw it. Where it is otherwise, the request is refused:
    `moved-on`.
    """

    owner: Name | None = None
    queue: Word | None = None
    priority: Annotated[Priority, Field(strict=False)] | None = None
    solved_at: Annotated[Instant, Field(strict=False)] | None = None


class OnlyIfForm(Form):
    """`only_if`: do it only where the ticket is still so; left out: however it is."""

    only_if: AsSeenForm | None = None


class AssignForm(OnlyIfForm):
    """Exactly one: the provider's slug, or a queue of ours."""

    provider: Word | None = None
    queue: Literal["platform", "csa"] | None = None

    @model_validator(mode="after")
    def _check_one_named(self) -> AssignForm:
        # Exactly one: both or none would leave the choice to us.
        if (self.provider is None) == (self.queue is None):
            raise ValueError("name either a provider or a queue")
        return self


class TakeForm(Form):
    """`instead_of`: whom the asker saw as the owner; left out: nobody."""

    instead_of: Name = ""


class HandOverForm(OnlyIfForm):
    """`to`: the address of a colleague."""

    to: Name
    reason: Annotated[str, StringConstraints(max_length=5_000)] = ""


def _as_tag(text: str) -> str:
    """Raises ValueError with a sentence for what cannot be a tag."""
    if mistake := mistake_of_tag(text):
        raise ValueError(mistake)
    return as_tag(text)


Tag = Annotated[str, StringConstraints(max_length=200), AfterValidator(_as_tag)]
Tags = Annotated[tuple[Tag, ...], Field(strict=False, max_length=MOST)]


class TagForm(Form):
    """`add` and `remove`: tags, in any writing; `Needs Info` is `needs-info`."""

    add: Tags = ()
    remove: Tags = ()

    @model_validator(mode="after")
    def _check_tags_named(self) -> TagForm:
        if not self.add and not self.remove:
            raise ValueError("name a tag to add or to remove")
        return self


class MergeForm(Form):
    """`into`: the id of the ticket that it goes on in."""

    into: TicketId


class ReasonForm(Form):
    reason: Reason


class InformationForm(Form):
    information: Reason


class MaybeReasonForm(Form):
    reason: Annotated[str, StringConstraints(max_length=5_000)] = ""


class ReleaseForm(MaybeReasonForm, OnlyIfForm):
    pass


class ReopenForm(MaybeReasonForm, OnlyIfForm):
    pass


class DismissForm(MaybeReasonForm):
    """`queue`: the suggested queue is meant, where a provider is suggested as well."""

    queue: Literal["csa"] | None = None


class AcceptForm(Form):
    """`queue`: the suggested one."""

    queue: Literal["csa"] = "csa"


class DecideForm(Form):
    priority: Annotated[Priority, Field(strict=False)]
    reason: Reason


class ReviewForm(DecideForm, OnlyIfForm):
    pass


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


class AskPersonForm(Form):
    """`email`: who is asked by mail whether they want to take part."""

    email: Address


class AnswerAskForm(Form):
    """`agree`: whether they take part. `token`: that of the link in the mail; it says who answers,
    and no bearer is needed.
    """

    agree: bool
    token: Annotated[str, StringConstraints(max_length=1000)] | None = None


class RemoveForm(Form):
    """`email`: who takes part no more, or is no longer asked; one's own address: to leave."""

    email: Address


class AccessForm(Form):
    granted: bool


class LinkForm(Form):
    incident_id: Word


class PageForm(Form):
    pass


class PageNoteForm(Form):
    body: Reason


class ReassignForm(Form):
    """`to`: a name of the on-call document."""

    to: Word


class AcknowledgeForm(Form):
    """`token`: that of a signed link; it says who acknowledges, and no bearer is needed."""

    token: Annotated[str, StringConstraints(max_length=1000)] | None = None


# A new word of `shared/asks.py` needs its form here: with it come its address and its contract.
_FORMS: dict[str, type[Form]] = {
    "replies": ReplyForm,
    "assign": AssignForm,
    "hand-back": ReasonForm,
    "take-back": ReasonForm,
    "take": TakeForm,
    "hand-over": HandOverForm,
    "release": ReleaseForm,
    "tag": TagForm,
    "merge": MergeForm,
    "insist": InformationForm,
    "dismiss": DismissForm,
    "accept": AcceptForm,
    "review": ReviewForm,
    "appeal": AppealForm,
    "decide-appeal": DecideForm,
    "solve": SolveForm,
    "reopen": ReopenForm,
    "rate": RateForm,
    "share": ShareForm,
    "unshare": ShareForm,
    "join": JoinForm,
    "ask": AskPersonForm,
    "remove": RemoveForm,
    "access": AccessForm,
    "link": LinkForm,
    "unlink": LinkForm,
}

TICKET_ACTIONS: dict[str, tuple[type[e.Request], type[Form]]] = {
    ask.word: (getattr(e, ask.request), _FORMS[ask.word]) for ask in ASKS if ask.word
}
"""The last word of `POST /v1/tickets/{id}/…` → the request it makes and the form it takes."""

PAGE_ACTIONS: dict[str, tuple[type[e.Request], type[Form]]] = {
    "acknowledge": (e.Acknowledge, AcknowledgeForm),
    "resolve": (e.ResolvePage, PageForm),
    "escalate": (e.EscalatePage, PageForm),
    "note": (e.NotePage, PageNoteForm),
    "reassign": (e.ReassignPage, ReassignForm),
}
"""The last word of `POST /v1/pages/{id}/…` → likewise."""


def fill(form: type[F], body: dict[str, Any]) -> F:
    """The body as its form, without the secrets that were in its texts. Raises Refused with every
    mistake and its place.
    """
    # All mistakes at once, each with its place.
    try:
        filled = form.model_validate(body)
    except ValidationError as error:
        wrong = error.errors(include_url=False, include_input=False)
        raise invalid([{"loc": one["loc"], "msg": sentence(one)} for one in wrong]) from error
    # A form that is there to take a secret keeps it as it came.
    if form.holds_secrets:
        return filled
    filled, found = mask_form(filled)
    filled._masked = found
    return filled
