"""Sessions while MongoDB is silent: what ended stays ended, whatever happened in whichever order."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from services.portal.sign_in.kept_sessions import GOOD_FOR, KeptSessions

NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)
ROW = {"_id": "a", "email": "rae@example.com"}


def test_a_confirmed_session_goes_on_while_mongodb_is_silent() -> None:
    kept = KeptSessions()
    kept.confirm("a", ROW, NOON)
    assert kept.find("a", NOON + timedelta(minutes=1)) == ROW
    assert kept.find("a", NOON + timedelta(hours=8)) == ROW, "a long silence ends nobody"


def test_an_old_confirmation_is_not_enough() -> None:
    kept = KeptSessions()
    kept.confirm("a", ROW, NOON)
    assert kept.find("a", NOON + GOOD_FOR + timedelta(seconds=1)) is None


def test_what_mongodb_no_longer_has_is_not_kept() -> None:
    kept = KeptSessions()
    kept.confirm("a", ROW, NOON)
    kept.confirm("a", None, NOON)
    assert kept.find("a", NOON) is None


NAMES = st.sampled_from("abc")
STEPS = st.one_of(
    st.tuples(st.just("confirm"), NAMES),
    st.tuples(st.just("gone"), NAMES),
    st.tuples(st.just("end"), NAMES),
    st.tuples(st.just("end all"), NAMES),
    st.tuples(st.just("find"), NAMES),
)


@given(st.lists(STEPS, max_size=40))
def test_what_ended_never_comes_back(steps: list[tuple[str, str]]) -> None:
    """Even where a row that was read before the end is confirmed after it."""
    kept, ended = KeptSessions(), set[str]()
    known: set[str] = set()
    for step, name in steps:
        row = {"_id": name, "email": f"{name}@example.com"}
        if step == "confirm":
            kept.confirm(name, row, NOON)
            known.add(name)
        elif step == "gone":
            kept.confirm(name, None, NOON)
            known.discard(name)
        elif step == "end":
            kept.end([name])
            ended.add(name)
        elif step == "end all":
            kept.end_all(row["email"])
            if name in known and name not in ended:
                ended.add(name)
        elif name in ended:
            assert kept.find(name, NOON) is None
            assert kept.is_ended(name)
        else:
            assert (kept.find(name, NOON) is not None) == (name in known)
