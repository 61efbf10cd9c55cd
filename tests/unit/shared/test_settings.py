"""Settings: from variables and files, all problems at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared.settings import EX_CONFIG, SigningSettings, StoreSettings, load, problems_in


class Settings(StoreSettings, SigningSettings):
    """Everything that several processes share."""


class Router(Settings):
    patience: float = 2.0
    name_of_it: str


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    for name in list(os.environ):
        if name.startswith(("SIGNALBOX_", "KAFKA_", "MONGODB_")):
            monkeypatch.delenv(name)


def test_defaults_are_for_one_machine() -> None:
    settings = load(Settings)
    assert settings.topic_prefix == "signalbox-"
    assert settings.secret is None
    assert settings.instance is None


def test_customary_names_and_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "broker:1")
    monkeypatch.setenv("MONGODB_URI", "mongodb://m")
    monkeypatch.setenv("SIGNALBOX_NAME_OF_IT", "r")
    monkeypatch.setenv("SIGNALBOX_DEMO", "1")
    monkeypatch.setenv("SIGNALBOX_CLOCK_FILE", "")
    settings = load(Router)
    assert (settings.kafka_bootstrap_servers, settings.mongodb_uri, settings.name_of_it) == (
        "broker:1",
        "mongodb://m",
        "r",
    )
    assert settings.demo
    assert settings.clock_file is None


def test_every_variable_may_be_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for variable, value in (
        ("SIGNALBOX_SECRET", "s" * 32),
        ("MONGODB_URI", "mongodb://filed"),
        ("SIGNALBOX_METRICS_PORT", "9101"),
    ):
        (tmp_path / variable).write_text(value + "\n")
        monkeypatch.setenv(f"{variable}_FILE", str(tmp_path / variable))
    settings = load(Settings)
    assert settings.secret is not None
    assert settings.secret.get_secret_value() == "s" * 32
    assert (settings.mongodb_uri, settings.metrics_port) == ("mongodb://filed", 9101)
    monkeypatch.setenv("MONGODB_URI", "mongodb://direct")
    assert load(Settings).mongodb_uri == "mongodb://direct"


def test_all_problems_are_said_at_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SIGNALBOX_PATIENCE", "soon")
    monkeypatch.setenv("SIGNALBOX_METRICS_PORT", "99999")
    monkeypatch.setenv("SIGNALBOX_SECRET", "short")
    with pytest.raises(SystemExit) as ended:
        load(Router)
    assert ended.value.code == EX_CONFIG
    said = capsys.readouterr().err
    for variable in (
        "SIGNALBOX_PATIENCE",
        "SIGNALBOX_METRICS_PORT",
        "SIGNALBOX_SECRET",
        "SIGNALBOX_NAME_OF_IT",
    ):
        assert variable in said
    assert "short" not in said.replace("shorter", "")


def test_a_file_that_cannot_be_read_is_named() -> None:
    (problem,) = problems_in(Settings, {"SIGNALBOX_SECRET_FILE": "/nowhere/secret"})
    assert "SIGNALBOX_SECRET_FILE" in problem
