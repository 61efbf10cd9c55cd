"""The wheel holds everything that runs: built here, put into a clean venv, imported and started.

The packages it needs are those of this venv, reached by a path file; nothing is downloaded.
"""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from collections.abc import Mapping
from pathlib import Path

import pytest

from cli.up.stack import SERVICES
from tests.support.waiting import stretched

ROOT = Path(__file__).parents[2]
MODULES = (
    "cli.main",
    "deploy.demo.seed",
    "deploy.embedded.__main__",
    "services.intake.smtp_app",
    "services.notifier.courier.app",
    "services.notifier.app",
    "services.portal.app",
    "services.portal.operations.pulse",
    "services.portal.status.serve",
    "shared.asyncapi",
    *(f"{words[0]}.__main__" for words in SERVICES.values() if words[0].startswith("services")),
    "deploy.demo.sink",
)
FILES = (
    "deploy/policies/default.yaml",
    "deploy/resources.yaml",
    "deploy/articles/synonyms.yaml",
    "deploy/demo/dns.yaml",
    "deploy/embedded/kafka/pom.xml",
    "services/portal/templates/base.html",
    "services/portal/static/app.css",
    "services/notifier/templates/layout.html",
    "cli/templates/what_if.html",
)


def run(
    *argv: str | Path, cwd: Path, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(word) for word in argv],
        cwd=cwd,
        env=None if env is None else dict(env),
        capture_output=True,
        text=True,
        timeout=stretched(120),
    )


@pytest.fixture(scope="module")
def venv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A venv with the wheel in it, and nothing of the clone on its path."""
    folder = tmp_path_factory.mktemp("wheel")
    built = run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder, cwd=ROOT)
    assert built.returncode == 0, built.stderr
    (wheel,) = folder.glob("*.whl")
    made = run(sys.executable, "-m", "venv", "--without-pip", folder / "venv", cwd=folder)
    assert made.returncode == 0, made.stderr
    installed = run(
        sys.executable,
        "-m",
        "pip",
        f"--python={folder / 'venv' / 'bin' / 'python'}",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--no-deps",
        "--no-index",
        wheel,
        cwd=folder,
    )
    assert installed.returncode == 0, installed.stderr
    (packages,) = (folder / "venv" / "lib").glob("python*/site-packages")
    (packages / "packages-of-the-tests.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder / "venv"


def clean(venv: Path) -> dict[str, str]:
    """An environment in which only the venv's own packages are found."""
    kept = {name: os.environ[name] for name in ("LANG", "TMPDIR") if name in os.environ}
    return {**kept, "PATH": f"{venv / 'bin'}:/usr/bin:/bin", "HOME": str(venv.parent)}


def test_every_entry_point_imports_from_the_wheel(venv: Path) -> None:
    code = (
        "import importlib, sys\n"
        f"for name in {MODULES!r}:\n"
        "    found = importlib.import_module(name)\n"
        "    assert found.__file__.startswith(sys.prefix), found.__file__\n"
    )
    done = run(venv / "bin" / "python", "-c", code, cwd=venv, env=clean(venv))
    assert done.returncode == 0, done.stderr


def test_the_wheel_holds_the_files_that_are_read(venv: Path) -> None:
    (packages,) = (venv / "lib").glob("python*/site-packages")
    assert [name for name in FILES if not (packages / name).is_file()] == []


def test_the_command_starts_and_reads_its_files(venv: Path) -> None:
    helped = run(venv / "bin" / "signalbox", "--help", cwd=venv, env=clean(venv))
    assert helped.returncode == 0, helped.stderr
    assert "doctor" in helped.stdout
    checked = run(
        venv / "bin" / "signalbox", "articles", "check", "--json", cwd=venv, env=clean(venv)
    )
    assert checked.returncode == 0, checked.stderr + checked.stdout


def test_a_process_starts_as_far_as_its_settings(venv: Path) -> None:
    """A wrong setting is refused in words, with 78: the process has imported all of itself."""
    env = {**clean(venv), "SIGNALBOX_LOG_LEVEL": "shouting"}
    done = run(venv / "bin" / "python", "-m", *SERVICES["router"], cwd=venv, env=env)
    assert (done.returncode, "SIGNALBOX_LOG_LEVEL" in done.stderr) == (78, True), done.stderr


def test_a_process_that_was_installed_keeps_jars_in_the_users_cache(venv: Path) -> None:
    code = "from cli.settings import CommandSettings; print(CommandSettings().cache_dir)"
    done = run(venv / "bin" / "python", "-c", code, cwd=venv, env=clean(venv))
    assert done.stdout.strip() == str(venv.parent / ".cache" / "signalbox"), done.stderr
