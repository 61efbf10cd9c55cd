"""What the demo published is worth nothing without it, and nothing else looks like it."""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.demo.directory import documents
from deploy.demo.seed import credentials
from shared.people.demo_origin import is_void, mark


def test_every_password_and_token_of_the_demo_is_void_without_it() -> None:
    known = list(documents())
    secret = [*credentials(known), *(d for d in known if d.kind == "tokens")]
    assert len(secret) > 30
    for document in secret:
        value = orjson.dumps({"type": "DirectoryRecorded", "document": document.body})
        assert is_void(demo=False)(value)
        assert not is_void(demo=True)(value)


texts = st.text() | st.sampled_from(['"origin":"demo"', '{"origin":"demo"}', "origin", "demo"])


@given(st.dictionaries(texts.filter(lambda key: key != "origin"), texts, max_size=4))
def test_no_text_makes_a_document_void(document: dict[str, str]) -> None:
    assert not is_void(demo=False)(orjson.dumps({"document": document}))
    assert is_void(demo=False)(orjson.dumps({"document": mark(document)}))


@pytest.mark.parametrize("origin", ["zendesk", "", "Demo"])
def test_other_origins_are_good(origin: str) -> None:
    assert not is_void(demo=False)(orjson.dumps({"document": {"origin": origin}}))
