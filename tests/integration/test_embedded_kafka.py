"""The embedded broker wants its password, of clients and of controllers: a new folder, one from
before there was a password, and one with another secret.
"""

from __future__ import annotations

import asyncio
import re
import stat
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from cli.settings import CommandSettings
from cli.up.ports import free_port
from deploy.embedded import broker
from shared.bus import Admin, LoginRefused, Producer, Reader, log_in
from shared.errors import Unavailable
from shared.kafka.access import read_access
from shared.wire import Record

pytestmark = pytest.mark.long

TIMEOUT = 10.0


def open_to_all(settings: Path) -> None:
    """As the release before wrote it: no password anywhere."""
    text = settings.read_text().replace("\\\n", "")
    lines = [
        line.replace("SASL_PLAINTEXT", "PLAINTEXT")
        for line in text.splitlines()
        if not re.match(r"(listener\.name\.|sasl\.)", line)
    ]
    settings.write_text("\n".join(lines))


@asynccontextmanager
async def running(log: Path, *, guarded: bool = True) -> AsyncIterator[tuple[int, int]]:
    port, controller = free_port(), free_port()
    jars = await broker.fetch_jars(CommandSettings().cache_dir)
    argv = await broker.prepare(jars=jars, data=log, port=port, controller_port=controller)
    if not guarded:
        open_to_all(log.parent / "kafka.properties")
    with (log.parent / "log.txt").open("a") as told:
        child = await asyncio.create_subprocess_exec(*argv, stdout=told, stderr=told)
        try:
            await until_there(f"127.0.0.1:{port}", log, port, guarded=guarded)
            yield port, controller
        finally:
            child.terminate()
            await child.wait()


async def until_there(open_address: str, log: Path, port: int, *, guarded: bool) -> None:
    async with asyncio.timeout(90):
        while not (
            await broker.let_us_in(port, log, timeout=TIMEOUT)
            if guarded
            else await log_in(open_address, timeout=TIMEOUT)
        ):
            await asyncio.sleep(0.05)


async def write(address: str, text: bytes) -> None:
    async with Admin(address, "t-", timeout=TIMEOUT) as admin:
        await admin.create_topic("kept", 1)
    producer = Producer(address, "t-", "test", timeout=TIMEOUT)
    try:
        await producer.send(Record("kept", "key", text))
    finally:
        await producer.stop()


async def read(address: str) -> list[bytes]:
    reader = Reader(address, "t-", timeout=TIMEOUT)
    await reader.start()
    try:
        return [
            message.value
            async for messages in reader.read_to_end({("kept", 0): 0})
            for message in messages
        ]
    finally:
        await reader.stop()


async def test_only_who_has_the_secret_is_let_in_and_old_folders_and_secrets_go_on(
    tmp_path: Path,
) -> None:
    log, secret = tmp_path / "kafka" / "log", tmp_path / "kafka.key"
    async with running(log, guarded=False) as (port, _):
        await write(f"127.0.0.1:{port}", b"the release before")

    async with running(log) as (port, controller):
        address = broker.address(port, log)
        await write(address, b"this release")
        assert await read(address) == [b"the release before", b"this release"]
        assert stat.S_IMODE(secret.stat().st_mode) == 0o600
        for written in ("kafka.properties", "client.properties"):
            assert stat.S_IMODE((log.parent / written).stat().st_mode) == 0o600
        await strangers_are_kept_out(address, port, controller)

    secret.unlink()
    async with running(log) as (port, _):
        fresh = broker.address(port, log)
        assert read_access(fresh).password != read_access(address).password
        await write(fresh, b"another secret")
        assert len(await read(fresh)) == 3
        old = replace(read_access(address), servers=(f"127.0.0.1:{port}",)).address
        with pytest.raises(LoginRefused, match="refuses signalbox by SCRAM-SHA-256"):
            await log_in(old, timeout=TIMEOUT)


async def strangers_are_kept_out(address: str, port: int, controller: int) -> None:
    known = read_access(address)
    for stranger in (
        replace(known, password="guessed"),
        replace(known, username="admin"),
        replace(known, mechanism="PLAIN"),
        replace(known, mechanism="PLAIN", username=broker.BROKER),
        replace(known, servers=(f"127.0.0.1:{controller}",), mechanism="PLAIN"),
    ):
        with pytest.raises(LoginRefused):
            await log_in(stranger.address, timeout=TIMEOUT)
    with pytest.raises(LoginRefused, match="it may want TLS or a login"):
        await log_in(f"127.0.0.1:{port}", timeout=TIMEOUT)
    for nobody in (f"127.0.0.1:{port}", f"127.0.0.1:{controller}"):
        with pytest.raises(Unavailable):
            async with Admin(nobody, "t-", timeout=2.0) as admin:
                await admin.topics()


async def test_kafkas_own_programs_get_in_by_the_settings_in_the_folder(tmp_path: Path) -> None:
    log = tmp_path / "kafka" / "log"
    async with running(log) as (port, _):
        await write(broker.address(port, log), b"there")
        jars = broker.jar_directory(CommandSettings().cache_dir)
        settings = str(log.parent / "client.properties")
        about = ("--bootstrap-server", f"127.0.0.1:{port}", "--list", "--command-config", settings)
        command = broker.java(jars, "org.apache.kafka.tools.TopicCommand", about)
        process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
        shown, _ = await process.communicate()
        assert "t-kept" in shown.decode().split()
