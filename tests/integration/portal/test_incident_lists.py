"""Every incident and every maintenance can be reached from their page, however many there are."""

from __future__ import annotations

import html
import re
from datetime import timedelta
from urllib.parse import parse_qsl, urlsplit

import pytest

from shared import ids
from shared.events import MaintenanceScheduled
from tests.integration.portal.conftest import World
from tests.support.facts import BEGAN
from tests.support.showcase_incidents import ROUTING, YELLOW

pytestmark = pytest.mark.integration

MOST = 50
"""How many of a family one page shows."""


async def test_maintenances_after_the_first_page_are_on_the_next(world: World) -> None:
    keys = [ids.derive("mnt", str(n)) for n in range(MOST + 1)]
    await world.say(
        MaintenanceScheduled(
            id=ids.derive("fct", key, "1"),
            key=key,
            seq=1,
            at=BEGAN + timedelta(minutes=n),
            by="ops@example.com",
            title=f"Work number {n}",
            components=(ROUTING,),
            impact=YELLOW,
            body="A short interruption.",
            starts_at=BEGAN + timedelta(days=3650, minutes=n),
            ends_at=BEGAN + timedelta(days=3651),
        )
        for n, key in enumerate(keys)
    )
    await world.until("ops", f"/v1/maintenances/{keys[-1]}", id=keys[-1])
    first = await world.get("ops", "/ops/incidents")
    assert first.status_code == 200
    assert ">Incidents</h2>" in first.text
    assert "Work number 0<" not in first.text
    (more,) = re.findall(r'href="([^"]+)">Earlier maintenances', first.text)
    query = dict(parse_qsl(urlsplit(html.unescape(more)).query))
    second = await world.get("ops", "/ops/incidents", **query)
    assert "Work number 0<" in second.text
    # The other family is not begun anew.
    assert ">Incidents</h2>" not in second.text
    assert "Earlier" not in second.text
