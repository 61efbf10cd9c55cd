"""The nine items to include with an urgent request (seed 001, "Information to Include with Urgent
Requests"): which are given, and what to ask for the rest. It blocks nothing: a page never waits for
a complete form. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from shared.events import TimeRead, UrgentDetails
from shared.text.times import exact_times

ITEMS = 9
# "It is down" is no description yet; five words may be one. Ours.
_WORDS_OF_A_DESCRIPTION = 5
_BLANK = UrgentDetails()


@dataclass(frozen=True, slots=True)
class Item:
    """`question` asks for what is missing, empty where it was told; `field` of the form is where it
    belongs.
    """

    name: str
    title: str
    question: str = ""
    field: str = "body"

    @property
    def is_given(self) -> bool:
        return not self.question


def items_of(
    given: UrgentDetails | None,
    body: str,
    times: Sequence[TimeRead] = (),
    *,
    access_granted: bool | None = None,
) -> list[Item]:
    """All nine, in the guide's order. `access_granted`: as it stands now, where that is known
    better than the form.
    """
    form = given or _BLANK
    access = form.access_granted if access_granted is None else access_granted
    # The guide's order and titles. Each question is empty where the item is given.
    return [
        Item(
            "access",
            "Permission to access the app",
            "" if access is True else _ACCESS,
            "access_granted",
        ),
        Item(
            "description",
            "A detailed description",
            "" if len(body.split()) >= _WORDS_OF_A_DESCRIPTION else _DESCRIPTION,
        ),
        Item("impact", "Users and business affected", *_impact(form)),
        Item(
            "steps",
            "Steps to reproduce it",
            "" if _has_text(form.steps_to_reproduce) else _STEPS,
            "steps_to_reproduce",
        ),
        Item("staging", "Staging, and how it differs", *_staging(form)),
        Item("began", "When it began, with time zone", _began(form, times), "began_at"),
        Item(
            "logs",
            "Logs with their times, stack traces",
            # Log lines pasted into the description count as well.
            "" if _has_text(form.logs) or next(exact_times(body), None) else _LOGS,
            "logs",
        ),
        Item(
            "configuration",
            "Configuration that matters",
            "" if _has_text(form.configuration) else _CONFIGURATION,
            "configuration",
        ),
        Item(
            "services",
            "Third-party services",
            "" if form.third_party_services is not None else _SERVICES,
            "third_party_services",
        ),
    ]


def measure(items: Sequence[Item]) -> int:
    """How many of the nine are given."""
    return sum(item.is_given for item in items)


def questions(items: Sequence[Item]) -> tuple[str, ...]:
    """What to ask, one sentence an item."""
    return tuple(item.question for item in items if not item.is_given)


_ACCESS = "May our staff access the app and its add-ons for this ticket?"
_DESCRIPTION = "What exactly happens, and what did you expect?"
_USERS = "How many users, or what share of them, are affected?"
_BUSINESS = "How does it affect your business?"
_STEPS = "How can we reproduce it?"
_STAGING = "Does it happen in staging or testing too?"
_DIFFERENCES = "How does staging differ from production?"
_BEGAN = "When did it begin, with the time zone, best as 2015-01-01 12:00:00 UTC?"
_LOGS = "Which logs, with their times, and stack traces show it?"
_CONFIGURATION = "Which configuration matters here, without passwords and keys?"
_SERVICES = "Which third-party services are involved, even if none?"


def _impact(form: UrgentDetails) -> tuple[str, str]:
    # One question at a time: users first, then the business.
    if not _has_text(form.users_affected):
        return _USERS, "users_affected"
    return "" if _has_text(form.business_impact) else _BUSINESS, "business_impact"


def _staging(form: UrgentDetails) -> tuple[str, str]:
    seen = (form.seen_in_staging or "").strip().lower()
    if not seen:
        return _STAGING, "seen_in_staging"
    # "No, only in production": only then does it matter how staging differs.
    return _DIFFERENCES if seen.startswith("no") and not _has_text(
        form.staging_differences
    ) else "", "staging_differences"


def _began(form: UrgentDetails, times: Sequence[TimeRead]) -> str:
    """A time that cannot be told is as good as none: seed 001 asks for one with its zone."""
    if not _has_text(form.began_at):
        return _BEGAN
    unclear = next((read for read in times if read.field == "began_at" and read.utc is None), None)
    return (
        f'When did it begin? From "{unclear.original}" we cannot tell: {unclear.ambiguous_because}'
        if unclear
        else ""
    )


def _has_text(text: str | None) -> bool:
    return bool(text and text.strip())
