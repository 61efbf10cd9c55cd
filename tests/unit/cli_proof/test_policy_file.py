"""A bad policy file is refused with the line, the path and what to change; a good one is compared
by path.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from cli.documents.policy_file import DEFAULT, check
from services.intake.policies.check import check_policy
from services.router.team.rules import RULES
from shared.errors import Refused
from shared.policy import DESK, ON_CALL, DeskPolicy
from shared.policy.writing.checks import ROUTING_RULES
from shared.policy.writing.differences import find_differences

DESK_TEXT = DEFAULT.read_text()
ON_CALL_TEXT = (
    (DEFAULT.parent / "on-call.yaml").read_text().replace("${SINK}", "http://127.0.0.1:8025")
)


def changed(text: str, old: str, new: str) -> str:
    assert old in text, old
    return text.replace(old, new, 1)


def line_of(text: str, word: str) -> int:
    return next(number for number, line in enumerate(text.splitlines(), 1) if word in line)


def test_ours_can_be_applied() -> None:
    assert check(DESK_TEXT).mistakes == () and check(DESK_TEXT).name == DESK
    assert check(ON_CALL_TEXT).mistakes == () and check(ON_CALL_TEXT).name == ON_CALL


def test_the_rules_that_may_be_named_are_the_routers() -> None:
    assert set(ROUTING_RULES) == set(RULES)


BAD = {
    "unknown field": (
        DESK_TEXT,
        "default_priority:",
        "defualt_priority:",
        "defualt_priority",
        "did you mean 'default_priority'",
    ),
    "unknown field deep inside": (
        DESK_TEXT,
        "{within: 4h, calendar: business}",
        "{within: 4h, calender: business}",
        "calender",
        "did you mean 'calendar'",
    ),
    "overlapping windows": (
        DESK_TEXT,
        'tue: [{opens: "09:00", closes: "21:00"}]',
        'tue: [{opens: "09:00", closes: "17:00"}, {opens: "16:00", closes: "21:00"}]',
        "tue:",
        "windows overlap at 16:00",
    ),
    "a zone that does not exist": (
        DESK_TEXT,
        "zone: America/New_York",
        "zone: America/NewYork",
        None,
        "'America/NewYork' is not in the IANA database",
    ),
    "a rule that does not exist": (
        DESK_TEXT,
        "rule: addon_host_in_text",
        "rule: addon_in_moon",
        "addon_in_moon",
        "there is no routing rule 'addon_in_moon'",
    ),
    "a span that is none": (
        DESK_TEXT,
        "within: 30m",
        "within: soon",
        "soon",
        'as "45s", "30m", "4h" or "2d"',
    ),
    "a calendar that is not there": (
        DESK_TEXT,
        "within: 30m, calendar: always",
        "within: 30m, calendar: whenever",
        "whenever",
        "'whenever' is named by a target",
    ),
    "a target twice": (
        DESK_TEXT,
        "{plan: premier, priority: urgent,",
        "{plan: premier, priority: high,",
        None,
        "two targets",
    ),
    "a field twice": (
        DESK_TEXT,
        "escalation: support\n",
        "escalation: support\nescalation: other\n",
        "escalation: other",
        "it is there twice",
    ),
    "a missing field": (DESK_TEXT, "urgent_stages: [production]\n", "", None, "it is missing"),
    "no YAML": (DESK_TEXT, "routing:", "routing: [", None, "no YAML"),
    "no steps": (
        ON_CALL_TEXT,
        "    steps:\n      - {schedule: support-primary, wait: 5m}\n      - {schedule: support-secondary, wait: 5m}\n",
        "    steps: []\n",
        "steps:",
        "add at least one",
    ),
    "a schedule that is not there": (
        ON_CALL_TEXT,
        "{schedule: support-secondary, wait",
        "{schedule: support-third, wait",
        "support-third",
        "no schedule 'support-third'",
    ),
    "a person that is not there": (
        ON_CALL_TEXT,
        "fallback: lead",
        "fallback: leader",
        "fallback: leader",
        "'leader' is not among the people",
    ),
    "a zone of a schedule": (
        ON_CALL_TEXT,
        "zone: America/New_York",
        "zone: Mars/Base",
        None,
        "'Mars/Base'",
    ),
}


@pytest.mark.parametrize("case", BAD, ids=str)
def test_a_mistake_is_told_with_its_place(case: str) -> None:
    text, old, new, at, words = BAD[case]
    wrong = changed(text, old, new)
    found = check(wrong)
    assert found.policy is None
    (told, *_) = [mistake for mistake in found.mistakes if words in mistake.words]
    if at is not None:
        assert told.line == line_of(wrong, at), str(told)


def test_intake_refuses_a_rule_that_does_not_exist_with_its_place() -> None:
    document = check(changed(DESK_TEXT, "rule: addon_host_in_text", "rule: addon_in_moon")).document
    with pytest.raises(Refused, match="#/routing/3/rule: there is no routing rule"):
        check_policy(DESK, document, datetime.now(UTC))


def test_a_placeholder_is_never_applied() -> None:
    assert "placeholder" in check((DEFAULT.parent / "on-call.yaml").read_text()).mistakes[0].words


def test_a_diff_says_old_and_new_by_path() -> None:
    old, new = (
        check(DESK_TEXT).policy,
        check(
            changed(DESK_TEXT, "within: 30m", "within: 45m").replace(
                "pages: [legacy-", "pages: [premium, legacy-"
            )
        ).policy,
    )
    assert isinstance(old, DeskPolicy) and isinstance(new, DeskPolicy)
    assert list(find_differences(old, old)) == []
    assert list(find_differences(old, new)) == [
        ("pages", ["legacy-enterprise", "premier"], ["legacy-enterprise", "premier", "premium"]),
        ("targets[premier/urgent].within", "30m", "45m"),
    ]


def test_a_diff_sees_rules_in_another_order() -> None:
    first, second = (
        "  - {rule: addon_chosen_in_form, strength: certain}\n",
        "  - {rule: break_fix_sent_as_architecture, strength: certain}\n",
    )
    old, new = (
        check(DESK_TEXT).policy,
        check(changed(DESK_TEXT, first + second, second + first)).policy,
    )
    assert [path for path, _, _ in find_differences(old, new)] == ["routing (order)"]


def test_a_file_that_cannot_be_read_ends_the_command(tmp_path: Path) -> None:
    from typer.testing import CliRunner

    from cli.main import app

    said = CliRunner().invoke(app, ["policy", "check", str(tmp_path / "none.yaml")])
    assert said.exit_code == 2
    bad = tmp_path / "default.yaml"
    bad.write_text(changed(DESK_TEXT, "default_priority:", "defualt_priority:"))
    said = CliRunner().invoke(app, ["policy", "check", str(bad), "--json"])
    assert said.exit_code == 1 and '"line"' in said.output
