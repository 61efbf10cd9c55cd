"""Kafka's address: one text for servers, TLS and logins, and the ways of hosts to say them."""

from __future__ import annotations

import os
import ssl
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.bus.access.security import client_options
from shared.kafka.access import (
    MECHANISMS,
    BadAccess,
    KafkaAccess,
    check_access,
    hide_password,
    read_access,
    tls_context,
)
from shared.settings import Settings, kafka_variables, names_kafka, problems_in
from tests.support.certificates import Authority

AUTHORITY = Authority()
CLIENT = AUTHORITY.for_client("router")

HOSTS = st.sampled_from(["b1:9092", "10.0.0.1:29092", "[2001:db8::1]:9096", "kafka.example.com:1"])
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)
ACCESS = st.builds(
    KafkaAccess,
    servers=st.lists(HOSTS, min_size=1, max_size=3).map(tuple),
    tls=st.booleans(),
    mechanism=st.sampled_from(["", *MECHANISMS]),
    username=TEXT.filter(bool),
    password=TEXT,
    trusted_cert=TEXT,
    client_cert=TEXT,
    client_cert_key=TEXT,
    check_hostname=st.booleans(),
    token_url=TEXT,
    token_scope=TEXT,
)


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(("SIGNALBOX_", "KAFKA_")):
            monkeypatch.delenv(name)


@given(ACCESS)
def test_an_address_is_read_back_as_it_was_written(access: KafkaAccess) -> None:
    assert read_access(access.address) == access


@given(
    st.lists(HOSTS, min_size=1, max_size=3).map(tuple),
    st.text("abcxyz0189!§$%&/()=?`@:#", min_size=8, max_size=30),
    st.sampled_from(["kafka", "mongodb"]),
)
def test_no_password_or_key_is_shown(servers: tuple[str, ...], secret: str, kind: str) -> None:
    access = KafkaAccess(servers, username="u", password=secret, client_cert_key=secret)
    address = access.address.replace("kafka:", f"{kind}:")
    written = address.partition("u:")[2].partition("@")[0]
    shown = hide_password(address)
    assert written in address
    assert written not in shown
    assert "u:…@" in shown
    assert shown.endswith("client_cert_key=…")
    assert secret not in repr(access)


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1:9092", "b1:1,b2:2", "[::1]:9092", "mongodb://127.0.0.1:27017/?replicaSet=rs0"],
)
def test_what_has_no_password_is_shown_as_it_is(address: str) -> None:
    assert hide_password(address) == address


@pytest.mark.parametrize(
    "address",
    [
        "",
        "b1",
        "b1:0",
        "b1:70000",
        "b1:x",
        "kafka://",
        "kafka://b1:1,kafka+ssl://b2:2",
        "http://b:1",
        "kafka://b1:1?colour=red",
        "kafka://u:p@",
        "b1:1,,b2",
        "b1:1,kafka://u:p@b2:2",
    ],
)
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(BadAccess):
        read_access(address)


def settings_of(monkeypatch: pytest.MonkeyPatch, **environ: str) -> Settings:
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    assert problems_in(Settings, os.environ) == []
    return Settings()


PLAIN = KafkaAccess(("b1:9092",))
LOGIN = {"KAFKA_SASL_USERNAME": "router", "KAFKA_SASL_PASSWORD": "p@:/?&"}
KNOWN = {"username": "router", "password": "p@:/?&"}
TRUST = {"KAFKA_TRUSTED_CERT": AUTHORITY.cert}
CERTIFIED = {"KAFKA_CLIENT_CERT": CLIENT.cert, "KAFKA_CLIENT_CERT_KEY": CLIENT.key}


@pytest.mark.parametrize(
    ("environ", "wanted"),
    [
        pytest.param({}, PLAIN, id="nothing"),
        pytest.param(
            {**LOGIN, "KAFKA_SASL_MECHANISM": "SCRAM-SHA-256"},
            replace(PLAIN, mechanism="SCRAM-SHA-256", **KNOWN),
            id="SCRAM without TLS",
        ),
        pytest.param(
            {**LOGIN, "KAFKA_SASL_MECHANISM": "PLAIN", "KAFKA_SECURITY_PROTOCOL": "SASL_SSL"},
            replace(PLAIN, tls=True, mechanism="PLAIN", **KNOWN),
            id="Confluent Cloud",
        ),
        pytest.param(
            {
                **LOGIN,
                "KAFKA_SASL_MECHANISM": "SCRAM-SHA-512",
                "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
            },
            replace(PLAIN, tls=True, mechanism="SCRAM-SHA-512", **KNOWN),
            id="Amazon MSK",
        ),
        pytest.param(
            {**LOGIN, **TRUST, "KAFKA_SASL_MECHANISM": "SCRAM-SHA-256"},
            replace(
                PLAIN, tls=True, mechanism="SCRAM-SHA-256", trusted_cert=AUTHORITY.cert, **KNOWN
            ),
            id="Aiven by SASL",
        ),
        pytest.param(
            {**TRUST, **CERTIFIED},
            replace(
                PLAIN,
                tls=True,
                trusted_cert=AUTHORITY.cert,
                client_cert=CLIENT.cert,
                client_cert_key=CLIENT.key,
            ),
            id="Aiven by certificate",
        ),
        pytest.param(
            {
                **LOGIN,
                "KAFKA_SASL_MECHANISM": "OAUTHBEARER",
                "KAFKA_TOKEN_SCOPE": "kafka",
                "KAFKA_TOKEN_URL": "https://id.example.com/token",
                "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
            },
            replace(
                PLAIN,
                tls=True,
                mechanism="OAUTHBEARER",
                token_scope="kafka",
                token_url="https://id.example.com/token",
                **KNOWN,
            ),
            id="tokens",
        ),
    ],
)
def test_the_ways_to_say_it(
    monkeypatch: pytest.MonkeyPatch, environ: dict[str, str], wanted: KafkaAccess
) -> None:
    settings = settings_of(monkeypatch, KAFKA_BOOTSTRAP_SERVERS="b1:9092", **environ)
    found = read_access(settings.kafka_bootstrap_servers)
    strip = ("trusted_cert", "client_cert", "client_cert_key")
    assert replace(found, **{name: getattr(found, name).strip() for name in strip}) == replace(
        wanted, **{name: getattr(wanted, name).strip() for name in strip}
    )
    again = Settings(kafka_bootstrap_servers=settings.kafka_bootstrap_servers)
    assert again.kafka_bootstrap_servers == settings.kafka_bootstrap_servers


def test_heroku_says_it_in_five_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = settings_of(
        monkeypatch,
        KAFKA_URL="kafka+ssl://ec2-1.aws.com:9096,kafka+ssl://ec2-2.aws.com:9096",
        KAFKA_PREFIX="wabash-58799.",
        **TRUST,
        **CERTIFIED,
    )
    access = read_access(settings.kafka_bootstrap_servers)
    assert access.servers == ("ec2-1.aws.com:9096", "ec2-2.aws.com:9096")
    assert (access.tls, access.check_hostname, access.mechanism) == (True, False, "")
    assert settings.topic_prefix == "wabash-58799."
    context = tls_context(access)
    assert context is not None
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert not context.check_hostname


def test_aiven_says_it_in_three_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name, variable, text in (
        ("ca.pem", "KAFKA_TRUSTED_CERT", AUTHORITY.cert),
        ("service.cert", "KAFKA_CLIENT_CERT", CLIENT.cert),
        ("service.key", "KAFKA_CLIENT_CERT_KEY", CLIENT.key),
    ):
        (tmp_path / name).write_text(text)
        monkeypatch.setenv(f"{variable}_FILE", str(tmp_path / name))
    settings = settings_of(monkeypatch, KAFKA_BOOTSTRAP_SERVERS="kafka-x.aivencloud.com:12345")
    access = read_access(settings.kafka_bootstrap_servers)
    assert (access.protocol, access.check_hostname) == ("SSL", True)
    assert access.client_cert_key == CLIENT.key.strip()


@pytest.mark.parametrize(
    ("environ", "told"),
    [
        ({"KAFKA_SASL_USERNAME": "u"}, "KAFKA_SASL_USERNAME needs KAFKA_SASL_MECHANISM"),
        ({"KAFKA_SASL_MECHANISM": "PLAIN"}, "needs KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD"),
        ({"KAFKA_SASL_MECHANISM": "MAGIC"}, "KAFKA_SASL_MECHANISM"),
        ({**LOGIN, "KAFKA_SASL_MECHANISM": "OAUTHBEARER"}, "KAFKA_TOKEN_URL"),
        ({"KAFKA_SECURITY_PROTOCOL": "SASL_SSL"}, "KAFKA_SECURITY_PROTOCOL with SASL"),
        ({"KAFKA_SECURITY_PROTOCOL": "TLS"}, "KAFKA_SECURITY_PROTOCOL"),
        ({**TRUST, "KAFKA_SECURITY_PROTOCOL": "PLAINTEXT"}, "says no TLS"),
        ({"KAFKA_URL": "kafka+ssl://b:1", "KAFKA_SECURITY_PROTOCOL": "PLAINTEXT"}, "says no TLS"),
        ({"KAFKA_TRUSTED_CERT": "ca.pem"}, "KAFKA_TRUSTED_CERT holds no certificate"),
        ({"KAFKA_CLIENT_CERT": CLIENT.cert}, "KAFKA_CLIENT_CERT_KEY"),
        ({"KAFKA_CLIENT_CERT_KEY": CLIENT.key}, "needs KAFKA_CLIENT_CERT"),
        ({"KAFKA_BOOTSTRAP_SERVERS": "broker"}, "host:port"),
    ],
)
def test_what_does_not_fit_is_told_in_a_sentence(
    monkeypatch: pytest.MonkeyPatch, environ: dict[str, str], told: str
) -> None:
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    (problem,) = problems_in(Settings, os.environ)
    assert told in problem
    assert "p@:/?&" not in problem
    assert CLIENT.key not in problem


def test_a_client_gets_what_its_library_asks_for() -> None:
    access = check_access(
        replace(PLAIN, tls=True, mechanism="SCRAM-SHA-256", trusted_cert=AUTHORITY.cert, **KNOWN)
    )
    options = client_options(access.address)
    assert options.pop("ssl_context") is tls_context(access)
    assert options == {
        "bootstrap_servers": ["b1:9092"],
        "security_protocol": "SASL_SSL",
        "sasl_mechanism": "SCRAM-SHA-256",
        "sasl_plain_username": "router",
        "sasl_plain_password": "p@:/?&",
    }
    assert client_options("b1:1,b2:2") == {
        "bootstrap_servers": ["b1:1", "b2:2"],
        "security_protocol": "PLAINTEXT",
    }


def test_which_variables_are_about_kafka() -> None:
    assert {"KAFKA_SASL_PASSWORD", "KAFKA_CLIENT_CERT_KEY_FILE"} < kafka_variables()
    assert names_kafka({"KAFKA_URL": "kafka://b:1"})
    assert names_kafka({"KAFKA_BOOTSTRAP_SERVERS_FILE": "/etc/kafka"})
    assert not names_kafka({"KAFKA_BOOTSTRAP_SERVERS": "", "KAFKA_SASL_USERNAME": "u"})
