"""The door of monitors, `POST /v1/alerts`: who may, the bytes of the body, and the answer.

It refuses who cannot prove who they are (401, 403), and says 503 where nothing was taken. It
refuses no body: `alert_body` repairs what it can. Nor is there a rate: what pages is bounded by
what it costs, few large bodies at a time and a pause after every few alerts.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import NamedTuple

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from services.intake.domain import RequestContext
from services.intake.http import signatures as signed
from services.intake.http.door import RequestGate
from services.intake.http.responses import respond, trace_of
from services.intake.incidents import alerts
from services.intake.incidents.alert_body import MOST_BYTES, Notification
from services.intake.incidents.alert_body import read as read_notification
from services.intake.shell import ON_THIS_DISK, SOURCE, Answer, Intake
from services.intake.world.incidents import alert_group
from shared import events as e
from shared.access import runs_incidents
from shared.errors import Refused
from shared.events import Actor, Role, Via
from shared.topics import REQUESTS
from shared.wire import Record, record_for

MONITOR = Actor(email="monitor", name="Monitor", roles=(Role.OPS,), via=Via.API)
"""Who a signed request is of: it has no account, and may raise alerts."""

WITHIN_S = 10.0
"""The body's time to come. What has come by then is taken."""

_LARGE = 64 * 1024
"""Bodies above it are read one at a time, and in a thread."""

_AT_A_TIME_S = 0.01
"""So long the event loop is held, then others have their turn."""


class ReceivedBody(NamedTuple):
    """`cut`: it is longer, or had not come in time."""

    raw: bytes
    cut: bool


class AlertEndpoint:
    """The endpoint. `key`: what signed alerts are checked with; None: a token is needed."""

    def __init__(self, intake: Intake, door: RequestGate, key: bytes | None) -> None:
        self._intake, self._door, self._key = intake, door, key
        # One large body at a time: each may need many times its size while it is read.
        self._one_large = asyncio.Semaphore(1)

    async def __call__(self, request: Request) -> Response:
        """By a token of an account that runs incidents, or by a signature over the body."""
        with self._door.in_flight.body() as count:
            return await self._take(request, count)

    async def _take(self, request: Request, count: Callable[[int], None]) -> Response:
        now = self._door.clock.now()
        # A token, where there is one: a wrong token must not be helped by a signature.
        if request.headers.get("authorization"):
            actor = self._door.recognise(request, "write")[0].actor
            may_raise(actor)
            # With a token each call is new: a monitor repeats itself and means it.
            body, fresh = await read_body(request, count), secrets.token_urlsafe(18)
        else:
            if self._key is None:
                raise Refused(
                    "unauthenticated", "Send a token as `Authorization: Bearer …`.", status=401
                )
            # No signature at all: refused before 8 MB are read for nothing.
            if not request.headers.get("webhook-signature"):
                proof_of(self._key, request.headers, b"", now)  # refuses, before a body is read
            body, actor = await read_body(request, count), MONITOR
            # The signature covers the body, so it is checked when that is here.
            fresh = proof_of(self._key, request.headers, body.raw, now)
        digest = hashlib.sha256(body.raw).hexdigest()
        asked = RequestContext(actor, now, fresh, digest, drawn=True)
        return await respond("alerts", asked, self._raise(body, asked, trace_of(request)), 202)

    async def _raise(self, body: ReceivedBody, asked: RequestContext, trace: str) -> Answer:
        notification = await self._read(body, asked)
        return await raise_alerts(self._intake, notification, asked, trace)

    async def _read(self, body: ReceivedBody, asked: RequestContext) -> Notification:
        def read() -> Notification:
            return read_notification(body.raw, asked.at, asked.actor.email, cut=body.cut)

        # A short body is read at once: a thread would cost more.
        if len(body.raw) <= _LARGE:
            return read()
        async with self._one_large:
            return await asyncio.to_thread(read)


def may_raise(actor: Actor) -> None:
    """Raises Refused 403."""
    if not runs_incidents(actor):
        raise Refused(
            "forbidden", "Alerts come from monitors: a token of ops is needed.", status=403
        )


def proof_of(key: bytes, headers: Mapping[str, str], raw: bytes, now: datetime) -> str:
    """What a signed request is known again by: a replay of it has the same. Raises Refused 401."""
    name = signed.check(key, headers, raw, now)
    return f"{name} {headers['webhook-timestamp']}"


async def read_body(
    request: Request, count: Callable[[int], None] = lambda _: None
) -> ReceivedBody:
    """The bytes, whatever their type is called; at most `MOST_BYTES`, what comes in time, and what
    there is room for: `count` counts what is kept (`InFlight`).
    """
    chunks: list[bytes] = []
    # The part that has come is worth reading: alerts that stand whole in it are raised.
    size, most = 0, MOST_BYTES
    try:
        async with asyncio.timeout(WITHIN_S):
            async for chunk in request.stream():
                if size < most and (kept := chunk[: most - size]):
                    try:
                        count(len(kept))
                        chunks.append(kept)
                    except Refused:
                        # No room in memory: what is here is taken, and the rest only counted.
                        most = size
                size += len(chunk)
    except TimeoutError:
        # A slow monitor is not refused either.
        return ReceivedBody(b"".join(chunks), True)
    except ClientDisconnect as error:
        raise Refused("bad-request", "The body broke off.", status=400) from error
    return ReceivedBody(b"".join(chunks), size > most)


async def raise_alerts(
    intake: Intake, notification: Notification, asked: RequestContext, trace: str
) -> Answer:
    """Place the alerts, write their requests, answer. The choice of the incidents has no pause in
    it: what one notification chose, the next one sees.
    """
    reference, book = intake.reference, intake.incidents
    # Many alerts are read with pauses in between, or other callers would wait for all of them.
    reader, pause = alerts.AlertReader(reference.components()), Pause()
    found: list[alerts.AlertReading] = []
    for alert in notification.alerts:
        found.append(reader.read(alert))
        await pause.if_due()
    # From here to `note` there is no pause (see above).
    world = alerts.AlertContext(
        reader.policy,
        reference.stamp(),
        book.places(asked.at),
        lambda incident: book.is_closed(incident, asked.at),
        book.silencing,
    )
    choice = alerts.place(notification, found, asked, world)
    # Remembered here, because the log tells it only a moment later.
    book.recent.note(
        alerts.to_wanted(found), choice, alert_group(alerts.SOURCE, notification.group), asked.at
    )
    requests: list[e.RaiseAlert] = []
    records: list[Record] = []
    for request in alerts.requests_for(notification, found, choice, asked, world):
        requests.append(request)
        records.append(record_for(REQUESTS.name, request, SOURCE, trace))
        await pause.if_due()
    where = await intake.publish(records) if records else "logged"
    answer: Answer = {
        "incident_id": requests[0].key if requests else None,
        "incident_ids": list(dict.fromkeys(request.key for request in requests)),
        "alerts": [_describe_alert(request) for request in requests],
        "accepted": where,
        "warnings": [*notification.warnings, *([] if where == "logged" else [ON_THIS_DISK])],
        "links": {},
    }
    if requests:
        answer["links"] = {"self": f"/v1/incidents/{requests[0].key}"}
    return answer


class Pause:
    """Lets others have their turn on the event loop after `_AT_A_TIME_S`."""

    def __init__(self) -> None:
        self._since = time.perf_counter()

    async def if_due(self) -> None:
        if time.perf_counter() - self._since > _AT_A_TIME_S:
            await asyncio.sleep(0)
            self._since = time.perf_counter()


def _describe_alert(request: e.RaiseAlert) -> Answer:
    return {
        "request_id": request.id,
        "incident_id": request.key,
        "fingerprint": request.fingerprint,
        "status": request.status,
        "severity": request.severity.value,
        "pages": request.pages and request.status == "firing",
    }
