"""A broker with TLS, client certificates, logins and permissions, as hosts and careful operators
run it: every way in, every way to be kept out, and every process with exactly what
docs/operations.md grants it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from aiohttp import BasicAuth, web
from aiohttp.test_utils import TestServer

from cli.settings import CommandSettings
from cli.topics.command import _apply, _look, create_missing, plan_for_settings
from cli.topics.grants import PROCESSES, Grant, grants
from cli.topics.plan import differences_of
from cli.up import stack
from cli.up.alerts_secret import NAME as ALERTS_SECRET
from cli.up.alerts_secret import make_alerts_secret
from cli.up.ports import free_port
from deploy.demo.seed import seed
from deploy.embedded.secret import make_secret
from shared.bus import Admin, Consumer, Producer, Reader, Record, TopicSettings
from shared.errors import Unavailable
from shared.kafka.access import KafkaAccess
from shared.topics import ERASING, TOPICS
from tests.support.certificates import Authority
from tests.support.mongod import running_mongod
from tests.support.secured_kafka import TIMEOUT, SecuredKafka, secured_kafka, unsigned_token
from tests.support.waiting import stretched

pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="module"), pytest.mark.long]

PASSWORD = 'it has "quotes"? @:/ no, but blanks'.replace('"', "'")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def kafka(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[SecuredKafka]:
    folder = tmp_path_factory.mktemp("secured")
    async with secured_kafka(folder, {"plain": PASSWORD}) as broker:
        await broker.make_user("scram256", PASSWORD)
        await broker.make_user("scram512", PASSWORD, "SCRAM-SHA-512")
        for user in ("plain", "scram256", "scram512", "token", "certified"):
            everything = [Grant(user, kind, "ways-", ("All",), True) for kind in ("topic", "group")]
            await broker.allow(everything, "{process}")
        yield broker


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def token_url() -> AsyncIterator[str]:
    async def give(request: web.Request) -> web.Response:
        known = BasicAuth.decode(request.headers["Authorization"])
        form = await request.post()
        if known.password != PASSWORD or form["grant_type"] != "client_credentials":
            return web.json_response({"error": "invalid_client"}, status=401)
        now = int(time.time())
        return web.json_response(
            {"access_token": unsigned_token(known.login, now + 600, now - 60), "expires_in": 600}
        )

    app = web.Application()
    app.add_routes([web.post("/token", give)])
    async with TestServer(app) as server:
        yield str(server.make_url("/token"))


Way = Callable[[SecuredKafka, str], KafkaAccess]
WAYS: dict[str, Way] = {
    "plain": lambda kafka, _: kafka.by_password("plain", PASSWORD, "PLAIN"),
    "scram256": lambda kafka, _: kafka.by_password("scram256", PASSWORD),
    "scram512": lambda kafka, _: kafka.by_password("scram512", PASSWORD, "SCRAM-SHA-512"),
    "token": lambda kafka, url: replace(
        kafka.by_password("token", PASSWORD, "OAUTHBEARER"), token_url=url
    ),
    "certified": lambda kafka, _: kafka.by_certificate(kafka.authority.for_client("certified")),
}


@pytest.mark.parametrize("way", WAYS)
async def test_every_way_in_serves_every_client(
    kafka: SecuredKafka, token_url: str, way: str
) -> None:
    address, topic = WAYS[way](kafka, token_url).address, way
    async with Admin(address, "ways-", timeout=TIMEOUT) as admin:
        assert await admin.create_topic(topic, 1)
    producer = Producer(address, "ways-", "test", timeout=TIMEOUT)
    reader = Reader(address, "ways-", timeout=TIMEOUT)
    consumer = Consumer(address, "ways-", f"group-{way}", [topic], timeout=TIMEOUT)
    try:
        assert await producer.send(Record(topic, "key", b"sealed")) == 0
        await reader.start()
        read = [m.value async for ms in reader.read_to_end({(topic, 0): 0}) for m in ms]
        assert read == [b"sealed"]
        await consumer.start()
        async for batch in consumer.batches():
            consumer.commit(batch)
            consumer.finish()
    finally:
        await asyncio.gather(producer.stop(), reader.stop(), consumer.stop())
    async with Admin(address, "ways-", timeout=TIMEOUT) as admin:
        assert (await admin.committed(f"group-{way}"))[topic, 0][0] == 1


Refused = Callable[[SecuredKafka], KafkaAccess]
REFUSALS: dict[str, tuple[Refused, str]] = {
    "another password": (
        lambda kafka: kafka.by_password("scram256", "guessed"),
        "refuses scram256 by SCRAM-SHA-256: check KAFKA_SASL_USERNAME",
    ),
    "another password by PLAIN": (
        lambda kafka: kafka.by_password("plain", "guessed", "PLAIN"),
        "refuses plain by PLAIN",
    ),
    "another mechanism": (
        lambda kafka: kafka.by_password("scram256", PASSWORD, "SCRAM-SHA-512"),
        "refuses scram256 by SCRAM-SHA-512",
    ),
    "nobody trusted": (
        lambda kafka: replace(kafka.by_password("scram256", PASSWORD), trusted_cert=""),
        "has a certificate that we do not trust",
    ),
    "another authority": (
        lambda kafka: replace(
            kafka.by_password("scram256", PASSWORD), trusted_cert=Authority().cert
        ),
        "set KAFKA_TRUSTED_CERT",
    ),
    "no certificate": (
        lambda kafka: replace(
            kafka.by_certificate(kafka.authority.for_client("certified")),
            client_cert="",
            client_cert_key="",
        ),
        "KAFKA_CLIENT_CERT",
    ),
    "a certificate of another authority": (
        lambda kafka: kafka.by_certificate(Authority().for_client("certified")),
        "KAFKA_CLIENT_CERT",
    ),
    "no TLS": (
        lambda kafka: KafkaAccess((kafka.login,)),
        "hangs up on us: it may want TLS or a login",
    ),
    "no login": (
        lambda kafka: KafkaAccess((kafka.login,), tls=True, trusted_cert=kafka.authority.cert),
        "may want TLS or a login|KAFKA_SASL_MECHANISM|KAFKA_SECURITY_PROTOCOL",
    ),
    "TLS where there is none": (
        lambda kafka: replace(
            kafka.by_password("scram256", PASSWORD),
            servers=(kafka.admin.rpartition("@")[2].partition("?")[0],),
        ),
        "ends the TLS connection",
    ),
    "no token": (
        lambda kafka: replace(
            kafka.by_password("token", PASSWORD, "OAUTHBEARER"),
            token_url=f"http://127.0.0.1:{free_port()}/token",
        ),
        "KAFKA_TOKEN_URL gives no token",
    ),
}


@pytest.mark.parametrize("case", REFUSALS)
async def test_who_is_not_let_in_reads_why(kafka: SecuredKafka, case: str) -> None:
    how, told = REFUSALS[case]
    producer = Producer(how(kafka).address, "ways-", "test", timeout=TIMEOUT)
    with pytest.raises(Unavailable, match=told) as refused:
        await producer.start()
    assert PASSWORD not in str(refused.value)
    await producer.stop()


async def test_a_server_under_another_name_is_trusted_only_where_names_do_not_count(
    kafka: SecuredKafka,
) -> None:
    named = replace(
        kafka.by_password("scram256", PASSWORD),
        servers=(kafka.login.replace("127.0.0.1", "localhost"),),
    )
    with pytest.raises(Unavailable, match=r"(?i)hostname mismatch|not valid for"):
        await _start(Producer(named.address, "ways-", "test", timeout=TIMEOUT))
    heroku = replace(named, check_hostname=False)
    await _start(Producer(heroku.address, "ways-", "test", timeout=TIMEOUT))


async def test_who_may_not_see_an_erasure_does_not_work_beside_one(kafka: SecuredKafka) -> None:
    await kafka.make_user("blind", PASSWORD)
    await kafka.allow(
        [Grant("blind", "topic", "eras-kept", ("Read", "Write", "Describe"))], "blind"
    )
    blind = kafka.by_password("blind", PASSWORD).address
    async with Admin(kafka.admin, "eras-", timeout=TIMEOUT) as admin:
        await admin.create_topic("kept", 1)
        with pytest.raises(Unavailable, match="may not use the topic eras-erasing"):
            await _start(Producer(blind, "eras-", "test", timeout=TIMEOUT))
        await kafka.allow([Grant("blind", "topic", f"eras-{ERASING}", ("Describe",))], "blind")
        await _start(Producer(blind, "eras-", "test", timeout=TIMEOUT))
        await admin.create_topic(ERASING, 1)
        with pytest.raises(Unavailable, match="an erasure is under way"):
            await _start(Producer(blind, "eras-", "test", timeout=TIMEOUT))


async def _start(producer: Producer) -> None:
    try:
        await producer.start()
    finally:
        await producer.stop()


async def test_a_plan_shows_what_differs_and_apply_mends_it(kafka: SecuredKafka) -> None:
    settings = CommandSettings(kafka_bootstrap_servers=kafka.admin, topic_prefix="plan-")
    assert await create_missing(kafka.admin, settings) == list(TOPICS)
    found = await until_as_planned(settings)
    assert {topic.replication for topic in found.values()} == {1}
    async with Admin(kafka.admin, "plan-", timeout=TIMEOUT) as admin:
        await admin.configure("pages", {"retention.ms": "5000", "compression.type": "zstd"})
    async with asyncio.timeout(TIMEOUT):
        while not (told := (await _look(settings))[1]):
            await asyncio.sleep(0.05)  # brokers learn of a change from their controller
    assert [(each.topic, each.what, each.can_apply) for each in told] == [
        ("pages", "retention.ms", True)
    ]
    await _apply(settings)
    found = await until_as_planned(settings)
    assert found["pages"].own["compression.type"] == "zstd"
    more = CommandSettings(
        kafka_bootstrap_servers=kafka.admin, topic_prefix="plan-", topic_replication=3
    )
    told = differences_of(plan_for_settings(more, found), found, brokers=1)
    assert {(each.what, each.can_apply) for each in told if each.what == "copies"} == {
        ("copies", False)
    }


async def until_as_planned(settings: CommandSettings) -> dict[str, TopicSettings]:
    """Brokers learn of a change from their controller, a moment later."""
    async with asyncio.timeout(TIMEOUT):
        while (looked := await _look(settings))[1]:
            await asyncio.sleep(0.05)
    return looked[0]


@dataclass
class Running:
    """The processes, each as a user of its own."""

    folder: Path
    ports: dict[str, int]
    children: dict[str, asyncio.subprocess.Process]

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text()


@contextlib.asynccontextmanager
async def every_process(kafka: SecuredKafka, folder: Path, mongodb: str) -> AsyncIterator[Running]:
    prefix, user, names = "own-", "own-{process}", tuple(PROCESSES)
    for process in (*PROCESSES, "topics"):
        await kafka.make_user(f"own-{process}", PASSWORD)
    await kafka.allow(grants(prefix), user)
    topics = CommandSettings(
        kafka_bootstrap_servers=kafka.by_password("own-topics", PASSWORD).address,
        topic_prefix=prefix,
        topic_partitions=2,
    )
    assert len(await create_missing(topics.kafka_bootstrap_servers, topics)) == len(TOPICS)
    await seed(kafka.admin, prefix)
    ports = {name: free_port() for name in stack.assign_ports(names, {}, None)}
    env = stack.environment(
        {name: value for name, value in os.environ.items() if not name.startswith("SIGNALBOX_")},
        ports=ports,
        data=folder,
        kafka="",
        mongodb=mongodb,
        demo=True,
        clock_file=None,
    )
    make_secret(folder / "secret")
    make_alerts_secret(folder / ALERTS_SECRET)
    env["SIGNALBOX_SINK_URL"] = "http://127.0.0.1:9"  # nobody: this test is about Kafka
    running = Running(folder, ports, {})
    for program in stack.service_programs(names, env=env, ports=ports, data=folder):
        access = kafka.by_password(f"own-{program.name}", PASSWORD)
        own = {
            "KAFKA_BOOTSTRAP_SERVERS": access.address,
            "SIGNALBOX_TOPIC_PREFIX": prefix,
            "SIGNALBOX_RECEIPTS_URL": "",
        }
        with (folder / f"{program.name}.log").open("wb") as log:
            running.children[program.name] = await asyncio.create_subprocess_exec(
                *program.argv, env={**program.env, **own}, cwd=program.cwd, stdout=log, stderr=log
            )
    try:
        yield running
    finally:
        for child in running.children.values():
            with contextlib.suppress(ProcessLookupError):
                child.terminate()
        for child in running.children.values():
            try:
                async with asyncio.timeout(10):
                    await child.wait()
            except TimeoutError:  # as `signalbox up` does with one that does not end
                child.kill()
                await child.wait()


@pytest.mark.long
@pytest.mark.timeout(600)
async def test_every_process_works_with_what_it_is_granted_and_asks_for_no_more(
    kafka: SecuredKafka, tmp_path: Path
) -> None:
    with running_mongod(tmp_path / "mongodb") as mongodb:
        async with every_process(kafka, tmp_path, mongodb) as running, httpx.AsyncClient() as http:
            for name in PROCESSES:
                url = stack.readiness_url(name, running.ports)
                await until(lambda url=url: answers(http, url), running, name)
            intake = f"http://127.0.0.1:{running.ports['intake']}"
            portal = f"http://127.0.0.1:{running.ports['portal']}"
            opened = await http.post(
                f"{intake}/v1/tickets",
                json={"subject": "All dynos down", "body": "H10 since noon."},
                headers={"Authorization": "Bearer demo-premium", "Idempotency-Key": "k"},
            )
            assert opened.status_code == 202, opened.text
            ticket = opened.json()["ticket_id"]

            async def is_shown() -> bool:
                shown = await http.get(
                    f"{portal}/v1/tickets/{ticket}",
                    headers={"Authorization": "Bearer demo-premium"},
                )
                return shown.status_code == 200

            await until(is_shown, running, "portal")
    refused = [line for line in kafka.refusals() if "User:own-" in line]
    assert refused == []


async def answers(http: httpx.AsyncClient, url: str) -> bool:
    with contextlib.suppress(httpx.HTTPError):
        return (await http.get(url)).status_code == 200
    return False


async def until(look: Callable[[], Coroutine[Any, Any, bool]], running: Running, name: str) -> None:
    end = time.monotonic() + stretched(30)
    while not await look():
        said = running.log(name)[-2000:]
        assert running.children[name].returncode is None, f"{name} ended: {said}"
        assert time.monotonic() < end, f"{name} is not ready: {said}"
        await asyncio.sleep(0.1)


async def test_the_commands_print_what_an_operator_needs(tmp_path: Path) -> None:
    env = {**os.environ, "SIGNALBOX_DATA_DIR": str(tmp_path), "SIGNALBOX_TOPIC_PREFIX": "acme."}
    done = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "cli.main",
        "topics",
        "acls",
        "--json",
        env=env,
        stdout=subprocess.PIPE,
    )
    told, _ = await done.communicate()
    assert {grant["process"] for grant in json.loads(told)} == {*PROCESSES, "topics", "operator"}
    assert all(grant["name"].startswith("acme.") for grant in json.loads(told))
