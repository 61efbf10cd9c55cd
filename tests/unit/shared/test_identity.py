"""Tokens: who they speak for, and everything that makes one worth nothing."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import Refused
from shared.events import Role, Via
from shared.people.identity import (
    MOST_PARENTS,
    authenticate,
    bearer_of,
    is_of,
    mint,
    recognise,
    token_id,
)

NOW = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
SECRET = "a secret of sixteen"


class Documents:
    def __init__(self, **kinds: dict[str, dict[str, Any]]) -> None:
        self.kinds = kinds

    def get(self, kind: str, doc_id: str) -> dict[str, Any] | None:
        return self.kinds.get(kind, {}).get(doc_id)


LOOKUP = Documents(
    tokens={
        token_id("machine"): {"email": "Ada@Example.com", "name": "ci"},
        token_id("orphan"): {"email": "gone@example.com"},
        token_id("reader"): {"email": "ada@example.com", "scopes": ["read"]},
    },
    accounts={
        "ada@example.com": {
            "email": "ada@example.com",
            "name": "Ada",
            "plan": "free",
            "roles": ["agent", "made-up"],
        },
        "rae@example.com": {
            "email": "rae@example.com",
            "plan": "free",
            "roles": ["provider"],
            "provider": "redisco",
        },
        "plain@example.com": {"email": "plain@example.com", "plan": "premium"},
    },
)


def test_a_machines_token_speaks_for_its_account() -> None:
    actor = authenticate("machine", LOOKUP, SECRET, NOW)
    assert (actor.email, actor.name, actor.roles, actor.via) == (
        "ada@example.com",
        "Ada",
        (Role.AGENT,),
        Via.API,
    )


def test_the_portals_token_speaks_for_a_browser() -> None:
    actor = authenticate(
        mint("Rae@example.com", Via.WEB, SECRET, NOW), LOOKUP, SECRET, NOW + timedelta(seconds=59)
    )
    assert (actor.email, actor.provider, actor.via) == ("rae@example.com", "redisco", Via.WEB)


def test_an_account_without_roles_is_a_requester() -> None:
    assert authenticate(
        mint("plain@example.com", Via.WEB, SECRET, NOW), LOOKUP, SECRET, NOW
    ).roles == (Role.REQUESTER,)


def _forged() -> str:
    _, payload, _ = mint("plain@example.com", Via.WEB, SECRET, NOW).split(".")
    _, _, seal = mint("ada@example.com", Via.WEB, SECRET, NOW).split(".")
    return f"sbx.{payload}.{seal}"


@pytest.mark.parametrize(
    "bearer",
    [
        "",
        "unknown",
        "orphan",
        "x" * 5000,
        "sbx.",
        "sbx..",
        "sbx.e30",
        "sbx.é.é",
        _forged(),
        mint("ada@example.com", Via.WEB, "another secret of us", NOW),
        mint("ada@example.com", Via.WEB, SECRET, NOW - timedelta(minutes=2)),
        mint("nobody@example.com", Via.WEB, SECRET, NOW),
        mint("ada@example.com", Via.WEB, SECRET, NOW)[:-1],
    ],
)
def test_what_is_worth_nothing_is_401(bearer: str) -> None:
    with pytest.raises(Refused) as refusal:
        authenticate(bearer, LOOKUP, SECRET, NOW)
    assert (refusal.value.code, refusal.value.status) == ("unauthenticated", 401)


def test_without_a_secret_no_internal_token_counts() -> None:
    with pytest.raises(Refused):
        authenticate(mint("ada@example.com", Via.WEB, "", NOW), LOOKUP, None, NOW)


def test_a_token_may_be_good_for_reading_only() -> None:
    assert authenticate("reader", LOOKUP, SECRET, NOW, need="read").email == "ada@example.com"
    with pytest.raises(Refused) as refusal:
        authenticate("reader", LOOKUP, SECRET, NOW, need="write")
    assert (refusal.value.code, refusal.value.status) == ("insufficient-scope", 403)


@pytest.mark.parametrize(
    ("header", "bearer"),
    [(None, ""), ("Bearer abc", "abc"), ("bearer  abc ", "abc"), ("Bearer", "")],
)
def test_the_bearer_of_a_header(header: str | None, bearer: str) -> None:
    assert bearer_of(header) == bearer


def test_other_schemes_are_refused() -> None:
    with pytest.raises(Refused):
        bearer_of("Basic dXNlcjpwYXNz")


ENDS = st.sampled_from(["good", "revoked", "expired", "of an earlier account", "without account"])


@given(st.lists(ENDS, min_size=1, max_size=MOST_PARENTS + 3))
def test_a_token_is_as_good_as_every_token_it_comes_from(chain: list[str]) -> None:
    """`chain[0]` is the token itself, the others made each the one before."""
    tokens: dict[str, dict[str, Any]] = {}
    names = [token_id(f"t{number}") for number in range(len(chain))]
    since = NOW - timedelta(days=1)
    for number, (name, state) in enumerate(zip(names, chain, strict=True)):
        document: dict[str, Any] = {
            "email": "gone@example.com" if state == "without account" else "ada@example.com",
            "account_since": since.isoformat(),
        }
        if state == "expired":
            document["expires_at"] = (NOW - timedelta(seconds=1)).isoformat()
        if state == "of an earlier account":
            document["account_since"] = (since - timedelta(microseconds=1)).isoformat()
        if number + 1 < len(names):
            document["parent"] = names[number + 1]
        if state != "revoked":
            tokens[name] = document
    account = {"email": "ada@example.com", "plan": "free", "since": since.isoformat()}
    lookup = Documents(tokens=tokens, accounts={"ada@example.com": account})
    if set(chain) == {"good"} and len(chain) <= MOST_PARENTS + 1:
        assert recognise("t0", lookup, SECRET, NOW).token == names[0]
    else:
        with pytest.raises(Refused) as refused:
            recognise("t0", lookup, SECRET, NOW)
        assert refused.value.status == 401


def test_tokens_that_made_each_other_are_no_good_and_no_riddle() -> None:
    one, two = token_id("one"), token_id("two")
    tokens = {
        one: {"email": "ada@example.com", "parent": two},
        two: {"email": "ada@example.com", "parent": one},
    }
    with pytest.raises(Refused):
        recognise("one", Documents(tokens=tokens, accounts=LOOKUP.kinds["accounts"]), SECRET, NOW)


@pytest.mark.parametrize(
    ("since", "of", "is_theirs"),
    [
        (None, None, True),
        (None, "2026-11-22T00:00:00Z", True),
        ("2026-11-22T00:00:00Z", None, False),
        ("2026-11-22T00:00:00Z", "2026-11-21T23:59:59Z", False),
        ("2026-11-22T00:00:00Z", "2026-11-22T00:00:00+00:00", True),
        ("2026-11-22T00:00:00Z", "2026-11-23T00:00:00Z", True),
    ],
)
def test_what_is_of_an_earlier_account_is_not_this_ones(
    since: str | None, of: str | None, is_theirs: bool
) -> None:
    assert is_of({"account_since": of}, {"email": "a@b.example", "since": since}) is is_theirs
    assert not is_of({"account_since": of}, None)
