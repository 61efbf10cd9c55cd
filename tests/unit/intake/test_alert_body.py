"""What monitors post: whatever it is, an alert that fires is never lost and nothing is refused."""

from __future__ import annotations

import copy
import json
from datetime import datetime, timedelta
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from services.intake.incidents.alert_body import MOST, SHOWN, UNREADABLE, Notification, read
from services.intake.incidents.alerts import AlertReader
from shared.policy import ComponentsPolicy
from tests.support.examples import examples
from tests.unit.intake.building import NOW

pytestmark = pytest.mark.costly


def alert(**changes: Any) -> dict[str, Any]:
    return {
        "status": "firing",
        "labels": {"alertname": "Burning", "severity": "critical"},
        "annotations": {"summary": "It is burning", "description": "Hot"},
        "startsAt": "2026-11-22T02:59:30.123456789+01:00",
        "endsAt": "0001-01-01T00:00:00Z",
        "fingerprint": "f1",
        **changes,
    }


def body(*alerts: Any, **changes: Any) -> dict[str, Any]:
    return {
        "version": "4",
        "groupKey": '{}:{alertname="Burning"}',
        "status": "firing",
        "receiver": "sb",
        "alerts": list(alerts) or [alert()],
        **changes,
    }


def taken(raw: Any, cut: bool = False) -> Notification:
    whole = raw if isinstance(raw, bytes) else json.dumps(raw).encode()
    return read(whole, NOW, "ops@example.com", cut=cut)


def without(field: str, of: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in of.items() if name != field}


def test_a_body_as_alertmanager_writes_it_needs_no_repair() -> None:
    found = taken(body())
    assert found.warnings == () and found.readable and found.left_out == 0
    (one,) = found.alerts
    assert one.starts_at == datetime.fromisoformat("2026-11-22T01:59:30.123456+00:00")
    assert (one.print, one.name, found.group) == ("f1", "Burning", '{}:{alertname="Burning"}')


REPAIRED: dict[str, tuple[Any, str]] = {
    "annotations null": (body(alert(annotations=None)), ""),
    "labels null": (body(alert(labels=None)), ""),
    "annotations a text": (body(alert(annotations="burning")), "annotations is not an object"),
    "annotations a list": (body(alert(annotations=["burning"])), "annotations is not an object"),
    "labels a list": (body(alert(labels=["burning"])), "labels is not an object"),
    "values of other types": (body(alert(labels={"a": 1, "b": None, "c": [1], "d": {"e": 2}})), ""),
    "annotation of 10,001": (
        body(alert(annotations={"description": "0" * 10_001})),
        "more than 10000 characters",
    ),
    "label of 20,000": (body(alert(labels={"l": "x" * 20_000})), "more than 10000 characters"),
    "name of a label": (body(alert(labels={"n" * 999: "x"})), "was cut"),
    "1,000 labels": (body(alert(labels={f"l{n}": "x" for n in range(1000)})), "more than 100"),
    "long groupKey": (body(groupKey="g" * 100_000), "groupKey has more than"),
    "no groupKey": (without("groupKey", body()), "groupKey is missing"),
    "groupKey a number": (body(groupKey=7), "groupKey is missing"),
    "empty groupKey": (body(groupKey=" "), "groupKey is missing"),
    "11 minutes ahead": (
        body(alert(startsAt=(NOW + timedelta(minutes=11)).isoformat())),
        "Check the monitor's clock",
    ),
    "year 1": (body(alert(startsAt="0001-01-01T00:00:00Z")), "Check the monitor's clock"),
    "year 1 beyond": (body(alert(startsAt="0001-01-01T00:00:00+14:00")), "startsAt"),
    "year 9999": (body(alert(startsAt="9999-12-31T23:59:59-14:00")), "startsAt"),
    "1970": (body(alert(startsAt="1970-01-01T00:00:00Z")), "Check the monitor's clock"),
    "no startsAt": (body(without("startsAt", alert())), "startsAt is missing"),
    "startsAt null": (body(alert(startsAt=None)), "startsAt is missing"),
    "startsAt yesterday": (body(alert(startsAt="yesterday")), "no time that can be read"),
    "startsAt an object": (body(alert(startsAt={})), "no time that can be read"),
    "startsAt huge": (body(alert(startsAt=10**300)), "startsAt"),
    "startsAt without a zone": (body(alert(startsAt="2026-11-22T02:59:30")), ""),
    "startsAt in seconds": (body(alert(startsAt=NOW.timestamp() - 60)), ""),
    "no status": (body(without("status", alert())), "counts as firing"),
    "status suppressed": (body(alert(status="suppressed")), "counts as firing"),
    "status 1": (body(alert(status=1)), "counts as firing"),
    "status FIRING": (body(alert(status=" FIRING ")), ""),
    "no status anywhere": (without("status", body(without("status", alert()))), "counts as firing"),
    "resolved group, firing alert": (body(status="resolved"), ""),
    "no fingerprint": (body(without("fingerprint", alert())), ""),
    "fingerprint null": (body(alert(fingerprint=None)), ""),
    "fingerprint a number": (body(alert(fingerprint=7)), ""),
    "long fingerprint": (body(alert(fingerprint="f" * 999)), ""),
    "an alert that is nothing": (body({}), ""),
    "an alert that is a text": (body("burning"), "is not an object"),
    "null beside it": (body(None, alert()), "null"),
    "version 3": (body(version="3"), ""),
    "no version": (without("version", body()), ""),
    "alerts an object": (body(alerts=alert()), "is not a list"),
    "a list": ([alert()], "is a list"),
    "one alert": (alert(), "is one alert"),
    "NUL": (body(alert(annotations={"summary": "a\0b"})), ""),
    "lone surrogate": (
        orjson.dumps(body()).replace(b"It is burning", rb"It is \ud800"),
        "",
    ),
    "control character": (orjson.dumps(body()).replace(b"It is burning", b"It\x07is"), ""),
    "NaN": (orjson.dumps(body()).replace(b'"4"', b"NaN"), ""),
    "huge number": (orjson.dumps(body()).replace(b'"4"', b"9" * 10_000), ""),
    "1e999": (orjson.dumps(body()).replace(b'"4"', b"1e999"), ""),
    "not UTF-8": (orjson.dumps(body()).replace(b"burning", b"\xff\xfe"), "not UTF-8"),
    "a mark before it": (b"\xef\xbb\xbf" + orjson.dumps(body()), ""),
    "a key twice": (
        orjson.dumps(body()).replace(b'"version"', b'"alerts":[],"version"'),
        "twice",
    ),
    "a key twice, the empty one last": (orjson.dumps(body())[:-1] + b',"alerts":[]}', "twice"),
    "status twice": (
        orjson.dumps(body()).replace(b'"startsAt"', b'"status":"resolved","startsAt"'),
        "twice",
    ),
    "broken off": (orjson.dumps(body(alert(), alert(fingerprint="f2")))[:-40], "broken JSON"),
    "text after it": (orjson.dumps(body()) + b"\n}", "broken JSON"),
    "deep beside it": (
        orjson.dumps(body()).replace(b'"receiver":"sb"', b'"receiver":' + b"[" * 9_999),
        "",
    ),
}


@pytest.mark.parametrize("name", REPAIRED)
def test_it_is_repaired_and_said(name: str) -> None:
    raw, warning = REPAIRED[name]
    found = taken(raw)
    assert any(one.status == "firing" for one in found.alerts)
    assert warning in " ".join(found.warnings)
    assert_storable(found)


NOTHING_IN_IT: dict[str, bytes] = {
    "nothing": b"",
    "a text": b"the database is on fire",
    "a page of HTML": b"<html><body>502 Bad Gateway</body></html>",
    "a form": b"alert=burning&status=firing",
    "broken": b'{"version":"4","alerts":[{"status":"fir',
    "an empty object": b"{}",
    "a number": b"7",
    "null": b"null",
    "an empty list": b"[]",
    "other JSON": b'{"text":"burning","attachments":[]}',
    "no alert in a firing group": orjson.dumps({"status": "firing", "alerts": []}),
    "nulls": b'{"alerts":[null,null]}',
    "alerts a text": b'{"alerts":"burning"}',
    "deep": b'{"alerts":' + b"[" * 100_000,
    "deep objects": b'{"a":' * 100_000,
    "bytes": bytes(range(256)) * 40,
    "compressed": b"\x1f\x8b\x08\x00\x00",
    "UTF-16": json.dumps(body()).encode("utf-16"),
}


@pytest.mark.parametrize("name", NOTHING_IN_IT)
def test_what_cannot_be_read_is_an_alert_with_the_beginning_of_the_text(name: str) -> None:
    found = taken(NOTHING_IN_IT[name])
    (one,) = found.alerts
    assert one.status == "firing" and one.name == UNREADABLE and not found.readable
    assert len(one.annotations["description"]) <= SHOWN
    assert found.warnings
    if name == "a text":
        assert "the database is on fire" in one.annotations["summary"]
    assert_storable(found)


def test_the_same_unreadable_text_is_the_same_alert_for_an_hour() -> None:
    def print_at(minutes: int, text: bytes = b"x") -> str:
        return read(text, NOW + timedelta(minutes=minutes), "ops").alerts[0].print

    assert print_at(0) == print_at(59) != print_at(60)
    assert print_at(0) != print_at(0, b"y")


def test_a_group_that_is_over_and_names_no_alert_asks_for_nothing() -> None:
    found = taken(body(alerts=[], status="resolved"))
    assert found.alerts == () and found.readable


def test_what_is_resolved_stays_so() -> None:
    found = taken(body(alert(status="resolved"), without("status", alert()), status="resolved"))
    assert [one.status for one in found.alerts] == ["resolved", "resolved"]


def test_too_many_alerts_are_cut_those_that_fire_last() -> None:
    ended = [alert(status="resolved", fingerprint=f"e{n}") for n in range(MOST + 5)]
    firing = [alert(fingerprint=f"f{n}") for n in range(MOST + 1)]
    found = taken(body(*ended, *firing))
    assert sum(one.status == "firing" for one in found.alerts) == MOST
    assert sum(one.status == "resolved" for one in found.alerts) == MOST
    assert found.left_out == 6 and "6 were left out" in " ".join(found.warnings)


def test_two_long_group_keys_stay_two() -> None:
    one, other = taken(body(groupKey="g" * 5_000)), taken(body(groupKey="g" * 5_001))
    assert one.group != other.group and len(one.group) <= 1_000


def test_of_a_cut_body_the_whole_alerts_are_taken() -> None:
    alerts = [alert(fingerprint=f"f{n}", annotations={"summary": "y" * 900}) for n in range(900)]
    raw = orjson.dumps(body(*alerts))
    found = taken(raw[: len(raw) // 2], cut=True)
    assert 440 < len(found.alerts) <= 450
    assert found.group == '{}:{alertname="Burning"}'
    assert "was cut" in found.warnings[0]


def test_a_body_of_very_many_alerts_is_read_in_a_bounded_time() -> None:
    """No assertion on seconds: it would not end if each alert were looked at closely."""
    raw = b'{"alerts":[' + b"{}," * 400_000 + b'{"status":"firing"}]}'
    assert len(taken(raw).alerts) == MOST


def assert_storable(found: Notification) -> None:
    """Every text of it can be written to the log, and every number has its bound."""
    reader = AlertReader(ComponentsPolicy())
    assert len(found.group) <= 1_000 and found.group
    orjson.dumps([found.group, *found.warnings])
    for one in found.alerts:
        made = reader.read(one)
        texts = [one.print, made.summary, made.description, *made.labels, *made.labels.values()]
        orjson.dumps(texts)
        assert "\0" not in "".join(texts)
        assert 1 <= len(one.print) <= 200 and made.summary
        assert len(one.labels) <= 100 and len(made.summary) <= 200
        assert one.starts_at is None or one.starts_at <= NOW + timedelta(minutes=10)


JUNK = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        st.text(st.characters(), max_size=30),
        st.sampled_from(["firing", "resolved", "0001-01-01T00:00:00Z", "\ud800", "x" * 11_000]),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)
FIELDS = st.sampled_from(
    ["status", "labels", "annotations", "startsAt", "endsAt", "fingerprint", "generatorURL"]
)
OUTER = st.sampled_from(["version", "groupKey", "status", "receiver", "truncatedAlerts"])


@st.composite
def mangled_bodies(draw: st.DrawFn) -> tuple[bytes, bool]:
    """A body with fields taken away, replaced and its bytes spoiled, and whether an alert that
    fires stands whole in it.
    """
    alerts = [alert(fingerprint=f"f{n}") for n in range(draw(st.integers(1, 4)))]
    for one in alerts:
        for field in draw(st.lists(FIELDS, max_size=4)):
            if draw(st.booleans()):
                one.pop(field, None)
            else:
                one[field] = draw(JUNK)
    whole: dict[str, Any] = body(*copy.deepcopy(alerts))
    for field in draw(st.lists(OUTER, max_size=3)):
        if draw(st.booleans()):
            whole.pop(field, None)
        else:
            whole[field] = draw(JUNK)
    fires = any(one.get("status") == "firing" for one in alerts)
    raw = json.dumps(whole, ensure_ascii=draw(st.booleans())).encode("utf-8", "surrogatepass")
    for _ in range(draw(st.integers(0, 2))):
        at = draw(st.integers(0, len(raw)))
        spoiled = draw(st.sampled_from(["cut", "insert", "drop"]))
        fires = False
        if spoiled == "cut":
            raw = raw[:at]
        elif spoiled == "insert":
            raw = raw[:at] + draw(st.binary(max_size=5)) + raw[at:]
        else:
            raw = raw[:at] + raw[at + draw(st.integers(1, 9)) :]
    return raw, fires


@settings(max_examples=examples(150), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(mangled_bodies())
@example((b'{"alerts":[{"status":"resolved"},', False))
def test_whatever_comes_an_alert_that_fires_is_taken(mangled: tuple[bytes, bool]) -> None:
    raw, fires = mangled
    found = taken(raw)
    assert_storable(found)
    assert not fires or any(one.status == "firing" for one in found.alerts)
    assert found.readable or found.alerts[0].status == "firing"


@settings(max_examples=examples(100), deadline=None)
@given(st.one_of(st.binary(max_size=400), JUNK.map(lambda v: json.dumps(v).encode())))
def test_any_bytes_at_all(raw: bytes) -> None:
    found = taken(raw)
    assert_storable(found)
    assert found.readable or found.alerts[0].status == "firing"
