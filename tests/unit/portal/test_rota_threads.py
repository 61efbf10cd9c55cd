"""Nothing about the rota is worked out in the event loop's own thread: a document may have
thousands of overrides, and a year may be asked for.
"""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

from services.portal.on_call.reads import RotaReads
from shared.events import Actor, Role, Via
from shared.policy import OnCallPolicy
from shared.storage.store import Store
from tests.support.threads import SeenWorkers
from tests.unit.intake.building import NOW, POLICIES

AGENT = Actor(email="agent@example.com", name="A", roles=(Role.AGENT,), via=Via.WEB)
SCHEDULE = "support-primary"

READS: dict[str, Callable[[RotaReads], Awaitable[Any]]] = {
    "shifts": lambda rota: rota.shifts(AGENT, NOW, NOW + timedelta(days=366)),
    "coverage": lambda rota: rota.coverage(AGENT, NOW),
    "shifts_of": lambda rota: rota.shifts_of("primary", NOW),
    "calendar": lambda rota: rota.calendar(SCHEDULE, NOW),
    "calendar_of_person": lambda rota: rota.calendar_of_person("primary", NOW),
}


@pytest.mark.parametrize("read", READS)
async def test_a_read_of_the_rota_leaves_the_loop_free(read: str) -> None:
    policy, workers = OnCallPolicy.model_validate(POLICIES["on-call"]), SeenWorkers()
    store = Store("mongodb://127.0.0.1:9", "nowhere")
    rota = RotaReads(store, lambda: policy, workers=workers)
    assert await READS[read](rota)
    assert workers.threads
    assert threading.main_thread() not in workers.threads
    store.close()
