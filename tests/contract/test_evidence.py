"""docs/evidence.md names every rule that judges a mail or a ticket by its text, with the strength
that the code gives it.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from services.intake.mail.admission import admission
from services.intake.mail.admission.answering import is_never_told
from services.intake.mail.reading.machines import automatic
from services.router.team import rules, scope
from shared.events import Cause

PAGE = (Path(__file__).parents[2] / "docs" / "evidence.md").read_text()


def rows(title: str) -> dict[str, list[str]]:
    """First cell → the others, of the table under a heading that begins with `title`."""
    (section,) = re.findall(rf"^## {re.escape(title)}.*?(?=^## |\Z)", PAGE, re.M | re.S)
    cells = [
        [cell.strip() for cell in line.strip().strip("|").split("|")]
        for line in section.splitlines()
        if line.startswith("|") and not line.startswith("|---")
    ]
    return {first: rest for first, *rest in cells[1:]}


def test_every_mark_of_a_machine_is_listed_with_its_strength() -> None:
    listed = {name: cells[1] for name, cells in rows("Marks of a machine").items()}
    code = {rule.__name__: "strong" for rule in automatic.STRONG}
    code |= {rule.__name__: "weak" for rule in automatic.WEAK}
    assert listed == code


def test_every_rule_of_admission_is_listed_in_its_order() -> None:
    assert list(rows("Admission of mail")) == [rule.__name__ for rule in admission.RULES]


def test_every_cause_is_listed_with_who_is_told() -> None:
    listed = rows("Causes, and who is told")
    assert list(listed) == [cause.value for cause in Cause]
    assert {name for name, cells in listed.items() if cells[0].startswith("never")} == {
        cause.value for cause in Cause if is_never_told(cause)
    }


def test_every_rule_of_routing_and_scope_is_listed() -> None:
    code = [rule.__name__ for rule, _ in scope.EXCLUSIONS]
    assert list(rows("Routing and scope")) == [*code, *rules.RULES]


@pytest.mark.parametrize(
    "title", ["Marks of a machine", "Admission of mail", "Ceilings", "Routing"]
)
def test_every_row_says_what_it_may_do(title: str) -> None:
    for name, cells in rows(title).items():
        assert len(cells) == 4, name
        assert cells[2], name
        if cells[1] == "weak":
            assert cells[3], f"{name}: what weak evidence may never do"
