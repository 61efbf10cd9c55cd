"""One action for many tickets: what is asked of each, under which key, and the outcome in words."""

from __future__ import annotations

from typing import Any

import pytest

from services.portal.desk.bulk import (
    MOST,
    BulkResult,
    count_in_words,
    key_for,
    mistake_in,
    read_bulk_action,
    read_picked_tickets,
)

ONE, TWO, THREE = (f"tkt_{letter * 26}" for letter in "abc")


def picks(*tickets: str) -> dict[str, str]:
    return {f"pick-{ticket}": "yes" for ticket in tickets}


def test_only_ids_of_tickets_are_picked() -> None:
    assert read_picked_tickets({**picks(ONE, TWO), "pick-../x": "yes", "do": "take"}) == [ONE, TWO]


@pytest.mark.parametrize(
    ("fields", "asked"),
    [
        ({"do": "take", "instead_of": "a@example.com"}, ("take", {"instead_of": ""})),
        (
            {"do": "hand-over", "to": "agent2@example.com"},
            ("hand-over", {"to": "agent2@example.com", "reason": ""}),
        ),
        ({"do": "hand-over", "to": "queue:csa"}, ("assign", {"queue": "csa"})),
        ({"do": "tag", "add": "a, b", "remove": "c"}, ("tag", {"add": ["a", "b"], "remove": []})),
        (
            {"do": "review", "priority": "low", "why": "A workaround exists."},
            ("review", {"priority": "low", "reason": "A workaround exists."}),
        ),
        (
            {"do": "hand-over", "to": "agent2@example.com", "why": "Left from another action."},
            ("hand-over", {"to": "agent2@example.com", "reason": ""}),
        ),
        ({"do": "solve", "resolution": "Restarted."}, ("solve", {"resolution": "Restarted."})),
    ],
)
def test_what_each_ticket_gets(fields: dict[str, str], asked: tuple[str, Any]) -> None:
    assert read_bulk_action(fields) == asked


@pytest.mark.parametrize(
    ("fields", "count", "says"),
    [
        ({"do": "take"}, 1, ""),
        ({"do": "take"}, 0, "Pick at least one"),
        ({"do": "take"}, MOST + 1, f"At most {MOST}"),
        ({"do": "close"}, 1, "Choose"),
        ({}, 1, "Choose"),
        ({"do": "tag", "add": " "}, 1, "Write a tag"),
        ({"do": "hand-over"}, 1, "Say who"),
        ({"do": "review", "why": "x"}, 1, "Choose a priority"),
        ({"do": "review", "priority": "urgent", "why": "x"}, 1, "Choose a priority"),
        ({"do": "review", "priority": "low", "why": " "}, 1, "Say why"),
        ({"do": "review", "priority": "low", "why": "x"}, 1, ""),
        ({"do": "solve", "resolution": ""}, 1, "Say what solved"),
        ({"do": "solve", "resolution": "Done."}, 1, ""),
    ],
)
def test_what_is_missing_is_said(fields: dict[str, str], count: int, says: str) -> None:
    mistake = mistake_in(fields, [ONE] * count)
    assert mistake.startswith(says) if says else mistake == ""


def test_a_ticket_is_written_once_under_a_key_of_its_own() -> None:
    keys = [
        key_for("k" * 300, "tag", {"add": ["a"]}, ONE),
        key_for("k" * 300, "tag", {"add": ["a"]}, TWO),
        key_for("k" * 300, "tag", {"add": ["b"]}, ONE),
        key_for("k" * 300, "take", {"instead_of": ""}, ONE),
    ]
    assert len(set(keys)) == 4
    assert all(len(key) <= 200 for key in keys)
    assert keys[0] == key_for("k" * 300, "tag", {"add": ["a"]}, ONE)


@pytest.mark.parametrize(
    ("became", "said"),
    [
        ([BulkResult(ONE, "done"), BulkResult(TWO, "done")], "2 done."),
        (
            [
                BulkResult(ONE, "done"),
                BulkResult(TWO, "refused", "Aron has it."),
                BulkResult(THREE, "late"),
            ],
            "1 done, 1 recorded, to be seen in a moment, 1 refused: Aron has it (bbbbbbbb).",
        ),
        (
            [
                BulkResult(ONE, "refused", "Aron has it."),
                BulkResult(TWO, "refused", "Aron has it."),
            ],
            "0 done, 2 refused: Aron has it (aaaaaaaa, bbbbbbbb).",
        ),
        ([BulkResult(ONE, "late")], "1 recorded, to be seen in a moment."),
    ],
)
def test_the_outcome_in_words(became: list[BulkResult], said: str) -> None:
    assert count_in_words(became) == said


def test_a_reason_names_only_some() -> None:
    became = [BulkResult(f"tkt_{letter * 26}", "refused", "No") for letter in "abcdefg"]
    assert count_in_words(became).endswith("eeeeeeee and 2 more).")
