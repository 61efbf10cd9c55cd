"""Policy documents with odd values: shipped ones, some of whose fields were replaced, removed or
doubled. Most are refused; what passes must decide.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

from hypothesis import strategies as st

from deploy.demo.directory import policies
from shared.policy import COMPONENTS, DESK, ON_CALL

NIGHT = [{"opens": "22:00", "closes": "06:00"}]
_TURN = {"people": ["ops", "lead"], "starts_at": "2025-01-06T09:00:00-05:00", "every": "12h"}


def bases() -> dict[str, dict[str, Any]]:
    """Each document with one of everything it may have."""
    found = copy.deepcopy(policies("http://127.0.0.1:8025"))
    desk, on_call = found[DESK], found[ON_CALL]
    business = desk["calendars"]["business"]
    business["week"]["sat"] = NIGHT
    business["extra_holidays"] = ["2026-12-28"]
    business["not_holidays"] = ["2026-12-25"]
    business["special"] = {"2026-12-24": "09:00-13:00", "2026-12-31": "closed"}
    desk["resolution"] = [
        {"plan": "premier", "priority": priority, "within": "3d", "calendar": "business"}
        for priority in ("urgent", "high", "normal", "low")
    ]
    on_call["schedules"]["ops"] = {
        "zone": "Europe/Berlin",
        "layers": [
            {"name": "all", "rotation": _TURN},
            {"name": "night", "rotation": {**_TURN, "months": 1}, "week": {"mon": NIGHT}},
        ],
        "overrides": [
            {"person": "ops", "since": "2026-12-01T00:00:00Z", "until": "2026-12-02T00:00:00Z"}
        ],
        "swaps": [
            {
                "one": "ops",
                "other": "lead",
                "since": "2026-12-03T00:00:00Z",
                "until": "2026-12-09T00:00:00Z",
            }
        ],
    }
    on_call["escalation"]["support"]["ack_timeout"] = "30m"
    on_call["send_timeout"] = "5s"
    made = {DESK: desk, ON_CALL: on_call, COMPONENTS: found[COMPONENTS]}
    return {name: unshared(document) for name, document in made.items()}


TIMES = ["00:00", "00:01", "02:30", "06:00", "12:00", "22:00", "23:59", "23:59:59"]
SPANS = ["0s", "1s", "15m", "16m", "1h", "90m", "24h", "7d", "31d", "300d", "366d", "367d"]
INSTANTS = [
    "1970-01-01T00:00:00Z",
    "2025-03-30T02:30:00+01:00",
    "2026-11-01T01:30:00-04:00",
    "2026-12-31T23:59:59.999999+14:00",
    "2199-12-31T23:59:59-12:00",
    "2016-02-29T12:00:00Z",
    "2026-01-31T00:00:00Z",
]
ZONES = [
    "UTC",
    "Africa/Casablanca",
    "Pacific/Apia",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "America/Santiago",
    "Antarctica/Troll",
    "Etc/GMT+12",
    "Pacific/Kiritimati",
]
ODD: list[Any] = [
    None,
    True,
    False,
    0,
    1,
    -1,
    600,
    2**62,
    1.5,
    "",
    " ",
    "no",
    "10:00",
    "(hidden)",
    "x" * 400,
    [],
    {},
    [None],
    "9999999d",
    "٣m",
    "\x00",
    "2026-12-24",
    "closed",
]
BY_FIELD: dict[str, list[Any]] = {
    "opens": TIMES,
    "closes": TIMES,
    "within": SPANS,
    "every": SPANS,
    "wait": SPANS,
    "ack_timeout": SPANS,
    "send_timeout": SPANS,
    "reopen_window": SPANS,
    "starts_at": INSTANTS,
    "since": INSTANTS,
    "until": INSTANTS,
    "zone": ZONES,
    "months": [0, 1, 5, 12, 13],
    "repeat": [0, 1, 10, 11],
    "holidays": ["US", "DE", "NO", "SG", "IN", None],
    "calendar": ["always", "business", "none"],
    "person": ["ops", "lead", "primary", "nobody"],
    "fallback": ["ops", "lead", "nobody"],
    "schedule": ["ops", "support-primary", "none"],
    "verified": [True, False],
    "channel": ["webhook", "email", "sms", "pagerduty"],
    "2026-12-24": ["closed", "00:00-00:00", "22:00-06:00", "09:00-10:00, 11:00-12:00", "9-17"],
}


def unshared(value: Any) -> Any:
    """A copy in which no part stands twice: one change must not change two places."""
    if isinstance(value, dict):
        return {name: unshared(held) for name, held in value.items()}
    return [unshared(held) for held in value] if isinstance(value, list) else value


Path = tuple[str | int, ...]


def paths_in(value: Any, place: Path = ()) -> Iterator[Path]:
    """The place of every value below the top."""
    inner = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    for name, held in inner:
        yield (*place, name)
        yield from paths_in(held, (*place, name))


@st.composite
def odd_documents(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    """(name, document)."""
    name = draw(st.sampled_from([DESK, ON_CALL, ON_CALL, COMPONENTS]))
    document = bases()[name]
    for _ in range(draw(st.integers(1, 5))):
        places = list(paths_in(document))
        known = [place for place in places if place[-1] in BY_FIELD]
        chosen = draw(st.sampled_from(known if known and draw(st.integers(0, 4)) else places))
        *way, last = chosen
        at: Any = document
        for part in way:
            at = at[part]
        what = draw(st.sampled_from(["replace"] * 6 + ["remove", "double"]))
        if what == "remove":
            del at[last]
        elif what == "double" and isinstance(at, list):
            at.append(unshared(at[last]))  # type: ignore[call-overload]
        else:
            fitting = BY_FIELD.get(str(last), [])
            odd = not fitting or draw(st.integers(0, 9)) == 0
            at[last] = unshared(draw(st.sampled_from(ODD if odd else fitting)))
    return name, document
