"""Several copies behind a balancer share what one account may do."""

from __future__ import annotations

import pytest

from services.intake.contacts.shell import CodeRateLimit
from services.intake.http.door import Allowance
from services.intake.subscriptions.routes import Rates
from shared.errors import Refused


@pytest.mark.parametrize(("copies", "each"), [(1, 600), (2, 300), (7, 86), (1000, 1)])
def test_each_copy_gives_its_share(copies: int, each: int) -> None:
    share = Allowance("600/minute", copies)
    given = [share.take("rae@example.com", 0.0) for _ in range(each + 1)]
    assert given[:-1] == [0.0] * each
    assert given[-1] > 0


def test_codes_and_subscriptions_are_shared_too() -> None:
    pace, rates = CodeRateLimit(copies=5), Rates.for_one_copy("30/hour", 5)
    for _ in range(2):
        pace.send("rae")
    with pytest.raises(Refused):
        pace.send("rae")
    rates.count("192.0.2.1", "a@example.com")
    with pytest.raises(Refused):
        rates.count("192.0.2.1", "a@example.com")
