"""`python -m tests.corpus.mail.spf`: the openspf test suite for RFC 7208, which pyspf ships, on our
SPF and on pyspf's. Ends with 1 where ours is wrong.
"""

from __future__ import annotations

import asyncio
import sys
import tarfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import yaml

from services.intake.mail.reading.authentication.dns import Kind, NoAnswerInTime
from services.intake.mail.reading.authentication.spf import check
from tests.corpus.mail.sources import HERE, archives

SUITE = "test/rfc7208-tests.yml"

Record = tuple[str, Any]
"""Type and value. A value `TIMEOUT`: no answer."""


class SuiteZone:
    """A zone of the suite, as its README says: a record of type SPF counts as TXT where there is no
    TXT; aliases are followed.
    """

    def __init__(self, data: Mapping[str, Sequence[Any]]) -> None:
        self.records: dict[str, list[Record]] = {}
        for name, given in data.items():
            rows = [next(iter(each.items())) for each in given if isinstance(each, dict)]
            has_text = any(kind == "TXT" for kind, _ in rows)
            kept = [
                ("TXT" if kind == "SPF" else kind, value)
                for kind, value in rows
                if not (kind == "SPF" and has_text) and value != "NONE"
            ]
            away = [("*", each) for each in given if each == "TIMEOUT"]
            self.records[str(name).lower().rstrip(".")] = kept + away

    def find(self, name: str, kind: str) -> list[Any]:
        """Raises NoAnswerInTime."""
        for _ in range(3):
            rows = self.records.get(name.lower().rstrip("."), [])
            found = [value for each, value in rows if each == kind]
            if "TIMEOUT" in found or (not found and ("*", "TIMEOUT") in rows):
                raise NoAnswerInTime(name)
            if found:
                return found
            name = next((value for each, value in rows if each == "CNAME"), "")
        return []

    async def lookup(self, name: str, kind: Kind) -> tuple[str, ...]:
        if any(not 0 < len(label) < 64 for label in name.rstrip(".").split(".")):
            return ()
        found = self.find(name, kind)
        if kind == "MX":
            return tuple(host for _, host in sorted(found))
        return tuple("".join(value) if isinstance(value, list) else str(value) for value in found)


Judge = Callable[[SuiteZone, Mapping[str, Any]], str]


def ours(zone: SuiteZone, test: Mapping[str, Any]) -> str:
    return asyncio.run(
        check(str(test["host"]), test["mailfrom"] or "", test["helo"] or "", zone)
    ).verdict


def pyspf() -> Judge | None:
    """None where it is not installed."""
    try:
        import spf
    except ModuleNotFoundError:
        return None

    def judge(zone: SuiteZone, test: Mapping[str, Any]) -> str:
        def look_up(name: str, kind: str, *_: Any) -> list[Any]:
            if kind == "SPF":
                return []
            try:
                found = zone.find(name, kind)
            except NoAnswerInTime as error:
                raise spf.TempError("DNS timeout") from error
            if kind == "TXT":
                rows = [
                    tuple(text.encode() for text in ([v] if isinstance(v, str) else v))
                    for v in found
                ]
            elif kind == "AAAA":
                rows = [spf.ipaddress.ip_address(v).packed for v in found]
            else:
                rows = [tuple(v) if isinstance(v, list) else v for v in found]
            return [((name, kind), row) for row in rows]

        spf.DNSLookup = look_up
        asked = spf.query(str(test["host"]), test["mailfrom"], test["helo"], strict=True)
        return str(asked.check()[0])

    return judge


def tests() -> Iterator[tuple[SuiteZone, str, Mapping[str, Any]]]:
    """Each test with its zone."""
    line = next(
        line for line in (HERE / "packages.txt").read_text().splitlines() if "pyspf" in line
    )
    for archive in archives("pyspf", line):
        with tarfile.open(archive) as tar:
            name = next(name for name in tar.getnames() if name.endswith(SUITE))
            file = tar.extractfile(name)
            assert file is not None
            for scenario in yaml.safe_load_all(file.read()):
                zone = SuiteZone(scenario.get("zonedata") or {}) if scenario else None
                for name, test in scenario["tests"].items() if zone else ():
                    yield zone, name, test


def main() -> int:
    cases = list(tests())
    wrong_ours = 0
    judges: dict[str, Judge | None] = {"ours": ours, "pyspf": pyspf()}
    for who, judge in judges.items():
        if judge is None:
            print(f"{who}: not installed")
            continue
        begun, wrong = time.monotonic(), 0
        for zone, name, test in cases:
            right = test["result"] if isinstance(test["result"], list) else [test["result"]]
            if (found := judge(zone, test)) not in right:
                wrong += 1
                print(f"{who}: {name} is {found}, not {' or '.join(right)}")
        seconds = time.monotonic() - begun
        print(f"{who}: {len(cases) - wrong} of {len(cases)} right in {seconds:.2f} s")
        wrong_ours += wrong if who == "ours" else 0
    return int(not cases or wrong_ours > 0)


if __name__ == "__main__":
    sys.exit(main())
