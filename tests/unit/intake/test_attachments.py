"""Attachments at intake: what a file is called and is, whose it is, and where its bytes are."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from services.intake.app import build
from services.intake.files import virus_scanner
from services.intake.files.attachments import (
    COMING_EACH,
    MOST_BYTES,
    SLOTS,
    Attachments,
    file_name,
    kind_of,
)
from services.intake.files.blobs import Blobs, stream_bytes
from services.intake.files.routes import name_in
from services.intake.files.virus_scanner import ScannerEpisode, VirusScanner, tell_operators
from shared import events as e
from shared.errors import Refused, Unavailable
from shared.events import RaiseAlert
from tests.support.shelf import Shelf
from tests.support.waiting import stretched
from tests.unit.intake.building import NOW, Bench, StandingClock

pytestmark = pytest.mark.costly

PNG = b"\x89PNG\r\n\x1a\n" + b"\x00" * 40
ME = "premier@example.com"


class Store:
    """Both sides of it, and the two parts over them."""

    def __init__(self, folder: Path, scanner: str = "", free: float = 0.5) -> None:
        self.files = Shelf()
        self.free = free
        self.blobs = Blobs(folder / "blobs", self.files, free=lambda _: self.free)
        self.scanner = VirusScanner(scanner, StandingClock())
        self.attachments = Attachments(folder / "attachments", self.blobs, self.files, self.scanner)

    async def keeps(self, raw: bytes = PNG, name: str = "shot.png", by: str = ME) -> dict[str, Any]:
        return await self.attachments.keep(stream_bytes(raw), name, by, NOW)

    @contextlib.asynccontextmanager
    async def moving(self) -> AsyncIterator[None]:
        tasks = {asyncio.create_task(self.blobs.run()), asyncio.create_task(self.attachments.run())}
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("shot.png", "shot.png"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\me\\log.txt", "log.txt"),
        ('a"b\r\nSet-Cookie: x.txt', "abSet-Cookie x.txt"),
        ("\u202egnp.exe", "gnp.exe"),
        ("...", "attachment"),
        ("", "attachment"),
        ("\x00\x1b[31m", "[31m"),
        ("Störung 日本.log", "Störung 日本.log"),
        ("x" * 500 + ".tar", "x" * 117 + ".tar"),
    ],
)
def test_a_file_name_can_stand_anywhere(given: str, kept: str) -> None:
    assert file_name(given) == kept


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (PNG, "image/png"),
        (b"%PDF-1.7\n", "application/pdf"),
        (b"\x1f\x8b\x08" + b"\x00" * 20, "application/gzip"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'><script>1</script></svg>", "text/plain"),
        (b"<!doctype html><script>1</script>", "text/plain"),
        ("2026-11-22T10:00Z heroku[router]: ä".encode()[:-1], "text/plain"),
        (b"\x00\x01\x02\xff", "application/octet-stream"),
    ],
)
def test_the_kind_is_what_the_bytes_say(head: bytes, kind: str) -> None:
    assert kind_of(head) == kind


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ('attachment; filename="a b.txt"', "a b.txt"),
        ("attachment; filename*=UTF-8''St%C3%B6rung.log; filename=x", "Störung.log"),
        ("attachment", ""),
        ("", ""),
        ('x\r\nY: z; filename="q"', "q"),
    ],
)
def test_the_name_in_a_header(header: str, name: str) -> None:
    assert name_in(header) == name


async def test_it_waits_on_the_disk_while_its_home_is_away(store: Store) -> None:
    store.files.away = True
    kept = await store.keeps()
    assert await store.keeps() == kept, "the same file twice is one attachment"
    async with store.moving():
        assert (await store.attachments.known([kept["_id"]], ME)).ids == (kept["_id"],)
        assert await store.blobs.get(kept["blob"]) == PNG
        store.files.away = False
        async with asyncio.timeout(30):
            while kept["_id"] not in store.files.kept:
                await asyncio.sleep(0.02)
    assert store.files.kept == {kept["blob"]: PNG, kept["_id"]: orjson.dumps(kept)}
    assert not store.blobs.is_waiting(kept["blob"])
    assert (await store.attachments.known([kept["_id"]], ME)).ids == (kept["_id"],)
    assert await store.blobs.get(kept["blob"]) == PNG


async def test_only_its_uploader_may_use_it(store: Store) -> None:
    mine = await store.keeps()
    for name, who in (
        (mine["_id"], "stranger@example.com"),
        ("att_" + "a" * 26, ME),
        ("../../etc/passwd", ME),
    ):
        with pytest.raises(Refused) as refused:
            await store.attachments.known([name], who)
        assert (refused.value.code, refused.value.status) == ("no-such-attachment", 422)
    assert (await store.attachments.known([mine["_id"]] * 2, ME.upper())).ids == (mine["_id"],)


async def test_a_ticket_does_not_wait_for_a_file_that_cannot_be_looked_up(store: Store) -> None:
    store.files.away = True
    known = await store.attachments.known(["att_" + "a" * 26], ME)
    assert known.ids == ()
    assert "left out" in known.warnings[0]


async def test_too_much_nothing_and_a_full_disk(store: Store, tmp_path: Path) -> None:
    async def without_end() -> AsyncIterator[bytes]:
        while True:
            yield b"x" * 1_000_000

    with pytest.raises(Refused, match="too-large"):
        await store.attachments.keep(without_end(), "x", ME, NOW)
    with pytest.raises(Refused, match="empty"):
        await store.keeps(b"")
    store.free = 0.01
    with pytest.raises(Refused, match="disk-full"):
        await store.keeps()
    assert [path.name for path in (tmp_path / "blobs").iterdir() if path.name.startswith(".")] == []


class Clamd:
    """Speaks clamd's protocol. `answer` None: as a scanner that works."""

    def __init__(self) -> None:
        self.answer: bytes | None = None

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        raw = b""
        command = await reader.readline()
        if command == b"nINSTREAM\n":
            while size := int.from_bytes(await reader.readexactly(4), "big"):
                raw += await reader.readexactly(size)
        said = b"PONG\n" if command == b"nPING\n" else b"stream: OK\n"
        if b"EICAR" in raw:
            said = b"stream: Eicar-Test FOUND\n"
        writer.write(said if self.answer is None else self.answer)
        await writer.drain()
        writer.close()

    @contextlib.asynccontextmanager
    async def listening(self, port: int = 0) -> AsyncIterator[int]:
        server = await asyncio.start_server(self.serve, "127.0.0.1", port)
        async with server:
            yield server.sockets[0].getsockname()[1]


async def test_a_scanner_refuses_or_is_missed(tmp_path: Path) -> None:
    async with Clamd().listening() as port:
        watched = Store(tmp_path, f"127.0.0.1:{port}")
        assert (await watched.keeps())["scan"] == "clean"
        with pytest.raises(Refused, match="infected"):
            await watched.keeps(b"X5O!P EICAR", "virus.com")
        assert watched.scanner.trouble() is None
    assert (await watched.keeps(b"more", "more.txt"))["scan"] == "unscanned"
    assert "has failed since" in (watched.scanner.trouble() or "")
    async with Clamd().listening(port):
        await watched.scanner.ask()
        assert watched.scanner.trouble() is None
    assert (await Store(tmp_path / "other").keeps())["scan"] == "not-scanned"


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"stream: ERROR\n",
        b"stream: Can't allocate memory ERROR\n",
        b"\xff\xfe",
        b"HTTP/1.1 400\n",
    ],
)
async def test_a_scanner_that_talks_nonsense_has_scanned_nothing(
    tmp_path: Path, answer: bytes
) -> None:
    clamd = Clamd()
    clamd.answer = answer
    async with clamd.listening() as port:
        watched = Store(tmp_path, f"127.0.0.1:{port}")
        assert (await watched.keeps())["scan"] == "unscanned"
        assert watched.scanner.trouble() is not None
        await watched.scanner.ask()
        assert watched.scanner.trouble() is not None


async def test_a_file_beyond_the_scanners_bound_is_no_fault_of_it(tmp_path: Path) -> None:
    clamd = Clamd()
    clamd.answer = b"INSTREAM size limit exceeded. ERROR\n"
    async with clamd.listening() as port:
        watched = Store(tmp_path, f"127.0.0.1:{port}")
        assert (await watched.keeps())["scan"] == "unscanned"
        assert watched.scanner.trouble() is None


async def test_operators_get_one_notice_for_each_episode(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(virus_scanner, "ASK_EVERY_S", 0.01)
    clock, bench, clamd = StandingClock(), Bench(), Clamd()

    failures = iter([Unavailable("kafka"), Refused("disk-full", "full")])

    async def tell(episode: ScannerEpisode, is_over: bool) -> None:
        if (failure := next(failures, None)) is not None:
            raise failure
        await tell_operators(bench.intake, clock, episode, is_over)

    def alerts() -> list[tuple[str, bool]]:
        found = [event for event in bench.log.on("requests") if isinstance(event, RaiseAlert)]
        assert {event.summary for event in found} <= {"The virus scanner fails"}
        return [(event.status, event.pages) for event in found]

    async def until(wanted: list[tuple[str, bool]]) -> None:
        async with asyncio.timeout(stretched(10)):
            while alerts() != wanted:
                await asyncio.sleep(0.01)

    async with clamd.listening() as port:
        scanner = VirusScanner(f"127.0.0.1:{port}", clock)
        running = asyncio.create_task(scanner.run(tell))
        clamd.answer = b"nonsense\n"
        await until([("firing", False)])
        for _ in range(3):
            await scanner.scan(b"more", "more")
        clamd.answer = None
        await until([("firing", False), ("resolved", False)])
        clamd.answer = b""
        await until([("firing", False), ("resolved", False), ("firing", False)])
        running.cancel()
        await asyncio.wait({running})


async def test_over_http(store: Store) -> None:
    bench = Bench()
    bench.app = build(replace(bench.intake, files=store.attachments), bench.door, {})
    transport = httpx.ASGITransport(app=bench.app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://intake") as client:
        me, other = {"Authorization": "Bearer demo-premier"}, {"Authorization": "Bearer demo-free"}
        up = await client.post("/v1/attachments?name=../x%20y.png", content=PNG, headers=me)
        shown = {
            "id": up.json()["id"],
            "name": "x y.png",
            "type": "image/png",
            "size": 48,
            "scan": "not-scanned",
        }
        assert (up.status_code, up.json()) == (201, {**shown, "masked": [], "warnings": []})
        assert (await client.post("/v1/attachments", content=PNG)).status_code == 401
        too_much = await client.post(
            "/v1/attachments", content=b"x", headers={**me, "Content-Length": str(MOST_BYTES + 1)}
        )
        assert too_much.status_code == 413
        ticket = {"subject": "Down", "body": "See the picture.", "attachments": [up.json()["id"]]}
        assert (await client.post("/v1/tickets", json=ticket, headers=other)).json()[
            "type"
        ] == "/problems/no-such-attachment"
        taken = await client.post("/v1/tickets", json=ticket, headers=me)
        assert taken.status_code == 202
        reply = {"body": "And again.", "attachments": ticket["attachments"]}
        assert (
            await client.post(
                f"/v1/tickets/{taken.json()['ticket_id']}/replies", json=reply, headers=me
            )
        ).status_code == 202
    opened, replied = bench.log.on("requests")
    assert isinstance(opened, e.OpenTicket)
    assert isinstance(replied, e.AddReply)
    assert opened.attachments == replied.attachments == (up.json()["id"],)


async def test_dripping_files_hold_up_nobody_else(store: Store) -> None:
    """Each of many senders has sent one byte and no more; a whole file is taken meanwhile."""
    go = asyncio.Event()

    async def dripping() -> AsyncIterator[bytes]:
        yield b"x"
        await go.wait()
        yield b"y"

    slow = [
        asyncio.create_task(
            store.attachments.keep(dripping(), "slow.txt", f"slow{number}@x.example", NOW)
        )
        for number in range(3 * SLOTS)
    ]
    async with asyncio.timeout(20):
        assert (await store.keeps())["size"] == len(PNG)
    go.set()
    assert {found["size"] for found in await asyncio.gather(*slow)} == {2}


async def test_one_account_sends_few_files_at_the_same_time(store: Store) -> None:
    go, begun = asyncio.Event(), asyncio.Semaphore(0)

    async def dripping() -> AsyncIterator[bytes]:
        begun.release()
        await go.wait()
        yield b"x"

    slow = [
        asyncio.create_task(store.attachments.keep(dripping(), f"{number}.txt", ME, NOW))
        for number in range(COMING_EACH)
    ]
    for _ in slow:
        await begun.acquire()
    with pytest.raises(Refused, match="too-many-requests"):
        await store.keeps(by=ME.upper())
    assert (await store.keeps(by="other@x.example"))["size"] == len(PNG)
    go.set()
    await asyncio.gather(*slow)
    assert (await store.keeps())["size"] == len(PNG)
