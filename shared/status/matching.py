"""Which open incident a ticket may be about: by its add-on, by the components' words, by who is
affected. And which incidents reach somebody's apps at all. Pure.

Seed 000, section 6: "If there's an ongoing platform issue, you do not need to submit a support
ticket." The asker is shown the incident and may submit all the same, so a match may be generous.
Grouping pages may not be: an emergency of its own must never be swallowed because some incident was
open, so only a *sure* match puts a ticket's page into the incident's lane.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import lru_cache

from shared.events import Colour, Component, Impact, Stage

_CODE = re.compile(r"[A-Z][0-9]{2}")
"""Error codes of the platform (H12, R14): as good as a name, wherever they stand."""


@dataclass(frozen=True, slots=True)
class OngoingIncident:
    """An open, public incident as it stands now."""

    id: str
    title: str
    components: tuple[Component, ...]
    impact: Impact
    provider: str | None = None


@dataclass(frozen=True, slots=True)
class Match:
    """An incident a ticket may be about, and the words or facts that say so. `sure`: its page joins
    the incident's lane.
    """

    incident: OngoingIncident
    because: tuple[str, ...]
    sure: bool


def match_incidents(
    ongoing: Iterable[OngoingIncident],
    *,
    subject: str,
    body: str,
    addon: str | None = None,
    attached: Collection[str] = (),
    has_app: bool = False,
    stage: Stage | None = None,
) -> tuple[Match, ...]:
    """The incidents a ticket matches, sure ones first. `addon` is the one its form names,
    `attached` those of its app.

    A component matches if it is the add-on named, or if one of its words stands in the text; an
    add-on's words count only where it is attached to the app (or no app is named). Sure: the add-on
    named, an error code, or a word in the subject. An incident that does no harm to apps of this
    stage matches nothing.
    """
    found = []
    for incident in ongoing:
        # Development alone is broken: an app in production has another trouble.
        if not _affects(incident.impact, stage):
            continue
        because: list[str] = []
        sure = False
        # All components are looked at, so that the asker reads every reason.
        for component in incident.components:
            if component.addon is not None and component.addon == addon:
                because.append(f"the ticket names {component.name}")
                sure = True
                continue
            # An add-on that this app does not have cannot be what is wrong with it.
            if component.addon is not None and has_app and component.addon not in attached:
                continue
            for word in component.words:
                in_subject = _says(word, subject)
                if in_subject or _says(word, body):
                    because.append(f"it says {word!r} ({component.name})")
                    # A word in the body may be said in passing; the subject is what the ticket is
                    # about.
                    sure = sure or in_subject or bool(_CODE.fullmatch(word))
        if because:
            found.append(Match(incident, tuple(because), sure))
    return tuple(sorted(found, key=lambda match: not match.sure))


@dataclass(frozen=True, slots=True)
class Touch:
    """An incident that reaches somebody's apps or add-ons, and the names of its components by which
    it does.
    """

    incident: OngoingIncident
    components: tuple[str, ...]


def find_touching(
    ongoing: Iterable[OngoingIncident], *, addons: Collection[str], stages: Collection[Stage]
) -> tuple[Touch, ...]:
    """The incidents that reach somebody, whatever a ticket says: by an add-on of theirs, or by a
    part of the platform, on which every app runs.

    `stages`: those of their apps; with none only their add-ons count. An incident that does no harm
    to apps of these stages reaches nobody.
    """
    found = []
    for incident in ongoing:
        # Without apps: whether anybody is harmed at all.
        if not any(_affects(incident.impact, stage) for stage in (stages or (None,))):
            continue
        reached = tuple(
            component.name
            for component in incident.components
            if (component.addon in addons if component.addon is not None else bool(stages))
        )
        if reached:
            found.append(Touch(incident, reached))
    return tuple(found)


def _affects(impact: Impact, stage: Stage | None) -> bool:
    """Whether apps of this stage are harmed; staging runs like development. Without a stage:
    whether any are.
    """
    if stage is Stage.PRODUCTION:
        return impact.production is not Colour.GREEN
    if stage is not None:
        return impact.development is not Colour.GREEN
    return impact != Impact()


def _says(word: str, text: str) -> bool:
    return bool(word) and _pattern(word).search(text) is not None


# The words come from the policy and hardly change.
@lru_cache(maxsize=2048)
def _pattern(word: str) -> re.Pattern[str]:
    """The word or phrase as a whole, in any case and with any white space between; an error code in
    capitals only.
    """
    inner = r"\s+".join(re.escape(part) for part in word.split())
    return re.compile(
        rf"(?<![\w-]){inner}(?![\w-])", re.NOFLAG if _CODE.fullmatch(word) else re.IGNORECASE
    )
