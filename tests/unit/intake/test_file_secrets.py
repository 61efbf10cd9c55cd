"""Secrets in files: masked on the way to the disk, everything else byte for byte as it came; the
uploader is told.
"""

from __future__ import annotations

import tracemalloc
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from services.intake.app import build
from services.intake.files.attachments import MOST_BYTES, Attachments
from services.intake.files.blobs import Blobs, stream_bytes
from services.intake.files.mask_bytes import BLOCK_BYTES, encoding_of
from services.intake.files.masking import TextFiles
from shared.errors import Refused
from shared.text.redact import MaskedSecret
from tests.unit.intake.building import NOW, Bench
from tests.unit.text.samples import drawn

pytestmark = pytest.mark.costly

PASSWORD = drawn("a file's password", 20)
ADDRESS = f"DATABASE_URL=postgres://u1:{PASSWORD}@ec2-1.compute-1.amazonaws.com:5432/d1"
ROUTER = "2027-03-02T07:55:01Z heroku[router]: at=error code=H12 request_id=8601b555-6a83-4c12-8269-97c8e32cdb22 status=503"
KEY = "\n".join(
    [
        "-----BEGIN RSA PRIVATE" + " KEY-----",
        *(drawn(f"line {n}", 64) for n in range(25)),
        "-----END RSA PRIVATE" + " KEY-----",
    ]
)


async def through(raw: bytes, step: int = 4096) -> tuple[bytes, list[str]]:
    found: list[MaskedSecret] = []

    async def coming() -> AsyncIterator[bytes]:
        for at in range(0, len(raw), step):
            yield raw[at : at + step]

    parts = [part async for part in TextFiles().masked(coming(), found, MOST_BYTES)]
    return b"".join(parts), [one.kind for one in found]


@pytest.mark.parametrize(
    ("raw", "encoding"),
    [
        (b"hello", "utf-8"),
        (b"{}", "utf-8"),
        (b"\x1b[31mred\x1b[0m\tlog\r\n", "utf-8"),
        ("größer".encode("latin-1"), "utf-8"),
        ("\ufefflog".encode("utf-16-le"), "utf-16-le"),
        ("\ufefflog".encode("utf-16-be"), "utf-16-be"),
        (b"", "utf-8"),
        (b"\x89PNG\r\n\x1a\n" + b"\x00" * 40, None),
        (b"PK\x03\x04 and so on", None),
        (b"%PDF-1.7 text", None),
        (b"\x00\x01\x02", None),
    ],
)
def test_what_is_text(raw: bytes, encoding: str | None) -> None:
    assert encoding_of(raw) == encoding


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1", "utf-16"])
async def test_a_secret_goes_and_the_rest_stays(encoding: str) -> None:
    text = f"größer\r\n{ROUTER}\r\n{ADDRESS}\r\nend"
    kept, kinds = await through(text.encode(encoding))
    assert kept == text.replace(PASSWORD, "[masked: password in an address]").encode(encoding)
    assert kinds == ["password in an address"]


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\xff\xfe\x00",
        b"\x00" + ADDRESS.encode(),
        b"PK\x03\x04" + ADDRESS.encode(),
        ("x" * 300_000).encode(),
    ],
)
async def test_what_has_none_or_is_no_text_is_untouched(raw: bytes) -> None:
    assert await through(raw) == (raw, [])


@pytest.mark.parametrize("step", [1000, BLOCK_BYTES, 10_000_000])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
async def test_in_a_large_log_wherever_it_stands(encoding: str, step: int) -> None:
    """Keys and addresses at every distance from a block's end: none is cut in two."""
    lines: list[str] = []
    for n in range(24):
        lines += [f"{ROUTER} {n} {k}" for k in range(40 + n)] + [ADDRESS, KEY]
    text = "\n".join(lines)
    raw = text.encode(encoding)
    assert len(raw) > 2 * BLOCK_BYTES
    kept, kinds = await through(raw, step)
    expected = text.replace(PASSWORD, "[masked: password in an address]").replace(
        KEY, "[masked: private key]"
    )
    assert kept.decode(encoding) == expected
    assert sorted(kinds) == ["password in an address"] * 24 + ["private key"] * 24


async def test_a_file_of_one_line_and_a_key_that_never_ends() -> None:
    for raw in (b"a" * 400_000, b"x " * 200_000, KEY[:60].encode() + b"\nA" * 200_000):
        kept, _ = await through(raw)
        assert len(kept) <= len(raw)
        assert KEY[32:60].encode() not in kept


async def test_more_than_may_be_is_refused_whatever_becomes_of_it() -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield ADDRESS.encode() + b"\n"

    with pytest.raises(Refused) as refused:
        async for _ in TextFiles().masked(endless(), [], 100_000):
            pass
    assert refused.value.status == 413


async def test_memory_is_bounded() -> None:
    raw = (ROUTER + "\n").encode() * 20_000

    async def coming() -> AsyncIterator[bytes]:
        for at in range(0, len(raw), 65536):
            yield raw[at : at + 65536]

    tracemalloc.start()
    try:
        async for _ in TextFiles().masked(coming(), [], MOST_BYTES):
            pass
        assert tracemalloc.get_traced_memory()[1] < len(raw)
    finally:
        tracemalloc.stop()


async def test_over_http_it_is_said_at_once_and_again_with_the_ticket(tmp_path: Path) -> None:
    bench = Bench()
    files = Attachments(tmp_path / "attachments", Blobs(tmp_path / "blobs", None), None)
    app = build(replace(bench.intake, files=files), bench.door, {})
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app=app), base_url="http://intake"
    ) as client:
        me = {"Authorization": "Bearer demo-premier"}
        up = (
            await client.post(
                "/v1/attachments?name=app.log",
                content=f"{ROUTER}\n{ADDRESS}\n".encode(),
                headers=me,
            )
        ).json()
        assert up["masked"] == ["password in an address"]
        (warning,) = up["warnings"]
        assert "app.log" in warning
        assert "rotate" in warning
        again = (
            await client.post(
                "/v1/attachments?name=app.log",
                content=f"{ROUTER}\n{ADDRESS}\n".encode(),
                headers=me,
            )
        ).json()
        assert again["id"] == up["id"], "the same file is the same attachment"
        form = {"subject": "Down", "body": "See the log.", "attachments": [up["id"]]}
        answer = (await client.post("/v1/tickets", json=form, headers=me)).json()
        assert warning in answer["warnings"]
    kept = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert PASSWORD.encode() not in kept
    assert b"H12" in kept


async def test_a_file_s_name_is_masked_too(tmp_path: Path) -> None:
    files = Attachments(tmp_path / "attachments", Blobs(tmp_path / "blobs", None), None)
    kept = await files.keep(stream_bytes(b"x"), f"password={PASSWORD}.txt", "a@example.com", NOW)
    assert PASSWORD not in str(kept)
