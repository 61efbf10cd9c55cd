"""Which items of the urgent guide a later reply gives: by their labels ("Users affected: all"), as
the form on the ticket writes them, or by what people say without labels. A guess only shortens a
list of questions; nothing waits for it. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from shared.text.times import exact_times

LABELS: Mapping[str, str] = {
    "users_affected": "Users affected",
    "business_impact": "Effect on the business",
    "steps_to_reproduce": "Steps to reproduce",
    "seen_in_staging": "Seen in staging",
    "staging_differences": "How staging differs",
    "began_at": "When it began",
    "logs": "Logs",
    "configuration": "Configuration",
    "third_party_services": "Third-party services",
}
"""Field of UrgentDetails → what stands before its answer. In the order of the form."""

_FIELD_OF = {label.lower(): field for field, label in LABELS.items()}
_LABEL = re.compile(
    rf"^[ \t]*({'|'.join(re.escape(label) for label in LABELS.values())})[ \t]*:[ \t]*",
    re.IGNORECASE | re.MULTILINE,
)
# What people say without a label. Missing on purpose: the fields that a few words cannot give (how
# staging differs).
_SAID: Mapping[str, re.Pattern[str]] = {
    "users_affected": re.compile(
        r"\b(?:all|every|most|half|some|\d[\d,.]* ?%?(?: of)?)[^.\n]{0,20}"
        r"\b(?:users?|customers?|clients?|visitors?|requests)\b",
        re.IGNORECASE,
    ),
    "business_impact": re.compile(
        (
            r"\b(?:revenue|orders?|sales|business|losing|lose money|per hour|cannot (?:sell"
            r"|ship|bill))\b"
        ),
        re.IGNORECASE,
    ),
    "steps_to_reproduce": re.compile(r"\b(?:to reproduce|reproduc\w+|steps)\b", re.IGNORECASE),
    "seen_in_staging": re.compile(r"\b(?:staging|test environment|in testing)\b", re.IGNORECASE),
    "configuration": re.compile(r"(?:^|\s)[A-Z][A-Z0-9_]{3,}=|\bconfig(?:uration|s)?\b"),
    "third_party_services": re.compile(r"\bthird[- ]part(?:y|ies)\b", re.IGNORECASE),
}
# Words that say of a time that it is the beginning.
_BEGAN = re.compile(r"\b(?:since|began|begun|started|start of|from)\b", re.IGNORECASE)


def answers_in(text: str) -> dict[str, str]:
    """Field of UrgentDetails → its answer, empty ones left out. What was said without a label is
    the whole text.
    """
    marks = list(_LABEL.finditer(text))
    # An answer goes on until the next label. Shifted by one: each label's end is where the next
    # begins.
    ends = [*(mark.start() for mark in marks), len(text)][1:]
    found = {
        _FIELD_OF[mark[1].lower()]: text[mark.end() : end].strip()
        for mark, end in zip(marks, ends, strict=True)
    }
    # Only what stands before the first label was said without one.
    free = text[: marks[0].start()] if marks else text
    for field, said in _SAID.items():
        if said.search(free):
            # A labelled answer wins over a guess.
            found.setdefault(field, free.strip())
    # A text with exact times has log lines in it.
    if next(exact_times(free), None) is not None:
        found.setdefault("logs", free.strip())
        if _BEGAN.search(free):
            found.setdefault("began_at", free.strip())
    return {field: answer for field, answer in found.items() if answer}


def reply_of(answers: Mapping[str, str]) -> str:
    """The text of a reply that gives `answers` (by field), one labelled part each; `answers_in`
    reads it back.
    """
    return "\n\n".join(
        f"{label}: {answers[field].strip()}"
        for field, label in LABELS.items()
        if answers.get(field, "").strip()
    )
