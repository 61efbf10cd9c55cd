"""Derived ids: the quick ways give what the plain ways give."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from shared import ids
from tests.chaos.spine.domain import Counted, Noted

NOW = datetime(2026, 11, 20, tzinfo=UTC)


def plain(*parts: str) -> str:
    hasher = hashlib.sha256()
    for part in parts:
        hasher.update(f"{len(part.encode())}:".encode() + part.encode())
    bits = "".join(f"{byte:08b}" for byte in hasher.digest())
    return "".join(
        "abcdefghijklmnopqrstuvwxyz234567"[int(bits[at + 1 : at + 6], 2)] for at in range(0, 156, 6)
    )


@given(st.lists(st.text()))
def test_a_digest_is_five_of_every_six_bits_of_sha256(parts: list[str]) -> None:
    assert ids.digest(*parts) == plain(*parts)


def test_facts_are_stamped_with_place_cause_and_derived_id() -> None:
    facts = [Counted(at=NOW, number=1), Noted(at=NOW, cause="other"), Noted(at=NOW)]
    stamped = ids.stamp(facts, key="k", first_seq=4, cause="r1")
    assert [(fact.key, fact.seq, fact.cause) for fact in stamped] == [
        ("k", 4, "r1"),
        ("k", 5, "other"),
        ("k", 6, "r1"),
    ]
    assert [fact.id for fact in stamped] == [
        f"fct_{plain('k', cause, kind, str(rank))}"
        for rank, (cause, kind) in enumerate(
            [("r1", "Counted"), ("other", "Noted"), ("r1", "Noted")]
        )
    ]
    assert facts[0].id == ""
    assert stamped[0] == facts[0].model_copy(
        update={"id": stamped[0].id, "key": "k", "seq": 4, "cause": "r1"}
    )
