"""What may be asked of incidents, maintenances and announcements: strict forms, as in `forms.py`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field, StringConstraints

from services.intake.forms import ONE_LINE, Form, Reason, Subject, Text, Word
from shared import events as e
from shared.events import Colour, Purpose
from shared.instants import of_ours


def _is_text(value: Any) -> Any:
    """An instant is written as text: a number would be read as seconds of some epoch."""
    if not isinstance(value, str):
        raise ValueError("an instant is text, such as 2026-11-22T10:00:00Z")
    return value


When = Annotated[AwareDatetime, Field(strict=False), BeforeValidator(_is_text), AfterValidator(of_ours)]
Named = Annotated[str, StringConstraints(min_length=1, max_length=100, strip_whitespace=True, pattern=ONE_LINE)]
Names = Annotated[tuple[Named, ...], Field(strict=False, max_length=50)]
Said = Annotated[str, StringConstraints(max_length=20_000)]
_Colour = Annotated[Colour, Field(strict=False)]


class ImpactForm(Form):
    """What is not said stays as it is; at the beginning that is green."""

    production: _Colour | None = None
    development: _Colour | None = None

    def over(self, before: e.Impact) -> e.Impact:
        """The impact this makes of `before`."""
        return e.Impact(production=self.production or before.production, development=self.development or before.development)


class StackForm(Form):
    """`effects` of the incident on applications of `stack`; `all` means whatever the stack."""

    stack: Named
    effects: Annotated[
        tuple[Annotated[str, StringConstraints(min_length=1, max_length=1000)], ...], Field(strict=False, max_length=50)
    ] = ()


Stacks = Annotated[tuple[StackForm, ...], Field(strict=False, max_length=20)]


class IncidentForm(Form):
    """`components` by id or name. `provider`: for ops, whose add-on it is; a provider's users report their own."""

    title: Subject
    body: Text
    components: Names = ()
    impact: ImpactForm = ImpactForm()
    stacks: Stacks = ()
    provider: Word | None = None
    follow_up_of: Word | None = None
    draft: bool = False
    started_at: When | None = None


class UpdateForm(Form):
    body: Text
    impact: ImpactForm | None = None
    components: Names | None = None
    stacks: Stacks = ()
    corrects: Word | None = None
    internal: bool = False


class PublishForm(Form):
    title: Subject | None = None
    body: Text | None = None
    impact: ImpactForm | None = None
    components: Names | None = None


class ResolveForm(Form):
    body: Text


class SectionForm(Form):
    heading: Subject
    body: Text


class PostmortemForm(Form):
    sections: Annotated[tuple[SectionForm, ...], Field(strict=False, min_length=1, max_length=30)]


class MessageForm(Form):
    """One message to every ticket that is linked to the incident."""

    body: Text


class MaintenanceForm(Form):
    title: Subject
    body: Text
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
    """`ends_at` is a maintenance's; where nobody says it, it takes an hour. `provider`: for ops, on whose behalf."""

    purpose: Annotated[Purpose, Field(strict=False)]
    subject: Subject
    body: Text
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

_MOVING: dict[str, tuple[type[e.StatusRequest], type[Form]]] = {
    "reschedule": (e.RescheduleMaintenance, RescheduleForm),
    "end": (e.EndMaintenance, SayForm),
    "cancel": (e.CancelMaintenance, SayForm),
    "updates": (e.UpdateIncident, UpdateForm),
}
ACTIONS: dict[Family, dict[str, tuple[type[e.StatusRequest], type[Form]]]] = {
    "incidents": {
        "updates": (e.UpdateIncident, UpdateForm),
        "publish": (e.PublishIncident, PublishForm),
        "resolve": (e.ResolveIncident, ResolveForm),
        "postmortem": (e.PublishPostmortem, PostmortemForm),
    },
    "maintenances": _MOVING,
    "announcements": _MOVING,
}
"""The last word of `POST /v1/<family>/{id}/…` → likewise. An announced maintenance is moved under either family."""
