"""No process imports a heavy package that it has no use for: each costs 1 to 10 MB in every process
that loads it, for as long as it lives.

`python -m tests.bench.memory` measures running processes.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from cli.up.stack import SERVICES

ROOT = Path(__file__).parents[2]

HTTP = {"fastapi"}
VIEWS = {"motor", "pymongo"}
CALLS = {"aiohttp"}
SENDS = CALLS | {"aiosmtplib", "standardwebhooks"}
READS_MAIL = {"cryptography", "dkim", "dns", "nh3"}

HEAVY = frozenset(
    {*HTTP, *VIEWS, *SENDS, *READS_MAIL}
    | {"aiosmtpd", "apprise", "authlib", "css_inline", "dateparser", "faust", "holidays"}
    | {"icalendar", "jinja2", "joserfc", "kingfisher_sdk", "limits", "markdown_it", "obstore"}
    | {"opentelemetry.sdk", "pygments", "rich", "segno", "typer", "yaml"}
    | {"services.intake.tickets.shell", "services.portal.pages"}
)
"""Packages of a megabyte and more, and the two parts of ours that are as large."""

MAY_IMPORT: dict[str, tuple[str, set[str]]] = {
    "sink": ("deploy.demo.sink", {"aiosmtpd", *CALLS}),
    "intake": (
        "services.intake.__main__",
        {"services.intake.tickets.shell", "holidays", "kingfisher_sdk", "limits", "markdown_it"}
        | {"yaml"}
        | (HTTP | VIEWS | SENDS | READS_MAIL),
    ),
    "smtp": (
        "services.intake.smtp_app",
        {"aiosmtpd", "holidays", "kingfisher_sdk", "yaml"} | VIEWS | SENDS | READS_MAIL,
    ),
    "router": ("services.router.app", {"holidays"}),
    "sla": ("services.sla.app", {"holidays"}),
    "front": ("services.notifier.app", {"holidays", *SENDS}),
    "pager": ("services.notifier.app", {"holidays", *SENDS}),
    "courier": (
        "services.notifier.courier.app",
        {"cryptography", "holidays", "jinja2", *SENDS, *VIEWS},
    ),
    "portal": (
        "services.portal.app",
        {"authlib", "cryptography", "dns", "holidays", "icalendar", "jinja2", "joserfc", "limits"}
        | {"markdown_it", "nh3", "segno", "services.portal.pages", "yaml"}
        | (HTTP | VIEWS | SENDS),
    ),
    "status": ("services.portal.status.serve", {"jinja2"}),
    "projector": ("services.portal.projector.app", {*VIEWS}),
    "pulse": ("services.portal.operations.pulse", {"faust", *CALLS}),
    "auditor": ("services.auditor.app", {"standardwebhooks", *CALLS}),
    "a child that reads mail": ("services.intake.mail.reading.child", {*READS_MAIL}),
}
"""Process → the module that it imports, and which of the heavy packages it may load with it.

A package is added here only where the process uses it at every start or at every request. What is
used seldom is imported inside the function that uses it.
"""

LOOK = """
import gc, importlib, json, os, sys
import shared.bus, shared.spine.replica, shared.spine.runtime
modules, heavy = json.loads(sys.argv[1])
assert not set(heavy) & sys.modules.keys(), "all processes load it"
gc.disable()
gc.freeze()
for module in modules:
    if os.fork() == 0:
        importlib.import_module(module)
        print(json.dumps([module, sorted(set(heavy) & sys.modules.keys())]), flush=True)
        os._exit(0)
    os.wait()
"""
"""What most have in common is imported once, and each process's own part in a fork of that."""


@pytest.mark.costly
def test_no_process_imports_what_it_does_not_use() -> None:
    modules = sorted({module for module, _ in MAY_IMPORT.values()})
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", LOOK, json.dumps([modules, sorted(HEAVY)])],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    found = dict(json.loads(line) for line in done.stdout.splitlines())
    assert found.keys() == set(modules), done.stderr
    too_many = {
        name: sorted(set(found[module]) - allowed) for name, (module, allowed) in MAY_IMPORT.items()
    }
    assert not {name: packages for name, packages in too_many.items() if packages}


def test_every_process_is_looked_at() -> None:
    assert SERVICES.keys() <= MAY_IMPORT.keys()
