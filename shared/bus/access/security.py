"""What clients show Kafka, and what Kafka says to it: the one place where TLS and SASL meet
aiokafka.

`client_options(address)` goes into every constructor of an aiokafka client.
"""

from __future__ import annotations

import asyncio
import ssl
from typing import Any

from aiokafka.conn import create_conn
from aiokafka.errors import (
    AuthenticationFailedError,
    AuthenticationMethodNotSupported,
    ClusterAuthorizationFailedError,
    GroupAuthorizationFailedError,
    IllegalSaslStateError,
    KafkaConnectionError,
    KafkaError,
    SaslAuthenticationFailed,
    TopicAuthorizationFailedError,
    UnsupportedSaslMechanismError,
)
from aiokafka.protocol.metadata import MetadataRequest

from shared.bus.access.tokens import TokenRefused, Tokens
from shared.kafka.access import KafkaAccess, read_access, tls_context

# Errors that mean "this login is wrong"; each client of Kafka says it with another one.
_REFUSED = (
    AuthenticationFailedError,
    AuthenticationMethodNotSupported,
    IllegalSaslStateError,
    SaslAuthenticationFailed,
    UnsupportedSaslMechanismError,
)


def client_options(address: str) -> dict[str, Any]:
    """Keyword arguments of an aiokafka client for this address (`shared/kafka/access.py`): the
    servers, and all of its security. Raises BadAccess.
    """
    access = read_access(address)
    # In one place, so that no client is built without TLS by mistake.
    return {"bootstrap_servers": list(access.servers), **_connection_options(access)}


def _connection_options(access: KafkaAccess) -> dict[str, Any]:
    options: dict[str, Any] = {"security_protocol": access.protocol}
    if access.tls:
        options["ssl_context"] = tls_context(access)
    if access.mechanism:
        options["sasl_mechanism"] = access.mechanism
    if access.mechanism == "OAUTHBEARER":
        options["sasl_oauth_token_provider"] = Tokens(access)
    elif access.mechanism:
        options["sasl_plain_username"] = access.username
        options["sasl_plain_password"] = access.password
    return options


class LoginRefused(Exception):
    """Kafka is there, and does not let us in; the text says why."""


async def log_in(address: str, *, timeout: float) -> bool:
    """Connect with these credentials, ask for something, and let go. False: no server answers.
    Raises LoginRefused.
    """
    access = read_access(address)
    # One answer is enough: users are the same on every server.
    for server in access.servers:
        host, _, port = server.rpartition(":")
        try:
            connection = await create_conn(
                host.strip("[]"),
                int(port),
                client_id="signalbox-login",
                request_timeout_ms=int(timeout * 1000),
                **_connection_options(access),
            )
            try:
                await connection.send(MetadataRequest([]))
            finally:
                connection.close()
        except (KafkaError, OSError, TimeoutError) as error:
            if why := why_refused(access, error):
                raise LoginRefused(f"{server} {why}") from error
        else:
            return True
    return False


async def find_refusal(address: str, *, timeout: float) -> str:
    """Why Kafka does not let us in, as a sentence; empty where it does, or is away. `timeout` is
    for all servers together.
    """
    try:
        # A bound around all servers: `log_in` gives each of them the whole time.
        async with asyncio.timeout(timeout):
            await log_in(address, timeout=timeout)
    # A timeout means that nobody is there: no refusal.
    except LoginRefused as refused:
        return str(refused)
    except TimeoutError:
        pass
    return ""


def why_refused(access: KafkaAccess, error: BaseException) -> str:
    """What a server has against us, as the end of a sentence; empty where it is only away."""
    match error:
        # From the exact to the vague: a server that only hangs up could mean anything.
        case UnsupportedSaslMechanismError():
            return (
                f"does not know {access.mechanism}: set KAFKA_SASL_MECHANISM to one that it offers"
            )
        case _ if isinstance(error, _REFUSED):
            return (
                f"refuses {access.username or 'us'} by {access.mechanism}: check "
                "KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD"
            )
        case TokenRefused():
            return f"is not asked: {error}"
        case ssl.SSLCertVerificationError():
            return (
                f"has a certificate that we do not trust ({error.verify_message}): set "
                "KAFKA_TRUSTED_CERT to the certificate of its authority"
            )
        case ssl.SSLError() | ConnectionResetError() if access.tls:
            return (
                f"ends the TLS connection ({error.strerror or error}): check "
                "KAFKA_SECURITY_PROTOCOL, and KAFKA_CLIENT_CERT where it asks for one"
            )
        case KafkaConnectionError() | ConnectionResetError():
            return (
                "hangs up on us: it may want TLS or a login, so check KAFKA_SECURITY_PROTOCOL, "
                "KAFKA_SASL_MECHANISM and KAFKA_CLIENT_CERT"
            )
        case _:
            return ""


_MAY_NOT: dict[type[KafkaError], str] = {
    # Kafka's own text for these names no user and no way out.
    TopicAuthorizationFailedError: "the topic",
    GroupAuthorizationFailedError: "the group",
    ClusterAuthorizationFailedError: "the cluster",
}


def in_words(error: BaseException) -> str:
    """An error of Kafka for a log or a person."""
    for kind, what in _MAY_NOT.items():
        if isinstance(error, kind):
            about = ", ".join(str(each) for each in error.args)
            return (
                f"our user may not use {what} {about}; `signalbox topics acls` lists what each "
                "process needs"
            )
    return repr(error)
