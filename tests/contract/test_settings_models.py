"""Each process's settings take a value for every field that has one on an operator's machine."""

from __future__ import annotations

import importlib
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from shared.kafka.settings import KafkaSettings
from shared.settings import Settings

PLACES = [
    *(
        f"services.{name}.settings"
        for name in ("intake", "router", "sla", "notifier", "portal", "auditor")
    ),
    "cli.settings",
]
SECRET = "whsec_" + "c2VjcmV0" * 8


def models() -> list[type[Settings]]:
    return [
        value
        for place in PLACES
        for value in vars(importlib.import_module(place)).values()
        if isinstance(value, type) and issubclass(value, Settings) and value.__module__ == place
    ]


def secrets_of(model: type[Settings]) -> dict[str, Any]:
    """Kafka's go with a user or a certificate: tests/unit/shared/test_kafka_access.py has them."""
    return {
        name: SECRET
        for name, field in model.model_fields.items()
        if SecretStr.__name__ in str(field.annotation) and name not in KafkaSettings.model_fields
    }


@pytest.mark.parametrize("model", models(), ids=lambda model: model.__name__)
def test_a_secret_is_taken_or_refused_in_words(model: type[Settings]) -> None:
    found = model(**secrets_of(model))
    assert all(getattr(found, name).get_secret_value() == SECRET for name in secrets_of(model)), (
        "a secret is kept as it was given"
    )
    for name in secrets_of(model):
        try:
            model(**{**secrets_of(model), name: "x"})
        except ValidationError as error:
            assert SECRET not in str(error)


def test_there_are_models() -> None:
    assert len(models()) >= 6
    assert any(secrets_of(model) for model in models())
