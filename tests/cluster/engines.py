"""Three Kafka brokers and three mongods on this machine: what a real installation runs on.

The brokers are KRaft nodes, each broker and controller; topics have three copies, and a write
counts once two have it. Times that decide how fast a failover is are Kafka's defaults.
"""

from __future__ import annotations

import asyncio
import base64
import os
import uuid
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Any

import orjson
import pymongo
from pymongo.errors import PyMongoError

from cli.up.supervise import Program
from deploy.embedded import broker, mongo
from deploy.embedded.commands import run

HOST = "127.0.0.1"
OF_A_CLUSTER = """
# Nobody logs in here: faults are looked for, not strangers.
listener.security.protocol.map=CLIENTS:PLAINTEXT,CONTROLLER:PLAINTEXT
node.id=$node
controller.quorum.voters=$voters
default.replication.factor=3
min.insync.replicas=2
offsets.topic.replication.factor=3
transaction.state.log.replication.factor=3
transaction.state.log.min.isr=2
share.coordinator.state.topic.replication.factor=3
share.coordinator.state.topic.min.isr=2
# Kafka's own defaults: the embedded broker's are shorter than a real installation's.
broker.session.timeout.ms=6000
broker.heartbeat.interval.ms=1000
metadata.max.idle.interval.ms=500
group.initial.rebalance.delay.ms=3000
group.min.session.timeout.ms=6000
"""
"""Comes after deploy/embedded/kafka/server.properties: of two lines, Java takes the later one."""


@dataclass(frozen=True)
class Broker:
    """One node. `data` holds its log and its settings."""

    node: int
    port: int
    controller_port: int
    data: Path

    @property
    def name(self) -> str:
        return f"kafka-{self.node}"


def brokers(data: Path, base: int) -> list[Broker]:
    """Three of them, on the six ports from `base`."""
    return [
        Broker(node, base + 2 * node - 2, base + 2 * node - 1, data / f"kafka-{node}")
        for node in (1, 2, 3)
    ]


async def kafka_programs(nodes: list[Broker], cache: Path, logs: Path) -> list[Program]:
    """Format each node's folder for one new cluster; the programs to run."""
    jars = await broker.fetch_jars(cache)
    cluster = "A" + base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")[1:]
    return list(await asyncio.gather(*(_kafka(node, nodes, jars, cluster, logs) for node in nodes)))


async def _kafka(
    node: Broker, nodes: list[Broker], jars: Path, cluster: str, logs: Path
) -> Program:
    log_dir, settings = node.data / "log", node.data / "kafka.properties"
    log_dir.mkdir(parents=True)
    text = (broker.HERE / "server.properties").read_text() + OF_A_CLUSTER
    settings.write_text(
        Template(text).substitute(
            port=node.port,
            controller_port=node.controller_port,
            log_dir=log_dir,
            broker=broker.BROKER,
            password="",
            node=node.node,
            voters=",".join(f"{each.node}@{HOST}:{each.controller_port}" for each in nodes),
        )
    )
    env = {**os.environ, **broker.LOCALE}
    arguments = ("format", "-t", cluster, "-c", str(settings))
    await run(
        broker.java(jars, "kafka.tools.StorageTool", arguments), what="formatting Kafka", env=env
    )
    return Program(
        node.name,
        broker.java(jars, "kafka.Kafka", (str(settings),)),
        env,
        cwd=node.data,
        log=logs / f"{node.name}.log",
        ports={node.name: node.port},
        grace=15,
    )


def controller(nodes: list[Broker]) -> int:
    """The node that leads the quorum now, as the nodes' own files say (the newest word counts)."""
    states = []
    for node in nodes:
        file = node.data / "log" / "__cluster_metadata-0" / "quorum-state"
        state = orjson.loads(file.read_bytes())
        states.append((state["leaderEpoch"], state["leaderId"]))
    return int(max(states)[1])


def mongod_programs(data: Path, cache: Path, ports: list[int], logs: Path) -> list[Program]:
    """One program for each port, `mongod-1` first."""
    return [
        Program(
            f"mongod-{number}",
            _open_to_all(mongo.prepare(cache=cache, data=data / f"mongod-{number}", port=port)),
            dict(os.environ),
            cwd=data,
            log=logs / f"mongod-{number}.log",
            ports={f"mongod-{number}": port},
            grace=15,
        )
        for number, port in enumerate(ports, 1)
    ]


def _open_to_all(argv: tuple[str, ...]) -> tuple[str, ...]:
    """Each member would have a key of its own."""
    key = argv.index("--keyFile")
    return argv[:key] + argv[key + 2 :]


def mongodb_uri(ports: list[int]) -> str:
    """What goes into MONGODB_URI."""
    return f"mongodb://{','.join(f'{HOST}:{port}' for port in ports)}/?replicaSet={mongo.SET}"


def make_replica_set(ports: list[int]) -> bool:
    """Make the set of all of them; whether its first member answered. Raises nothing."""
    members = [{"_id": number, "host": f"{HOST}:{port}"} for number, port in enumerate(ports)]
    try:
        with _directly(ports[0]) as client:
            client.admin.command("replSetInitiate", {"_id": mongo.SET, "members": members})
        return True
    except PyMongoError:
        return False


def primary(ports: list[int]) -> int | None:
    """The place (0, 1, 2) of the member that takes writes; None where nobody does."""
    for place, port in enumerate(ports):
        try:
            with _directly(port) as client:
                if client.admin.command("hello").get("isWritablePrimary"):
                    return place
        except PyMongoError:
            continue
    return None


def _directly(port: int) -> pymongo.MongoClient[dict[str, Any]]:
    return pymongo.MongoClient(
        HOST, port, directConnection=True, serverSelectionTimeoutMS=1000, socketTimeoutMS=5000
    )
