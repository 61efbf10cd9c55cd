"""A partition that cannot be read is a finding, from when that was first seen."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import orjson
import pytest

from services.auditor.damaged import Damage
from services.auditor.probes import Probe, damage_in
from shared.spine import damage
from shared.telemetry.logs import verdict

NOW = datetime(2026, 11, 30, 8, tzinfo=UTC)
LATER = NOW + timedelta(minutes=5)
TICKETS = {("tickets", 3): "from offset 7"}


def test_a_damaged_partition_is_one_finding_until_it_is_mended() -> None:
    seen = Damage()
    (first,) = seen.findings(TICKETS, (), NOW)
    assert (first.id, first.due) == ("tickets/3", NOW)
    assert "from offset 7" in first.text
    both = seen.findings({**TICKETS, ("pages", 0): "from offset 1"}, (), LATER)
    assert both[0] == first, "it is paged once"
    assert [finding.id for finding in both] == ["tickets/3", "pages/0"]
    assert seen.findings({}, (), LATER) == []
    (again,) = seen.findings(TICKETS, (), LATER)
    assert again.due == LATER


async def test_what_a_service_says_at_readyz_is_a_finding_too() -> None:
    """The auditor does not read every topic; what it reads itself is not told twice."""
    damage.note(("page-inbox", 2), "from offset 7")
    try:
        status, checks = await verdict({})
    finally:
        damage.clear(("page-inbox", 2))
    assert status == 200
    probe = Probe("pager", "http://x/readyz", damaged=damage_in(orjson.dumps({"checks": checks})))
    (found,) = Damage().findings({}, [probe], NOW)
    assert found.id == "pager"
    assert "page-inbox/2" in found.text
    (found,) = Damage().findings({("page-inbox", 2): "from offset 7"}, [probe], NOW)
    assert found.id == "page-inbox/2"


@pytest.mark.parametrize("raw", [b"", b"ok", b"[]", b'{"checks": 1}', b'{"checks": {}}'])
def test_other_answers_say_nothing(raw: bytes) -> None:
    assert damage_in(raw) == ""
