"""The door of monitors: Alertmanager's body, tokens and signatures, repeats."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import httpx
import orjson
import pytest
from standardwebhooks import Webhook

from services.intake.app import build
from services.intake.http import signatures as signed
from services.intake.incidents.alert_body import MOST_BYTES
from services.intake.world.incidents import KnownIncident
from shared import events as e
from shared.errors import Refused, Unavailable
from tests.unit.intake.building import NOW, Bench
from tests.unit.intake.test_http import call, is_problem

pytestmark = pytest.mark.costly

SECRET = "whsec_" + base64.b64encode(b"a secret for monitors").decode()
GROUP = '{}/{severity="critical"}:{alertname="ErrorRateHigh"}'


def alert(
    status: str = "firing", fingerprint: str = "9f2c1d0a7b3e4f55", **labels: str
) -> dict[str, Any]:
    """As Alertmanager 0.25 writes it, with nanoseconds and a zone."""
    return {
        "status": status,
        "labels": {
            "alertname": "ErrorRateHigh",
            "severity": "critical",
            "component": "routing",
            **labels,
        },
        "annotations": {
            "summary": "Error rate of HTTP routing is over 20 %",
            "description": "5xx / all > 0.2 for 2 minutes",
        },
        "startsAt": "2026-11-22T03:59:30.123456789+01:00",
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "http://prometheus/graph?g0.expr=x",
        "fingerprint": fingerprint,
    }


def body(*alerts: dict[str, Any], status: str = "firing", **more: Any) -> dict[str, Any]:
    return {
        "receiver": "signalbox",
        "status": status,
        "alerts": list(alerts or (alert(),)),
        "groupLabels": {"alertname": "ErrorRateHigh"},
        "commonLabels": {},
        "commonAnnotations": {},
        "externalURL": "http://alertmanager",
        "version": "4",
        "groupKey": GROUP,
        "truncatedAlerts": 0,
        **more,
    }


@pytest.fixture
def bench() -> Bench:
    made = Bench()
    made.app = build(
        made.intake, made.door, {}, accounts=made.accounts, alert_key=signed.key_of(SECRET)
    )
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
    assert (first.status, first.severity, first.pages, second.pages) == (
        "firing",
        "critical",
        True,
        False,
    )
    assert [component.id for component in first.components] == ["routing"]
    assert first.started_at == datetime.fromisoformat("2026-11-22T02:59:30.123456+00:00")
    assert (first.summary, first.group_key) == ("Error rate of HTTP routing is over 20 %", GROUP)
    assert [told["pages"] for told in found["alerts"]] == [True, False]


async def test_a_repeat_and_the_end_belong_to_the_same_incident_and_are_requests_of_their_own(
    bench: Bench,
) -> None:
    first = await raised(bench, body())
    again = await raised(bench, body())
    ended = await raised(bench, body(alert("resolved"), status="resolved"))
    found = (first, again, ended)
    assert len({answer["incident_id"] for answer in found}) == 1
    assert len({answer["alerts"][0]["request_id"] for answer in found}) == 3, (
        "what a monitor may repeat is no identity: router and pager count"
    )


async def test_the_groups_next_trouble_is_another_incident_once_ops_have_closed_the_first(
    bench: Bench,
) -> None:
    first = await raised(bench, body())
    later = {**alert(fingerprint="second"), "startsAt": "2026-11-22T02:59:59Z"}
    assert (await raised(bench, body(later)))["incident_id"] == first["incident_id"]
    key, group = first["incident_id"], f"alertmanager {GROUP}"
    firing = {"9f2c1d0a7b3e4f55": NOW - timedelta(minutes=1)}
    closed = KnownIncident(id=key, seq=9, state="over", public=True, alerts=(group,), firing=firing)
    bench.intake.incidents._known[key] = closed
    bench.intake.incidents._alerting.add(key)
    third = await raised(bench, body({**later, "fingerprint": "third"}))
    assert third["incident_id"] != key, "it begins after ops have closed the first"
    again = await raised(bench, body({**alert(), "startsAt": "2026-11-22T02:59:00Z"}))
    assert again["incident_id"] == key, "a repeat of what fired before"
    repeated = {**later, "fingerprint": "third"}
    assert (await raised(bench, body(repeated)))["incident_id"] == third["incident_id"]


@pytest.mark.parametrize(
    ("severity", "wanted"),
    [
        ("critical", "critical"),
        ("Page", "critical"),
        ("WARNING", "warning"),
        ("sev2", "error"),
        ("info", "info"),
        ("", "critical"),
        ("banana", "critical"),
    ],
)
async def test_a_severity_nobody_knows_counts_as_critical(
    bench: Bench, severity: str, wanted: str
) -> None:
    await raised(bench, body(alert(severity=severity)))
    assert asked(bench)[0].severity == wanted


async def test_an_alert_that_says_little(bench: Bench) -> None:
    bare = {
        "status": "firing",
        "labels": {},
        "annotations": {"summary": "a\nb\t" + "c" * 300},
        "startsAt": "2026-11-22T02:00:00Z",
    }
    await raised(bench, body(bare, {**bare, "annotations": {}, "labels": {"alertname": "X"}}))
    first, second = asked(bench)
    assert first.summary.startswith("a b ") and len(first.summary) == 200
    assert second.summary == "X" and first.fingerprint and first.fingerprint != second.fingerprint


async def posted(bench: Bench, raw: bytes, kind: str = "application/json") -> httpx.Response:
    headers = {"content-type": kind} if kind else {}
    return await call(bench, "POST", "/v1/alerts", who="demo-ops", content=raw, headers=headers)


@pytest.mark.parametrize("kind", ["", "text/plain", "application/x-www-form-urlencoded", "x"])
@pytest.mark.parametrize(
    "raw", [b"", b"burning", b"{}", b"[1]", b'{"alerts":[{}]}', b"\xff" * 1000, b"[" * 200_000]
)
async def test_whatever_an_authenticated_monitor_posts_is_taken_and_pages(
    bench: Bench, raw: bytes, kind: str
) -> None:
    answer = await posted(bench, raw, kind)
    assert answer.status_code == 202, answer.text
    assert answer.json()["warnings"] and any(each["pages"] for each in answer.json()["alerts"])
    assert all(request.pages for request in asked(bench))


async def test_a_storm_in_one_group_is_taken_and_its_draft_can_be_used(bench: Bench) -> None:
    labels = {"severity": "critical", "node": "ip-10-42-0-1.eu-west-1.compute.internal"}
    storm = [
        alert(
            fingerprint=f"f{n}", component=("routing", "postgres")[n % 2], pod=f"api-{n}", **labels
        )
        for n in range(300)
    ]
    raw = orjson.dumps(body(*({**one, "generatorURL": "x" * 900} for one in storm)))
    assert len(raw) > 345_000
    answer = await posted(bench, raw)
    assert answer.status_code == 202 and len(answer.json()["alerts"]) == 300
    requests = asked(bench)
    assert len({request.key for request in requests}) == 1
    first = requests[0]
    assert first.title == "Error rate of HTTP routing is over 20 % (300 alerts)"
    assert "* Error rate of HTTP routing is over 20 % (300 times)" in first.body
    assert [component.id for component in first.affected] == ["routing", "postgres"]
    assert not any(request.title or request.affected for request in requests[1:])


async def test_more_than_eight_megabytes_are_cut_and_the_alerts_before_it_are_taken(
    bench: Bench,
) -> None:
    raw = orjson.dumps(body())[:-1] + b',"more":"' + b"x" * MOST_BYTES + b'"}'
    answer = await posted(bench, raw)
    assert answer.status_code == 202 and "was cut" in answer.json()["warnings"][0]
    assert [request.fingerprint for request in asked(bench)] == ["9f2c1d0a7b3e4f55"]


async def test_a_monitor_has_no_rate() -> None:
    bench = Bench(rate="2/minute")
    for number in range(6):
        await raised(bench, body(alert(fingerprint=f"f{number}")))
    assert len(asked(bench)) == 6


async def test_only_what_was_not_taken_is_503(bench: Bench) -> None:
    async def nowhere(records: Any) -> Any:
        raise Unavailable("spool", "the disk is full")

    bench.app = build(replace(bench.intake, publish=nowhere), bench.door, {})
    answer = await posted(bench, orjson.dumps(body()))
    is_problem(answer, 503, "spool-unavailable")
    assert answer.headers["retry-after"]


async def test_with_kafka_away_it_is_kept_and_said(bench: Bench) -> None:
    bench.log.away = True
    found = await raised(bench, body())
    assert found["accepted"] == "spooled" and "one machine's disk" in found["warnings"][-1]


async def test_thirty_groups_at_once_are_ten_incidents(bench: Bench) -> None:
    """As Alertmanager sends them, side by side, before any of it is read back from the log."""

    async def group(number: int) -> str:
        one = {**alert(fingerprint=f"f{number}"), "annotations": {"summary": f"Trouble {number}"}}
        one["labels"] = {"alertname": f"Kind{number}", "severity": "critical"}
        return str((await raised(bench, body(one, groupKey=f"g{number}")))["incident_id"])

    found = await asyncio.gather(*(group(number) for number in range(30)))
    assert len(set(found)) == 10
    titles = {request.title for request in asked(bench) if request.title}
    assert len(titles) == 21 and all(title.startswith("Many alerts at once") for title in titles)


async def test_a_group_that_names_no_alert_any_more_asks_for_nothing(bench: Bench) -> None:
    found = await raised(bench, body(alerts=[], status="resolved"))
    assert (found["incident_id"], found["alerts"]) == (None, []) and asked(bench) == []


async def test_who_may_raise_alerts(bench: Bench) -> None:
    is_problem(await call(bench, "POST", "/v1/alerts", body(), "demo-premier"), 403, "forbidden")
    is_problem(
        await call(bench, "POST", "/v1/alerts", body(), "demo-nobody"), 401, "unauthenticated"
    )
    is_problem(await call(bench, "POST", "/v1/alerts", body(), None), 401, "bad-signature")
    assert (await call(Bench(), "POST", "/v1/alerts", body(), None)).status_code == 401, (
        "no secret is set"
    )


def signature(raw: bytes, at: datetime = NOW, secret: str = SECRET) -> dict[str, str]:
    made = Webhook(secret).sign("msg_1", at, raw.decode())
    return {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": made,
    }


async def sent(bench: Bench, raw: bytes, headers: dict[str, str]) -> httpx.Response:
    return await call(
        bench,
        "POST",
        "/v1/alerts",
        who=None,
        content=raw,
        headers={"content-type": "application/json", **headers},
    )


async def test_a_signed_notification_needs_no_token(bench: Bench) -> None:
    raw = orjson.dumps(body())
    assert (await sent(bench, raw, signature(raw))).status_code == 202
    assert asked(bench)[0].actor.email == "monitor"


FRESH = orjson.dumps(body())
BAD: dict[str, tuple[bytes, dict[str, str]]] = {
    "another body": (orjson.dumps(body(alert("resolved"))), signature(FRESH)),
    "another secret": (
        FRESH,
        signature(FRESH, secret="whsec_" + base64.b64encode(b"some other secret").decode()),
    ),
    "stale": (FRESH, signature(FRESH, NOW - timedelta(minutes=5, seconds=1))),
    "from the future": (FRESH, signature(FRESH, NOW + timedelta(minutes=5, seconds=1))),
    "another id": (FRESH, {**signature(FRESH), "webhook-id": "msg_2"}),
    "no signature": (FRESH, {**signature(FRESH), "webhook-signature": ""}),
    "another version": (
        FRESH,
        {
            **signature(FRESH),
            "webhook-signature": signature(FRESH)["webhook-signature"].replace("v1,", "v1a,"),
        },
    ),
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
    await raised(
        bench,
        body({**alert(), "labels": labels, "annotations": {"summary": said, "description": said}}),
    )
    (request,) = asked(bench)
    assert "hunter2" not in request.wire().decode()
    assert "db.example.com" in request.summary


async def test_a_replay_asks_for_nothing_new_whatever_key_it_is_sent_under(bench: Bench) -> None:
    for headers in ({}, {}, {"idempotency-key": "another"}):
        assert (await sent(bench, FRESH, {**signature(FRESH), **headers})).status_code == 202
    assert len({request.id for request in asked(bench)}) == 1, "readers take a request once"


def test_one_of_several_signatures_is_enough_while_a_secret_is_changed() -> None:
    headers = signature(FRESH)
    headers["webhook-signature"] = "v1,bm90IGl0 " + headers["webhook-signature"]
    assert signed.check(signed.key_of(SECRET), headers, FRESH, NOW) == "msg_1"
    wanted = base64.b64encode(
        hmac.digest(
            b"a secret for monitors",
            f"msg_1.{headers['webhook-timestamp']}.".encode() + FRESH,
            hashlib.sha256,
        )
    )
    assert wanted.decode() in headers["webhook-signature"], "as the specification says"


@pytest.mark.parametrize("secret", ["whsec_!", "whsec_c2hvcnQ=", "x"])
def test_a_secret_that_is_none(secret: str) -> None:
    with pytest.raises(ValueError, match="secret"):
        signed.key_of(secret)


def test_the_check_refuses_without_headers() -> None:
    with pytest.raises(Refused):
        signed.check(b"k" * 20, {}, b"", NOW)


async def test_a_maintenance_under_way_silences_its_components_and_no_others_and_they_page_after_it(
    bench: Bench,
) -> None:
    def routing(state: str) -> KnownIncident:
        return KnownIncident(
            id="mnt_x",
            seq=1,
            state=state,
            public=True,
            components=(e.Component(id="routing", name="Routing"),),
        )

    bench.intake.incidents._known["mnt_x"] = routing("started")
    await raised(
        bench,
        body(
            alert(),
            alert("firing", "other", component="postgres"),
            alert("firing", "none", component=""),
        ),
    )
    during = {request.fingerprint: (request.pages, request.silenced_by) for request in asked(bench)}
    assert during == {
        "9f2c1d0a7b3e4f55": (False, "mnt_x"),
        "other": (True, None),
        "none": (True, None),
    }
    await raised(bench, body(alert()))
    bench.intake.incidents._known["mnt_x"] = routing("over")
    await raised(bench, body(alert()))
    mine = [request for request in asked(bench) if request.fingerprint == "9f2c1d0a7b3e4f55"]
    assert [request.pages for request in mine] == [False, False, True]
