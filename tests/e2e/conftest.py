"""What is run beside the one stack uses the stack's engine."""

from __future__ import annotations

import pytest

from tests.support.stack import Stack


@pytest.fixture(scope="session")
def engine(stack: Stack) -> Stack:
    return stack
