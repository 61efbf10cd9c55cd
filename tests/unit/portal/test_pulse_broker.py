"""Faust reaches the same Kafka by the same logins as everybody else."""

from __future__ import annotations

from dataclasses import replace

import pytest
from faust.transport.drivers.aiokafka import credentials_to_aiokafka_auth  # noqa: TID251 - judges us

from services.portal.operations.pulse import _broker
from shared.bus import client_options
from shared.kafka.access import KafkaAccess

PLAIN = KafkaAccess(("b1:9092", "b2:9092"))
LOGIN = replace(PLAIN, mechanism="SCRAM-SHA-512", username="pulse", password="p@:/?&")


@pytest.mark.parametrize(
    "access",
    [
        PLAIN,
        LOGIN,
        replace(LOGIN, tls=True),
        replace(LOGIN, tls=True, mechanism="PLAIN"),
        replace(PLAIN, tls=True),
        replace(LOGIN, tls=True, mechanism="OAUTHBEARER", token_url="https://id.example/token"),
    ],
    ids=lambda access: f"{access.protocol} {access.mechanism}",
)
async def test_faust_shows_what_the_others_show(access: KafkaAccess) -> None:
    asked = _broker(access.address)
    assert asked["broker"] == ["kafka://b1:9092", "kafka://b2:9092"]
    shown = dict(credentials_to_aiokafka_auth(asked.get("broker_credentials")))
    wanted = client_options(access.address)
    del wanted["bootstrap_servers"]
    if access.mechanism == "OAUTHBEARER":
        assert shown.pop("sasl_oauth_token_provider")
        assert wanted.pop("sasl_oauth_token_provider")
    assert {name: value for name, value in shown.items() if value is not None} == wanted
