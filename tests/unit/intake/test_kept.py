"""What survives a restart: idempotency keys, and the policies to accept by with Kafka away."""

from datetime import timedelta
from pathlib import Path

import pytest

from services.intake.http.idempotency import KEPT, Keys
from services.intake.world.reference import Policies, Reference
from shared.events import PolicyPublished
from shared.policy import DESK
from shared.wire import Message
from tests.unit.intake.building import NOW, POLICIES, Log


def published(version: int, note: str, document: object = None) -> Message:
    event = PolicyPublished(
        id=note, key=DESK, at=NOW, version=version, document=document or POLICIES[DESK], note=note
    )
    return Message("policies", 0, version, DESK, event.wire(), {}, 0.0)


def test_a_key_is_remembered_across_a_restart(tmp_path: Path) -> None:
    keys = Keys(tmp_path / "keys.sqlite")
    assert [keys.claim("r", digest, NOW) for digest in ("a", "a", "b")] == [True, True, False]
    keys.close(NOW)
    again = Keys(tmp_path / "keys.sqlite")
    assert [again.claim("r", digest, NOW) for digest in ("a", "b")] == [True, False]
    again.close(NOW)


def test_an_old_key_is_forgotten(tmp_path: Path) -> None:
    keys = Keys(tmp_path / "keys.sqlite")
    keys.claim("r", "a", NOW)
    keys.save(NOW)
    keys.save(NOW + KEPT + timedelta(seconds=1))
    assert keys.claim("r", "b", NOW)


def test_a_key_file_that_fails_costs_no_ticket(tmp_path: Path) -> None:
    keys = Keys(tmp_path / "keys.sqlite")
    keys.close(NOW)
    assert keys.claim("r", "a", NOW)


def test_the_first_of_a_version_counts() -> None:
    policies = Policies(None)
    for message in (
        published(1, "first"),
        published(1, "late"),
        published(2, "next"),
        published(2, "later still"),
    ):
        policies.on_change(message)
    newest = policies.get(DESK)
    assert newest is not None
    assert (newest.version, newest.note) == (2, "next")
    assert [policy.note for policy in policies.versions(DESK)] == ["first", "next"]


def test_a_policy_nobody_could_use_is_left_out() -> None:
    policies = Policies(None)
    policies.on_change(published(1, "good"))
    policies.on_change(published(2, "bad", {"routing": []}))
    policies.on_change(Message("policies", 0, 9, DESK, b"not json", {}, 0.0))
    assert policies.stamp() == {DESK: 1}


def test_the_newest_policies_are_at_hand_before_kafka_is(tmp_path: Path) -> None:
    file = tmp_path / "intake" / "policies.json"
    before = Policies(file)
    before.on_change(published(1, "first"))
    before.on_change(published(2, "second"))
    after = Policies(file)
    assert after.stamp() == {DESK: 2}
    assert Reference(Log(), after, Log()).rules().stamp == {DESK: 2}
    after.on_change(published(1, "another world"))
    assert after.stamp() == {DESK: 1}


@pytest.mark.parametrize("damage", [b"", b"{", b"[1]", b'["AAAA"]'])
def test_a_damaged_file_is_as_good_as_none(tmp_path: Path, damage: bytes) -> None:
    file = tmp_path / "policies.json"
    file.write_bytes(damage)
    assert Policies(file).stamp() == {}
