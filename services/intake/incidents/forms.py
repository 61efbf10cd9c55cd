"""What may be asked of incidents, maintenances and announcements: strict forms, as in
`forms.py`.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BeforeValidator,
    Field,
    StringConstraints,
    model_validator,
)

from services.intake.forms import ONE_LINE, Form, Reason, Subject, Text, Word
from shared import events as e
from shared.events import Colour, Phase, Purpose
from shared.instants import of_ours
from shared.status.bounds import LONGEST_UPDATE


def _is_text(value: Any) -> Any:
    """An instant is written as text: a number would be read as seconds of some epoch."""
    if not isinstance(value, str):
        raise ValueError("an instant is text, such as 2026-11-22T10:00:00Z")
    return value


When = Annotated[
    AwareDatetime, Field(strict=False), BeforeValidator(_is_text), AfterValidator(of_ours)
]
Named = Annotated[
    str, StringConstraints(min_length=1, max_length=100, strip_whitespace=True, pattern=ONE_LINE)
]
Names = Annotated[tuple[Named, ...], Field(strict=False, max_length=50)]
Told = Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_UPDATE, pattern=r"[^\s]")]
"""What everybody is told: short enough that a page of many updates stays readable."""
Said = Annotated[str, StringConstraints(max_length=20_000)]
_Phase = Annotated[Phase, Field(strict=False)]
_Colour = Annotated[Colour, Field(strict=False)]


class ImpactForm(Form):
    """What is not said stays as it is; at the beginning that is green."""

    production: _Colour | None = None
    development: _Colour | None = None

    def over(self, before: e.Impact) -> e.Impact:
        """The impact this makes of `before`."""
        return e.Impact(
            production=self.production or before.production,
            development=self.development or before.development,
        )


class StackForm(Form):
    """`effects` of the incident on applications of `stack`; `all` means whatever the stack."""

    stack: Named
    effects: Annotated[
        tuple[Annotated[str, StringConstraints(min_length=1, max_length=1000)], ...],
        Field(strict=False, max_length=50),
    ] = ()


Stacks = Annotated[tuple[StackForm, ...], Field(strict=False, max_length=20)]


class IncidentForm(Form):
    """`components` by id or name. `provider`: for ops, whose add-on it is; a provider's users
    report their own. `started_at`: when it began, up to 90 days ago. `phase` as in UpdateForm.
    """

    title: Subject
    body: Told
    components: Names = ()
    impact: ImpactForm = ImpactForm()
    stacks: Stacks = ()
    provider: Word | None = None
    follow_up_of: Word | None = None
    draft: bool = False
    started_at: When | None = None
    phase: _Phase | None = None
    next_update_at: When | None = None


class UpdateForm(Form):
    """`happened_at`: when what it says happened, where that is not now. `phase`: how far the work
    is, None as before; `next_update_at`: by when the next update is promised.
    """

    body: Told
    impact: ImpactForm | None = None
    components: Names | None = None
    stacks: Stacks = ()
    corrects: Word | None = None
    internal: bool = False
    happened_at: When | None = None
    phase: _Phase | None = None
    next_update_at: When | None = None


class CorrectForm(Form):
    """What was recorded wrongly; what is left out stays. `update`: the id of the one whose `body`
    or `happened_at` was wrong. What was recorded before stays in the log, and nobody is written to.
    """

    title: Subject | None = None
    update: Word | None = None
    body: Told | None = None
    happened_at: When | None = None
    started_at: When | None = None
    resolved_at: When | None = None
    reason: Annotated[str, StringConstraints(max_length=1000)] = ""

    @model_validator(mode="after")
    def _check_something_said(self) -> Self:
        if (self.body or self.happened_at) and self.update is None:
            raise ValueError("say which update: its id")
        if not (self.title or self.update or self.started_at or self.resolved_at):
            raise ValueError("say what was wrong: the title, an update, or a time")
        return self


class PublishForm(Form):
    title: Subject | None = None
    body: Told | None = None
    impact: ImpactForm | None = None
    components: Names | None = None
    phase: _Phase | None = None
    next_update_at: When | None = None


class ResolveForm(Form):
    """`resolved_at`: when it was over, where that is not now."""

    body: Told
    resolved_at: When | None = None


class SectionForm(Form):
    heading: Subject
    body: Annotated[str, StringConstraints(min_length=1, max_length=20_000, pattern=r"[^\s]")]


class PostmortemForm(Form):
    sections: Annotated[tuple[SectionForm, ...], Field(strict=False, min_length=1, max_length=30)]


class MessageForm(Form):
    """One message to every ticket that is linked to the incident."""

    body: Text


class MaintenanceForm(Form):
    title: Subject
    body: Told
    components: Names = ()
    impact: ImpactForm = ImpactForm()
    starts_at: When
    ends_at: When
    provider: Word | None = None
    override_reason: Reason | None = None


class RescheduleForm(Form):
    """`starts_at` left out: only the end moves."""

    starts_at: When | None = None
    ends_at: When
    body: Said = ""
    override_reason: Reason | None = None


class SayForm(Form):
    body: Said = ""


class AnnouncementForm(Form):
    """`ends_at` is a maintenance's; where nobody says it, it takes an hour. `provider`: for ops, on
    whose behalf.
    """

    purpose: Annotated[Purpose, Field(strict=False)]
    subject: Subject
    body: Told
    starts_at: When | None = None
    ends_at: When | None = None
    impact: ImpactForm = ImpactForm()
    override_reason: Reason | None = None
    provider: Word | None = None


Family = Literal["incidents", "maintenances", "announcements"]

OPENINGS: dict[Family, tuple[str, type[e.StatusRequest], type[Form]]] = {
    "incidents": ("inc", e.OpenIncident, IncidentForm),
    "maintenances": ("mnt", e.ScheduleMaintenance, MaintenanceForm),
    "announcements": ("ann", e.MakeAnnouncement, AnnouncementForm),
}
"""`POST /v1/…` → the beginning of its ids, the request it makes, the form it takes."""

# A maintenance can be moved under either of its names, so both families share this table.
_MOVING: dict[str, tuple[type[e.StatusRequest], type[Form]]] = {
    "reschedule": (e.RescheduleMaintenance, RescheduleForm),
    "end": (e.EndMaintenance, SayForm),
    "cancel": (e.CancelMaintenance, SayForm),
    "updates": (e.UpdateIncident, UpdateForm),
    "correct": (e.CorrectIncident, CorrectForm),
}
ACTIONS: dict[Family, dict[str, tuple[type[e.StatusRequest], type[Form]]]] = {
    "incidents": {
        "updates": (e.UpdateIncident, UpdateForm),
        "correct": (e.CorrectIncident, CorrectForm),
        "publish": (e.PublishIncident, PublishForm),
        "resolve": (e.ResolveIncident, ResolveForm),
        "postmortem": (e.PublishPostmortem, PostmortemForm),
    },
    "maintenances": _MOVING,
    "announcements": _MOVING,
}
"""The last word of `POST /v1/<family>/{id}/…` → likewise. An announced maintenance is moved under
either family.
"""
