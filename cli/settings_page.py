"""docs/settings.md, made from the settings models: `python -m cli.settings_page >
docs/settings.md`.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from pydantic import AliasChoices, SecretStr
from pydantic.fields import FieldInfo

from cli.settings import CommandSettings
from services.auditor.settings import AuditorSettings
from services.intake.settings import IntakeSettings, SmtpSettings
from services.notifier.settings import CourierSettings, FrontSettings, PagerSettings
from services.portal.settings import (
    PortalSettings,
    ProjectorSettings,
    PulseSettings,
    StatusSettings,
)
from services.router.settings import RouterSettings
from services.sla.settings import SlaSettings
from shared.settings import PREFIX, Settings

# A process that is missing here is missing on the page.
PROCESSES: dict[str, type[Settings]] = {
    "intake": IntakeSettings,
    "smtp": SmtpSettings,
    "router": RouterSettings,
    "sla": SlaSettings,
    "front": FrontSettings,
    "pager": PagerSettings,
    "courier": CourierSettings,
    "portal": PortalSettings,
    "projector": ProjectorSettings,
    "pulse": PulseSettings,
    "status": StatusSettings,
    "auditor": AuditorSettings,
    "command": CommandSettings,
}
_TOP = """# Settings

Every setting is an environment variable. Each may be given as `<NAME>_FILE` instead: a file with the
value, as secrets are mounted. All that is wrong is said at once when a process starts, and it ends
with exit code 78. Durations are seconds unless a setting says otherwise.

This page is made from the settings models by `python -m cli.settings_page > docs/settings.md`; a test holds it to them.

| setting | default | read by | what it is |
|---|---|---|---|
"""


def render_page() -> str:
    """The page."""
    return _TOP + "".join(_row(name, *found) for name, found in sorted(_settings().items()))


def _settings() -> dict[str, tuple[FieldInfo, list[str]]]:
    """Variable → its field, and the processes that read it."""
    found: dict[str, tuple[FieldInfo, list[str]]] = {}
    for process, model in PROCESSES.items():
        for name, field in model.model_fields.items():
            found.setdefault(variable_of(name, field), (field, []))[1].append(process)
    return found


def variable_of(name: str, field: FieldInfo) -> str:
    """The customary name of the environment variable of a field."""
    alias = field.validation_alias or field.alias
    if isinstance(alias, AliasChoices):
        return str(alias.choices[0])
    return str(alias) if alias else f"{PREFIX}{name.upper()}"


def _row(variable: str, field: FieldInfo, processes: list[str]) -> str:
    by = "all" if len(processes) == len(PROCESSES) else ", ".join(processes)
    said = (field.description or "").replace("|", "\\|")
    return f"| `{variable}` | {_default(field)} | {by} | {said} |\n"


def _default(field: FieldInfo) -> str:
    value: Any = field.default
    # Never a value, not even a default.
    if SecretStr.__name__ in str(field.annotation):
        return "a secret"
    if value is None or value == "":
        return ""
    if isinstance(value, bool):
        return f"`{int(value)}`"
    # An absolute path is of the machine that made the page.
    if isinstance(value, Path) and value.is_absolute():
        return "a folder of its own"
    if isinstance(value, float):
        return f"`{value:g}`"
    return f"`{value}`"


if __name__ == "__main__":
    sys.stdout.write(render_page())
