"""Strangers at the edge, in a process of their own: `python -m tests.chaos.strangers PORT...`.

The first port is the portal's. At every port: connections that say nothing, and headers that drip.
At the portal: uploads and forms that drip, and 25 MB by nobody, again and again. Until it is ended.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Awaitable, Callable

IDLE, SLOW_HEADERS, DRIPPING, LARGE = 1100, 300, 40, 40
LARGE_BYTES = 25 * 1024 * 1024
ON = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def say_nothing(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    await reader.read()


async def drip_headers(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n")
    while True:
        writer.write(b"A: b\r\n")
        await writer.drain()
        await asyncio.sleep(2)


def drip_body(head: bytes) -> ON:
    async def drip(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(head)
        while True:
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(1)

    return drip


async def send_much(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(
        b"POST /v1/mail HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer nobody\r\n"
        b"Content-Type: message/rfc822\r\nContent-Length: %d\r\n\r\n" % LARGE_BYTES
    )
    for _ in range(LARGE_BYTES // 65536):
        writer.write(b"x" * 65536)
        await writer.drain()
    await reader.read()


async def keep_on(port: int, doing: ON, pause: float) -> None:
    """One stranger, who comes back when sent away."""
    while True:
        with contextlib.suppress(OSError):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                await doing(reader, writer)
            finally:
                writer.transport.abort()
        await asyncio.sleep(pause)


def posting(path: bytes, headers: bytes) -> bytes:
    return b"POST %s HTTP/1.1\r\nHost: x\r\n%sContent-Length: 1000000\r\n\r\n" % (path, headers)


async def flood(ports: list[int]) -> None:
    portal = ports[0]
    upload = posting(
        b"/v1/attachments?name=a.bin",
        b"Authorization: Bearer demo-premier\r\nContent-Type: application/octet-stream\r\n",
    )
    form = b"POST /login HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n"
    tasks = [
        *(keep_on(port, say_nothing, 5) for port in ports for _ in range(IDLE)),
        *(keep_on(port, drip_headers, 2) for port in ports for _ in range(SLOW_HEADERS)),
        *(keep_on(portal, drip_body(upload), 2) for _ in range(DRIPPING)),
        *(keep_on(portal, drip_body(form), 2) for _ in range(DRIPPING)),
        *(keep_on(portal, send_much, 1) for _ in range(LARGE)),
    ]
    await asyncio.gather(*tasks)


if __name__ == "__main__":
    asyncio.run(flood([int(port) for port in sys.argv[1:]]))
