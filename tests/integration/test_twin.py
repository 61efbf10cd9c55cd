"""A living process keeps its instance name; a dead one's is free at once, or with its session."""

from __future__ import annotations

import os

import pytest

from shared.bus.progress.twin import (
    Member,
    _machine,
    _read_start,
    identity,
    is_alive,
    refuse_twin,
    start_in,
)
from shared.errors import Unavailable

NAME = "p-router-router-0"


ALIVE = os.getppid()
"""Whoever runs the tests."""
NOBODY = 2**30
"""No kernel gives this number to a process."""


def client_of(pid: int, started: str | None = None) -> str:
    return f"router@{_machine()}.{pid}.{_read_start(pid) if started is None else started}"


class Group:
    """The group's members, as one look after the other finds them; the last one stays."""

    def __init__(self, *looks: list[Member]) -> None:
        self.looks, self.asked = list(looks), 0

    async def __call__(self, group: str) -> list[Member]:
        self.asked += 1
        return self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]


def member(client: str, name: str = NAME) -> Member:
    return Member(f"{name}-1b4e28ba", client, "/10.0.0.7")


async def joins(group: Group, session: float = 0.05) -> None:
    await refuse_twin(group, "router", NAME, session, every=0.01)


async def test_a_name_that_nobody_has_is_free() -> None:
    await joins(Group([]))
    await joins(Group([member("router@elsewhere.1.2", "p-router-router-1")]))


async def test_our_own_membership_is_ours() -> None:
    await joins(Group([member(f"router@{identity()}")]))


async def test_a_living_process_keeps_its_name() -> None:
    group = Group([member(client_of(ALIVE))])
    with pytest.raises(Unavailable, match=r"is p-router-router-0 already .*10\.0\.0\.7"):
        await joins(group, session=60.0)
    assert group.asked == 1, "there is nothing to wait for"


async def test_a_dead_one_leaves_it_at_once() -> None:
    group = Group([member(client_of(NOBODY, started="4711"))])
    await joins(group, session=60.0)
    assert group.asked == 1


async def test_a_number_that_another_process_got_since_is_no_twin() -> None:
    await joins(Group([member(client_of(ALIVE, started="1"))]), session=60.0)


@pytest.mark.parametrize("client", ["router@elsewhere.1.2", "an old version", "a@b@c", ""])
async def test_elsewhere_the_end_of_the_session_tells(client: str) -> None:
    await joins(Group([member(client)], [member(client)], []), session=60.0)
    with pytest.raises(Unavailable, match="SIGNALBOX_INSTANCE of its own"):
        await joins(Group([member(client)]))


@pytest.mark.parametrize(
    ("stat", "started"),
    [
        (f"7 (python) S {' '.join('0' * 18)} 4711 9 9", "4711"),
        (f"7 (a) S b) R {' '.join('0' * 18)} 4711 9 9", "4711"),
        (f"7 (python) Z {' '.join('0' * 18)} 4711 9 9", ""),
    ],
    ids=["alive", "a name with a bracket", "waits to be buried"],
)
def test_when_a_process_began(stat: str, started: str) -> None:
    assert start_in(stat) == started


def test_we_are_alive() -> None:
    assert is_alive(f"router@{identity()}") is True
    assert is_alive(client_of(NOBODY, started="4711")) is False
    assert is_alive("router@elsewhere.1.2") is None
