"""Nothing under tests/unit starts a process or speaks to another machine."""

from __future__ import annotations

from collections.abc import Generator

import pytest

from tests.support.guarding import guarded


def watched(item: pytest.Item) -> Generator[None, object, object]:
    with guarded() as seen:
        answer = yield
    assert not seen, f"{item.nodeid}: {seen}"
    return answer


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    return (yield from watched(item))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None, object, object]:
    return (yield from watched(item))
