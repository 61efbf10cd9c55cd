"""The door of monitors: Alertmanager's body, tokens and signatures, repeats."""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import datetime, timedelta
from typing import Any

import httpx
import orjson
import pytest
from standardwebhooks import Webhook

from services.intake import signed
from services.intake.app import build
from services.intake.incident_book import Known
from shared import events as e
from shared.errors import Refused
from tests.unit.intake.building import NOW, Bench
from tests.unit.intake.test_http import call, is_problem

SECRET = "whsec_" + base64.b64encode(b"a secret for monitors").decode()
GROUP = '{}/{severity="critical"}:{alertname="ErrorRateHigh"}'


def alert(status: str = "firing", fingerprint: str = "9f2c1d0a7b3e4f55", **labels: str) -> dict[str, Any]:
    """As Alertmanager 0.25 writes it, with nanoseconds and a zone."""
    return {
        "status": status,
        "labels": {"alertname": "ErrorRateHigh", "severity": "critical", "component": "routing", **labels},
        "annotations": {"summary": "Error rate of HTTP routing is over 20 %", "description": "5xx / all > 0.2 for 2 minutes"},
        "startsAt": "2026-11-22T03:59:30.123456789+01:00",
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "http://prometheus/graph?g0.expr=x",
        "fingerprint": fingerprint,
    }


def body(*alerts: dict[str, Any], status: str = "firing", **more: Any) -> dict[str, Any]:
    return {
        "receiver": "signalbox", "status": status, "alerts": list(alerts or (alert(),)), "groupLabels": {"alertname": "ErrorRateHigh"},
        "commonLabels": {}, "commonAnnotations": {}, "externalURL": "http://alertmanager", "version": "4", "groupKey": GROUP,
        "truncatedAlerts": 0, **more,
    }  # fmt: skip


@pytest.fixture
def bench() -> Bench:
    made = Bench()
    made.app = build(made.intake, made.door, {}, accounts=made.accounts, alert_key=signed.key_of(SECRET))
    return made


def asked(bench: Bench) -> list[e.RaiseAlert]:
    found = bench.log.on("requests")
    return [request for request in found if isinstance(request, e.RaiseAlert)]


async def raised(bench: Bench, sent: dict[str, Any], who: str = "demo-ops") -> dict[str, Any]:
    answer = await call(bench, "POST", "/v1/alerts", sent, who)
    assert answer.status_code == 202, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_a_notification_becomes_a_request_for_each_alert(bench: Bench) -> None:
    found = await raised(bench, body(alert(), alert("resolved", "other", severity="info")))
    first, second = asked(bench)
    assert first.key == second.key == found["incident_id"]
    assert (first.status, first.severity, first.pages, second.pages) == ("firing", "critical", True, False)
    assert [component.id for component in first.components] == ["routing"]
    assert first.started_at == datetime.fromisoformat("2026-11-22T02:59:30.123456+00:00")
    assert (first.summary, first.group_key) == ("Error rate of HTTP routing is over 20 %", GROUP)
    assert [told["pages"] for told in found["alerts"]] == [True, False]


async def test_a_repeat_is_the_same_and_the_end_is_another(bench: Bench) -> None:
    first = await raised(bench, body())
    again = await raised(bench, body())
    ended = await raised(bench, body(alert("resolved"), status="resolved"))
    assert first["alerts"][0]["request_id"] == again["alerts"][0]["request_id"] != ended["alerts"][0]["request_id"]
    assert first["incident_id"] == again["incident_id"] == ended["incident_id"]


async def test_the_groups_next_trouble_is_another_incident_unless_the_first_goes_on(bench: Bench) -> None:
    first = await raised(bench, body())
    later = {**alert(fingerprint="second"), "startsAt": "2026-11-22T02:59:59Z"}
    other = await raised(bench, body(later))
    assert other["incident_id"] != first["incident_id"]
    known = Known(id=first["incident_id"], seq=2, state="draft", alerts=(f"alertmanager {GROUP}",))
    bench.intake.incidents._known[known.id] = known
    assert (await raised(bench, body(later)))["incident_id"] == first["incident_id"]


@pytest.mark.parametrize(
    ("severity", "wanted"),
    [("critical", "critical"), ("Page", "critical"), ("WARNING", "warning"), ("sev2", "error"), ("info", "info"), ("", "critical"),
     ("banana", "critical")],
)  # fmt: skip
async def test_a_severity_nobody_knows_counts_as_critical(bench: Bench, severity: str, wanted: str) -> None:
    await raised(bench, body(alert(severity=severity)))
    assert asked(bench)[0].severity == wanted


async def test_an_alert_that_says_little(bench: Bench) -> None:
    bare = {"status": "firing", "labels": {}, "annotations": {"summary": "a\nb\t" + "c" * 300}, "startsAt": "2026-11-22T02:00:00Z"}
    await raised(bench, body(bare, {**bare, "annotations": {}, "labels": {"alertname": "X"}}))
    first, second = asked(bench)
    assert first.summary.startswith("a b ") and len(first.summary) == 200
    assert second.summary == "X" and first.fingerprint and first.fingerprint != second.fingerprint


@pytest.mark.parametrize(
    "sent",
    [
        body(version="3"),
        body(alerts=[]),
        body(groupKey=""),
        body({**alert(), "startsAt": "yesterday"}),
        body({**alert(), "startsAt": "2026-11-22T05:00:00Z"}),
        body({**alert(), "status": "suppressed"}),
        {},
    ],
)
async def test_what_is_no_notification_is_refused(bench: Bench, sent: dict[str, Any]) -> None:
    assert (await call(bench, "POST", "/v1/alerts", sent, "demo-ops")).status_code == 422
    assert bench.log.written == []


async def test_who_may_raise_alerts(bench: Bench) -> None:
    is_problem(await call(bench, "POST", "/v1/alerts", body(), "demo-premier"), 403, "forbidden")
    is_problem(await call(bench, "POST", "/v1/alerts", body(), "demo-nobody"), 401, "unauthenticated")
    is_problem(await call(bench, "POST", "/v1/alerts", body(), None), 401, "bad-signature")
    assert (await call(Bench(), "POST", "/v1/alerts", body(), None)).status_code == 401, "no secret is set"


def signature(raw: bytes, at: datetime = NOW, secret: str = SECRET) -> dict[str, str]:
    made = Webhook(secret).sign("msg_1", at, raw.decode())
    return {"webhook-id": "msg_1", "webhook-timestamp": str(int(at.timestamp())), "webhook-signature": made}


async def sent(bench: Bench, raw: bytes, headers: dict[str, str]) -> httpx.Response:
    return await call(bench, "POST", "/v1/alerts", who=None, content=raw, headers={"content-type": "application/json", **headers})


async def test_a_signed_notification_needs_no_token(bench: Bench) -> None:
    raw = orjson.dumps(body())
    assert (await sent(bench, raw, signature(raw))).status_code == 202
    assert asked(bench)[0].actor.email == "monitor"


FRESH = orjson.dumps(body())
BAD: dict[str, tuple[bytes, dict[str, str]]] = {
    "another body": (orjson.dumps(body(alert("resolved"))), signature(FRESH)),
    "another secret": (FRESH, signature(FRESH, secret="whsec_" + base64.b64encode(b"some other secret").decode())),
    "stale": (FRESH, signature(FRESH, NOW - timedelta(minutes=5, seconds=1))),
    "from the future": (FRESH, signature(FRESH, NOW + timedelta(minutes=5, seconds=1))),
    "another id": (FRESH, {**signature(FRESH), "webhook-id": "msg_2"}),
    "no signature": (FRESH, {**signature(FRESH), "webhook-signature": ""}),
    "another version": (FRESH, {**signature(FRESH), "webhook-signature": signature(FRESH)["webhook-signature"].replace("v1,", "v1a,")}),
    "no number": (FRESH, {**signature(FRESH), "webhook-timestamp": "now"}),
}


@pytest.mark.parametrize("name", BAD)
async def test_a_signature_that_is_not_good_is_401(bench: Bench, name: str) -> None:
    raw, headers = BAD[name]
    is_problem(await sent(bench, raw, headers), 401, "bad-signature")
    assert bench.log.written == []


async def test_strangers_do_not_use_up_what_the_monitor_may_send(bench: Bench) -> None:
    for _ in range(bench.door.allowance.rate.amount + 1):
        assert (await sent(bench, FRESH, {})).status_code == 401
    assert (await sent(bench, FRESH, signature(FRESH))).status_code == 202


async def test_secrets_in_an_alert_are_masked(bench: Bench) -> None:
    said = "cannot reach postgres://app:hunter2hunter2@db.example.com/main"
    labels = {"alertname": "Down", "dsn": said}
    await raised(bench, body({**alert(), "labels": labels, "annotations": {"summary": said, "description": said}}))
    (request,) = asked(bench)
    assert "hunter2" not in request.wire().decode()
    assert "db.example.com" in request.summary


@pytest.mark.parametrize("began", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
async def test_a_time_beyond_the_calendar_is_a_mistake(bench: Bench, began: str) -> None:
    is_problem(await call(bench, "POST", "/v1/alerts", body({**alert(), "startsAt": began}), "demo-ops"), 422, "invalid")


async def test_a_replay_asks_for_nothing_new_whatever_key_it_is_sent_under(bench: Bench) -> None:
    for headers in ({}, {}, {"idempotency-key": "another"}):
        assert (await sent(bench, FRESH, {**signature(FRESH), **headers})).status_code == 202
    assert len({request.id for request in asked(bench)}) == 1, "readers take a request once"


def test_one_of_several_signatures_is_enough_while_a_secret_is_changed() -> None:
    headers = signature(FRESH)
    headers["webhook-signature"] = "v1,bm90IGl0 " + headers["webhook-signature"]
    assert signed.check(signed.key_of(SECRET), headers, FRESH, NOW) == "msg_1"
    wanted = base64.b64encode(
        hmac.digest(b"a secret for monitors", f"msg_1.{headers['webhook-timestamp']}.".encode() + FRESH, hashlib.sha256)
    )
    assert wanted.decode() in headers["webhook-signature"], "as the specification says"


@pytest.mark.parametrize("secret", ["whsec_!", "whsec_c2hvcnQ=", "x"])
def test_a_secret_that_is_none(secret: str) -> None:
    with pytest.raises(ValueError, match="secret"):
        signed.key_of(secret)


def test_the_check_refuses_without_headers() -> None:
    with pytest.raises(Refused):
        signed.check(b"k" * 20, {}, b"", NOW)


async def test_a_maintenance_under_way_silences_its_components_and_no_others_and_they_page_after_it(bench: Bench) -> None:
    def routing(state: str) -> Known:
        return Known(id="mnt_x", seq=1, state=state, public=True, components=(e.Component(id="routing", name="Routing"),))

    bench.intake.incidents._known["mnt_x"] = routing("started")
    await raised(bench, body(alert(), alert("firing", "other", component="postgres"), alert("firing", "none", component="")))
    during = {request.fingerprint: (request.pages, request.silenced_by) for request in asked(bench)}
    assert during == {"9f2c1d0a7b3e4f55": (False, "mnt_x"), "other": (True, None), "none": (True, None)}
    await raised(bench, body(alert()))
    bench.intake.incidents._known["mnt_x"] = routing("over")
    await raised(bench, body(alert()))
    mine = [request for request in asked(bench) if request.fingerprint == "9f2c1d0a7b3e4f55"]
    assert [request.pages for request in mine] == [False, False, True]
    assert mine[0].id == mine[1].id != mine[2].id
