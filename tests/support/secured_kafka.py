"""A real broker as an operator would secure it: TLS, mutual TLS, every kind of login, and permissions.

It is the embedded broker with two more listeners; our own user (SCRAM on loopback) may do all.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.protocol.admin import CreateAclsRequest

from cli.settings import CommandSettings
from cli.topics.grants import Grant
from cli.up.ports import free_port
from deploy.embedded import broker
from shared.bus import client_options, set_password
from shared.kafka.access import KafkaAccess
from tests.support.certificates import Authority, Pair

TIMEOUT = 30.0
_MODULES = "org.apache.kafka.common.security"
_RESOURCES = {"topic": 2, "group": 3, "cluster": 4}
_OPERATIONS = {
    "All": 2,
    "Read": 3,
    "Write": 4,
    "Create": 5,
    "Delete": 6,
    "Alter": 7,
    "Describe": 8,
    "DescribeConfigs": 10,
    "AlterConfigs": 11,
}
_LITERAL, _PREFIXED, _ALLOW = 3, 4, 3


@dataclass(frozen=True)
class SecuredKafka:
    """`admin`: the address of a user who may do all; `login` and `certified`: host:port of the
    listeners that want a login over TLS, and a client's certificate.
    """

    admin: str
    login: str
    certified: str
    authority: Authority
    folder: Path

    def by_password(
        self, user: str, password: str, mechanism: str = "SCRAM-SHA-256"
    ) -> KafkaAccess:
        return KafkaAccess(
            (self.login,),
            tls=True,
            mechanism=mechanism,
            username=user,
            password=password,
            trusted_cert=self.authority.cert,
        )

    def by_certificate(self, pair: Pair) -> KafkaAccess:
        return KafkaAccess(
            (self.certified,),
            tls=True,
            trusted_cert=self.authority.cert,
            client_cert=pair.cert,
            client_cert_key=pair.key,
        )

    async def make_user(self, user: str, password: str, mechanism: str = "SCRAM-SHA-256") -> None:
        await set_password(self.admin, user, password, timeout=TIMEOUT, mechanism=mechanism)

    async def allow(self, grants: Iterable[Grant], user: str) -> None:
        """Permissions as an operator sets them; `{process}` of `user` is filled in."""
        admin = AIOKafkaAdminClient(**client_options(self.admin))
        await admin.start()
        try:
            for grant in grants:
                for operation in grant.operations:
                    answer = await admin._send_to_controller(
                        CreateAclsRequest(
                            _RESOURCES[grant.kind],
                            grant.name,
                            _PREFIXED if grant.is_prefix else _LITERAL,
                            f"User:{user.replace('{process}', grant.process)}",
                            "*",
                            _OPERATIONS[operation],
                            _ALLOW,
                        )
                    )
                    assert answer.creation_responses[0][0] == 0, answer
        finally:
            await admin.close()

    def refusals(self) -> list[str]:
        """What the broker has denied since it began, one line each."""
        log = (self.folder / "kafka" / "authorizer.log").read_text()
        return [line for line in log.splitlines() if "is Denied" in line]


@asynccontextmanager
async def secured_kafka(folder: Path, passwords: dict[str, str]) -> AsyncIterator[SecuredKafka]:
    """The broker, ended at the end. `passwords`: user → password of logins by PLAIN."""
    port, controller, login, certified = (free_port() for _ in range(4))
    log = folder / "kafka" / "log"
    jars = await broker.fetch_jars(CommandSettings().cache_dir)
    argv = await broker.prepare(jars=jars, data=log, port=port, controller_port=controller)
    authority = Authority()
    server = authority.for_server("127.0.0.1")
    (folder / "server.pem").write_text(server.key + server.cert)
    (folder / "authority.pem").write_text(authority.cert)
    settings = log.parent / "kafka.properties"
    settings.write_text(
        _secure(settings.read_text(), folder, login=login, certified=certified, passwords=passwords)
    )
    logging = log.parent / "log4j2.properties"
    logging.write_text(_LOGGING.format(file=log.parent / "authorizer.log"))
    argv = (argv[0], f"-Dlog4j2.configurationFile={logging}", *argv[1:])
    with (log.parent / "log.txt").open("w") as told:
        child = await asyncio.create_subprocess_exec(
            *argv, stdout=told, stderr=told, env={**os.environ, **broker.LOCALE}
        )
        try:
            async with asyncio.timeout(120):
                while not await broker.let_us_in(port, log, timeout=TIMEOUT):
                    assert child.returncode is None, (log.parent / "log.txt").read_text()[-3000:]
                    await asyncio.sleep(0.1)
            yield SecuredKafka(
                broker.address(port, log),
                f"127.0.0.1:{login}",
                f"127.0.0.1:{certified}",
                authority,
                folder,
            )
        finally:
            child.terminate()
            await child.wait()


def _secure(
    text: str, folder: Path, *, login: int, certified: int, passwords: dict[str, str]
) -> str:
    more = f",LOGIN://127.0.0.1:{login},CERTIFIED://127.0.0.1:{certified}"
    lines = []
    for line in text.splitlines():
        if line.startswith(("listeners=", "advertised.listeners=")):
            line += more
        if line.startswith("listener.security.protocol.map="):
            line += ",LOGIN:SASL_SSL,CERTIFIED:SSL"
        lines.append(line)
    plain = " ".join(f'user_{user}="{password}"' for user, password in passwords.items())
    scram = f"{_MODULES}.scram.ScramLoginModule required;"
    own = "listener.name.login"
    lines += [
        "ssl.keystore.type=PEM",
        f"ssl.keystore.location={folder / 'server.pem'}",
        "ssl.truststore.type=PEM",
        f"ssl.truststore.location={folder / 'authority.pem'}",
        "listener.name.certified.ssl.client.auth=required",
        "ssl.principal.mapping.rules=RULE:^CN=([^,]+),.*$/$1/,DEFAULT",
        f"{own}.sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER",
        f"{own}.plain.sasl.jaas.config={_MODULES}.plain.PlainLoginModule required {plain};",
        f"{own}.scram-sha-256.sasl.jaas.config={scram}",
        f"{own}.scram-sha-512.sasl.jaas.config={scram}",
        f"{own}.oauthbearer.sasl.jaas.config="
        f'{_MODULES}.oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="x";',
        "authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        f"super.users=User:{broker.BROKER};User:{broker.USER}",
    ]
    return "\n".join(lines) + "\n"


_LOGGING = """
appender.all.type=Console
appender.all.name=all
appender.denied.type=File
appender.denied.name=denied
appender.denied.fileName={file}
rootLogger.level=WARN
rootLogger.appenderRef.all.ref=all
logger.denied.name=kafka.authorizer.logger
logger.denied.level=INFO
logger.denied.additivity=false
logger.denied.appenderRef.denied.ref=denied
"""


def unsigned_token(user: str, expires_at: int, issued_at: int) -> str:
    """A JWT without a signature, which Kafka takes where no authority is set up (for tests alone)."""
    claims = {"sub": user, "iat": issued_at, "exp": expires_at}
    return (
        ".".join(
            base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")
            for part in ({"alg": "none"}, claims)
        )
        + "."
    )
