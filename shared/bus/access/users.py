"""Users of a Kafka that keeps SCRAM passwords itself: what the embedded broker needs."""

from __future__ import annotations

import hashlib
import secrets

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.struct import Struct
from aiokafka.protocol.types import (
    CompactArray,
    CompactBytes,
    CompactString,
    Int8,
    Int16,
    Int32,
    Schema,
    TaggedFields,
)

from shared.bus.access.security import client_options
from shared.bus.connection import connect, let_end, wait_for_kafka
from shared.errors import Unavailable

_ITERATIONS = 4096
"""The fewest that Kafka takes (RFC 7677). Our passwords are random, so nobody guesses them."""
_HASHES = {"SCRAM-SHA-256": (1, "sha256"), "SCRAM-SHA-512": (2, "sha512")}
"""Mechanism → its number in the protocol, and its hash."""


class _Answer(Response):  # type: ignore[misc]
    API_KEY = 51
    API_VERSION = 0
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "results",
            CompactArray(
                ("user", CompactString("utf-8")),
                ("error_code", Int16),
                ("error_message", CompactString("utf-8")),
                ("tags", TaggedFields),
            ),
        ),
        ("tags", TaggedFields),
    )


class _AlterPasswords0(RequestStruct):  # type: ignore[misc]
    """AlterUserScramCredentials of Kafka's protocol (KIP-554): aiokafka does not have it."""

    FLEXIBLE_VERSION = True
    API_KEY = 51
    API_VERSION = 0
    RESPONSE_TYPE = _Answer
    SCHEMA = Schema(
        (
            "deletions",
            CompactArray(
                ("name", CompactString("utf-8")), ("mechanism", Int8), ("tags", TaggedFields)
            ),
        ),
        (
            "upsertions",
            CompactArray(
                ("name", CompactString("utf-8")),
                ("mechanism", Int8),
                ("iterations", Int32),
                ("salt", CompactBytes),
                ("salted_password", CompactBytes),
                ("tags", TaggedFields),
            ),
        ),
        ("tags", TaggedFields),
    )


class _AlterPasswords(Request[_AlterPasswords0]):  # type: ignore[misc]
    API_KEY = 51

    def __init__(self, user: str, number: int, salt: bytes, salted: bytes) -> None:
        self._wanted: tuple[object, ...] = (user, number, _ITERATIONS, salt, salted, {})

    def build(self, request_struct_class: type[Struct]) -> Struct:
        return request_struct_class([], [self._wanted], {})


async def set_password(
    address: str, user: str, password: str, *, timeout: float, mechanism: str = "SCRAM-SHA-256"
) -> None:
    """Give a user this password for SCRAM, whether Kafka knows the user or not. Raises
    Unavailable.
    """
    # Salted here: Kafka's protocol takes the salted password and never sees the plain one.
    salt, (number, digest) = secrets.token_bytes(24), _HASHES[mechanism]
    salted = hashlib.pbkdf2_hmac(digest, password.encode(), salt, _ITERATIONS)
    admin = AIOKafkaAdminClient(request_timeout_ms=int(timeout * 1000), **client_options(address))
    try:
        await connect(address, admin.start(), timeout)
        answer = await wait_for_kafka(
            f"setting the password of {user}",
            admin._send_to_controller(_AlterPasswords(user, number, salt, salted)),
            timeout,
        )
    finally:
        await let_end(admin.close(), 3.0)
    # Kafka answers for each user; the request as a whole never fails for one.
    for _, code, message, _ in answer.results:
        if code:
            raise Unavailable("kafka", f"setting the password of {user}: {message or code}")
