"""The demo's far end: takes webhooks, pages and mail, and shows what it took. `python -m
deploy.demo.sink`

| call | what |
|---|---|
| `POST /webhooks/{slug}` | a provider's receiver; `GET` shows nothing |
| `POST /pager/{person}` | a phone |
| SMTP | a relay that keeps everything |
| `GET /demo/outbox` `?kind= &ticket= &to= &after=n &wait=seconds` | receipts, oldest first; `wait`: hold the answer until there is one |
| `POST /control` `{path, mode, seconds?}` | misbehave: `path` is `/webhooks/redisco`, `/pager`, `/mail/<address>`, `*` |
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator

import orjson
from aiohttp import web
from pydantic import Field

from deploy.demo.behaviour import Behaviour, Mode
from deploy.demo.mailbox import MailSink, serve_mailbox
from deploy.demo.receipts import Kind, Receipts
from shared.settings import Settings, load
from shared.telemetry.logs import configure_logging, metrics_text

# Longer than any sender waits.
NEVER = 3600.0
MOST_WAIT = 30.0


class SinkSettings(Settings):
    """Where the far end listens; its receipts are in `<data_dir>/sink.jsonl`."""

    sink_port: int = Field(8025, ge=1, le=65535)
    sink_smtp_port: int = Field(8026, ge=1, le=65535)


class FarEnd:
    """HTTP handlers over the receipts and the behaviour."""

    def __init__(self, receipts: Receipts, behaviour: Behaviour) -> None:
        self.receipts, self.behaviour = receipts, behaviour

    def app(self) -> web.Application:
        app = web.Application(client_max_size=4 * 1024 * 1024)
        app.add_routes(
            [
                web.post("/webhooks/{to}", self.take_webhook),
                web.post("/pager/{to}", self.take_page),
                web.get("/demo/outbox", self.outbox),
                web.get("/control", self.shown),
                web.post("/control", self.control),
                web.get("/metrics", self.metrics),
                *(web.get(path, self.well) for path in ("/livez", "/readyz", "/healthz")),
            ]
        )
        return app

    async def take_webhook(self, request: web.Request) -> web.Response:
        return await self._take(request, "webhook")

    async def take_page(self, request: web.Request) -> web.Response:
        return await self._take(request, "page")

    async def _take(self, request: web.Request, kind: Kind) -> web.Response:
        # Read first: a mode may be changed while the request is under way.
        mode, seconds = self.behaviour.of(request.path)
        raw = await request.read()
        # Cut off after the body was read: the sender cannot know whether it was taken.
        if mode is Mode.DROP and request.transport is not None:
            request.transport.abort()
        if mode is Mode.GONE:
            return web.json_response({"error": "gone, as told"}, status=410)
        if mode is Mode.BUSY:
            headers = {"Retry-After": f"{seconds:.0f}"}
            return web.json_response({"error": "busy, as told"}, status=503, headers=headers)
        if mode is Mode.REFUSE:
            return web.json_response({"error": "refused, as told"}, status=400)
        if mode in {Mode.ERROR, Mode.DROP}:
            return web.json_response({"error": "broken, as told"}, status=500)
        # `hang` and `slow` wait before anything is kept, `swallow` after it.
        if mode in {Mode.HANG, Mode.SLOW}:
            await asyncio.sleep(NEVER if mode is Mode.HANG else seconds)
        body = _object(raw)
        ticket = body.get("ticket_id") or _object_in(_object_in(body, "data"), "ticket").get("id")
        sender_id = request.headers.get("webhook-id", "")
        self.receipts.add(
            kind,
            request.match_info["to"],
            # What each kind is deduplicated by.
            str(body.get("dedup_key") or sender_id) if kind == "page" else sender_id,
            subject=str(body.get("subject") or body.get("type") or ""),
            body=raw.decode("utf-8", "replace"),
            headers={str(name).lower(): value for name, value in request.headers.items()},
            ticket_id=str(ticket) if ticket else None,
        )
        if mode is Mode.SWALLOW:
            await asyncio.sleep(NEVER)
        return web.json_response({"status": "received"})

    async def outbox(self, request: web.Request) -> web.Response:
        asked = request.query
        try:
            after, wait = (
                int(asked.get("after", "0")),
                min(float(asked.get("wait", "0")), MOST_WAIT),
            )
        except ValueError:
            raise web.HTTPUnprocessableEntity(text="after is a number, wait is seconds") from None
        found = await self.receipts.wait(
            max(after, 0), asked.get("kind"), asked.get("ticket"), asked.get("to"), wait
        )
        return web.Response(body=orjson.dumps(found), content_type="application/json")

    async def control(self, request: web.Request) -> web.Response:
        asked = _object(await request.read())
        try:
            self.behaviour.set(
                str(asked["path"]), Mode(str(asked["mode"])), float(str(asked.get("seconds", 3)))
            )
        except (KeyError, ValueError) as error:
            raise web.HTTPUnprocessableEntity(
                text=f"needs path and mode, one of {', '.join(Mode)}: {error}"
            ) from None
        return await self.shown(request)

    async def shown(self, _: web.Request) -> web.Response:
        return web.json_response(
            {
                path: {"mode": mode, "seconds": seconds}
                for path, (mode, seconds) in self.behaviour.modes.items()
            }
        )

    async def well(self, _: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def metrics(self, _: web.Request) -> web.Response:
        body, kind = metrics_text()
        return web.Response(body=body, headers={"Content-Type": kind})


def _object(raw: bytes) -> dict[str, object]:
    try:
        found = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def _object_in(parent: dict[str, object], name: str) -> dict[str, object]:
    found = parent.get(name)
    return found if isinstance(found, dict) else {}


@contextlib.asynccontextmanager
async def far_end(settings: SinkSettings) -> AsyncIterator[FarEnd]:
    """The far end, listening; its receipts and behaviour are at hand for tests in the same
    process.
    """
    receipts, behaviour = Receipts(settings.data_dir / "sink.jsonl"), Behaviour()
    far = FarEnd(receipts, behaviour)
    # Half a second: hanging answers are part of the demo, and must not delay its end.
    runner = web.AppRunner(far.app(), access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    await web.TCPSite(runner, settings.bind, settings.sink_port).start()
    smtp = await serve_mailbox(
        MailSink(receipts, behaviour), settings.bind, settings.sink_smtp_port
    )
    try:
        yield far
    finally:
        smtp.close()
        await runner.cleanup()
        receipts.close()


async def main(settings: SinkSettings) -> None:
    """Serve until SIGTERM or SIGINT."""
    stop = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    async with far_end(settings):
        await stop.wait()


if __name__ == "__main__":
    configure_logging("sink")
    asyncio.run(main(load(SinkSettings)))
