"""How Kafka is reached, as one text: servers, TLS, and who we are there.

`host:port,host:port` is Kafka without any security. Everything else is written as a URL:
`kafka://` (no TLS) or `kafka+ssl://`, then `user:password@`, the servers, and options:

    kafka+ssl://signalbox:secret@b1:9096,b2:9096?mechanism=SCRAM-SHA-512&trusted_cert=-----BEGIN…

One text passes through every client, child process and command, as MONGODB_URI does for MongoDB.
Heroku's KAFKA_URL, which repeats the scheme before each server, is read as well.
"""

from __future__ import annotations

import functools
import os
import re
import ssl
import tempfile
from dataclasses import dataclass
from urllib.parse import parse_qsl, quote, unquote, urlencode

MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER")
PLAIN_SCHEME, TLS_SCHEME = "kafka", "kafka+ssl"
# At the start, or before any server, as Heroku writes it.
_SCHEMES = re.compile(r"(?:^|(?<=,))\s*(kafka(?:\+ssl)?)://")
# host:port, or [IPv6]:port. No blanks, no path, no user.
_SERVER = re.compile(r"^(?:\[[0-9A-Fa-f:.]+\]|[^\s:/@?\[\]]+):([0-9]{1,5})$")
_OPTIONS = (
    "mechanism",
    "trusted_cert",
    "client_cert",
    "client_cert_key",
    "token_url",
    "token_scope",
)
# Apart from the others: it is the only one that is no text.
_HOSTNAME_OPTION = "check_hostname"


class BadAccess(ValueError):
    """The settings for Kafka contradict each other or cannot be read; the text says which. It
    never holds a password or a key.
    """


@dataclass(frozen=True)
class KafkaAccess:
    """Where Kafka is and what it wants to see. Certificates and keys are PEM texts.

    `mechanism` is one of MECHANISMS, or empty: no SASL. With OAUTHBEARER `username` and `password`
    are the client's id and secret at `token_url` (RFC 6749, 4.4). Without `trusted_cert` the
    system's certificates decide who is trusted.
    """

    servers: tuple[str, ...]
    tls: bool = False
    mechanism: str = ""
    username: str = ""
    password: str = ""
    trusted_cert: str = ""
    client_cert: str = ""
    client_cert_key: str = ""
    check_hostname: bool = True
    token_url: str = ""
    token_scope: str = ""

    @property
    def protocol(self) -> str:
        """As Kafka's `security.protocol`."""
        if self.mechanism:
            return "SASL_SSL" if self.tls else "SASL_PLAINTEXT"
        return "SSL" if self.tls else "PLAINTEXT"

    @property
    def address(self) -> str:
        """The one text that `read_access` reads back."""
        servers = ",".join(self.servers)
        # Nothing but servers: the plain form, which other tools read too.
        if self == KafkaAccess(self.servers):
            return servers
        who = ""
        if self.username:
            who = f"{quote(self.username, safe='')}:{quote(self.password, safe='')}@"
        options = {name: str(getattr(self, name)) for name in _OPTIONS if getattr(self, name)}
        if not self.check_hostname:
            options[_HOSTNAME_OPTION] = "no"
        scheme = TLS_SCHEME if self.tls else PLAIN_SCHEME
        return f"{scheme}://{who}{servers}" + (f"?{urlencode(options)}" if options else "")

    def __repr__(self) -> str:
        return f"KafkaAccess({hide_password(self.address)})"


def read_access(address: str) -> KafkaAccess:
    """The access that an address describes. Raises BadAccess."""
    # Servers of one Kafka that differ in TLS would be a mistake, seen only when one fails.
    schemes = set(_SCHEMES.findall(address))
    if len(schemes) > 1:
        raise BadAccess("Kafka's servers must all be kafka:// or all be kafka+ssl://")
    rest = _SCHEMES.sub("", address).strip()
    if not schemes:
        return KafkaAccess(_servers(rest))
    if not _SCHEMES.match(address):
        raise BadAccess("kafka:// stands before the first of Kafka's servers")
    rest, _, query = rest.partition("?")
    who, _, names = rest.rpartition("@")
    username, _, password = who.partition(":")
    # Blank values are kept: an option without a value is a mistake to be seen.
    options = dict(parse_qsl(query, keep_blank_values=True))
    unknown = options.keys() - {*_OPTIONS, _HOSTNAME_OPTION}
    if unknown:
        raise BadAccess(f"Kafka's address has an unknown option: {', '.join(sorted(unknown))}")
    found = {name: options[name] for name in _OPTIONS if name in options}
    return KafkaAccess(
        _servers(names),
        tls=schemes == {TLS_SCHEME},
        username=unquote(username),
        password=unquote(password),
        check_hostname=options.get(_HOSTNAME_OPTION, "yes") != "no",
        **found,
    )


def _servers(names: str) -> tuple[str, ...]:
    servers = tuple(name.strip().rstrip("/") for name in names.split(",") if name.strip())
    for server in servers:
        port = _SERVER.match(server)
        if port is None or not 0 < int(port[1]) < 65536:
            raise BadAccess("Kafka's servers are written as host:port, with commas between them")
    if not servers:
        raise BadAccess("no server of Kafka is named")
    return servers


def check_access(access: KafkaAccess) -> KafkaAccess:
    """The same access. Raises BadAccess, which says what is missing or does not fit."""
    # Pairs that go together, each told by the names of its settings.
    if access.mechanism and access.mechanism not in MECHANISMS:
        raise BadAccess(f"KAFKA_SASL_MECHANISM must be one of {', '.join(MECHANISMS)}")
    if access.username and not access.mechanism:
        raise BadAccess(
            f"KAFKA_SASL_USERNAME needs KAFKA_SASL_MECHANISM beside it: {', '.join(MECHANISMS)}"
        )
    if access.mechanism and not (access.username and access.password):
        raise BadAccess(
            f"KAFKA_SASL_MECHANISM={access.mechanism} needs KAFKA_SASL_USERNAME and "
            "KAFKA_SASL_PASSWORD"
        )
    if (access.mechanism == "OAUTHBEARER") != bool(access.token_url):
        raise BadAccess("KAFKA_TOKEN_URL and KAFKA_SASL_MECHANISM=OAUTHBEARER go together")
    if access.client_cert_key and not access.client_cert:
        raise BadAccess("KAFKA_CLIENT_CERT_KEY needs KAFKA_CLIENT_CERT beside it")
    if not access.tls and (access.trusted_cert or access.client_cert):
        raise BadAccess(
            "certificates for Kafka are given, and KAFKA_SECURITY_PROTOCOL says no TLS: "
            "set it to SSL or SASL_SSL"
        )
    # Builds it for its errors: certificates are read here and not at the first connection.
    tls_context(access)
    return access


@functools.lru_cache(maxsize=8)
def tls_context(access: KafkaAccess) -> ssl.SSLContext | None:
    """What a TLS connection to these servers is made with; None without TLS. Raises BadAccess for
    certificates that cannot be read.
    """
    if not access.tls:
        return None
    try:
        # Without a certificate of its own, the system's authorities are trusted.
        context = ssl.create_default_context(cadata=access.trusted_cert or None)
    except (ssl.SSLError, ValueError) as error:
        raise BadAccess("KAFKA_TRUSTED_CERT holds no certificate in PEM") from error
    context.check_hostname = access.check_hostname
    if access.client_cert:
        # The ssl module reads keys from files alone.
        with tempfile.NamedTemporaryFile("w", prefix="kafka-", suffix=".pem") as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(f"{access.client_cert}\n{access.client_cert_key}\n")
            file.flush()
            # `password`: without it OpenSSL would ask at the terminal, and a service would hang.
            try:
                context.load_cert_chain(file.name, password=_no_password)
            except (ssl.SSLError, ValueError) as error:
                raise BadAccess(
                    "KAFKA_CLIENT_CERT and KAFKA_CLIENT_CERT_KEY are no certificate in PEM with "
                    "its key, without a password"
                ) from error
    return context


def _no_password() -> str:
    """OpenSSL would ask at the terminal."""
    raise ValueError("the key has a password")


# The password ends at the @, the key at the next option. A password with `/` or `@` is escaped in a
# URL.
_PASSWORD = re.compile(r"(://[^/:@?\s]*:)[^/@?\s]*@")
_KEY = re.compile(r"((?:trusted_cert|client_cert|client_cert_key)=)[^&\s]*")


def hide_password(address: str) -> str:
    """An address of Kafka or MongoDB as people and logs may see it."""
    return _KEY.sub(r"\1…", _PASSWORD.sub(r"\1…@", address))
