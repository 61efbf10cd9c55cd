"""docs/settings.md says what the settings models say."""

from __future__ import annotations

from pathlib import Path

from cli.settings_page import PROCESSES, render_page, variable_of

PAGE = Path(__file__).parents[2] / "docs" / "settings.md"


def test_the_page_is_todays() -> None:
    assert PAGE.read_text() == render_page(), "run: python -m cli.settings_page > docs/settings.md"


def test_every_setting_says_what_it_is() -> None:
    bare = {
        variable_of(name, field)
        for model in PROCESSES.values()
        for name, field in model.model_fields.items()
        if not field.description
    }
    assert bare == set()
