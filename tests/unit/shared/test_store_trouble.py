"""What MongoDB has against us, in words that hold no password."""

from __future__ import annotations

from typing import Any

import pytest
from pymongo.errors import (
    AutoReconnect,
    BulkWriteError,
    OperationFailure,
    ServerSelectionTimeoutError,
    WriteConcernError,
)

from shared.errors import Unavailable
from shared.settings import StoreSettings, problems_in
from shared.storage import store
from shared.storage.store import Duplicate
from shared.storage.store_trouble import in_words, is_refusal

URI = "mongodb://u:secret@h:1/"


@pytest.mark.parametrize(
    ("error", "refused", "told"),
    [
        (OperationFailure("Authentication failed.", 18), True, "it refuses our user"),
        (OperationFailure("bad auth", 8000), True, "it refuses our user"),
        (OperationFailure("not authorized on views", 13), True, "our user may not do this"),
        (OperationFailure("no such command", 59), False, "OperationFailure"),
        (
            ServerSelectionTimeoutError(
                "SSL handshake failed: h:1: [SSL: CERTIFICATE_VERIFY_FAILED] certificate verify "
                f"failed: self-signed (_ssl.c:1006) (configured timeouts: {URI})"
            ),
            False,
            "no TLS with it",
        ),
        (AutoReconnect("h:1: connection closed"), False, "it may want tls=true"),
        (ServerSelectionTimeoutError("h:1: [Errno 111] refused"), False, "ServerSelectionTimeout"),
    ],
)
def test_each_trouble_has_its_words(error: Exception, refused: bool, told: str) -> None:
    assert isinstance(error, OperationFailure | AutoReconnect)
    assert is_refusal(error) is refused
    assert told in in_words(error)
    assert "secret" not in in_words(error)


@pytest.mark.parametrize(
    ("uri", "told"),
    [
        ("http://h", "must begin with 'mongodb://'"),
        ("mongodb://u:p@ss@h/", "must be escaped"),
        ("mongodb://u:secret@h:99999/", "Port must be an integer"),
        ("mongodb://u:secret@h/?tlsCAFile=/nowhere.pem", "/nowhere.pem"),
    ],
)
def test_a_uri_that_cannot_be_used_is_told_at_the_start(
    monkeypatch: pytest.MonkeyPatch, uri: str, told: str
) -> None:
    monkeypatch.setenv("MONGODB_URI", uri)
    (problem,) = problems_in(StoreSettings, {"MONGODB_URI": uri})
    assert problem.startswith("MONGODB_URI: ")
    assert told in problem
    assert "secret" not in problem


@pytest.mark.parametrize("uri", ["mongodb://h", "mongodb+srv://u:p@cluster.example/", URI])
def test_other_uris_are_taken(monkeypatch: pytest.MonkeyPatch, uri: str) -> None:
    monkeypatch.setenv("MONGODB_URI", uri)
    assert StoreSettings().mongodb_uri == uri
    assert "secret" not in repr(StoreSettings())


DUPLICATE, INVALID = {"code": 11000}, {"code": 121}
NO_MAJORITY = {"code": 64, "codeName": "WriteConcernFailed"}


@pytest.mark.parametrize(
    ("wrong", "concern", "raised"),
    [
        ([], [NO_MAJORITY], Unavailable),
        ([DUPLICATE], [NO_MAJORITY], Unavailable),
        ([DUPLICATE, DUPLICATE], [], Duplicate),
        ([DUPLICATE, INVALID], [], BulkWriteError),
        ([INVALID], [NO_MAJORITY], BulkWriteError),
    ],
)
def test_many_writes_that_failed(
    wrong: list[dict[str, Any]], concern: list[dict[str, Any]], raised: type[Exception]
) -> None:
    """What no majority has yet is to be waited for: it may be there, or be rolled back."""
    failure = BulkWriteError({"writeErrors": wrong, "writeConcernErrors": concern})
    with pytest.raises(raised), store._translate_errors("writing outbox"):
        raise failure


def test_one_write_that_no_majority_has() -> None:
    failure = WriteConcernError("waiting for replication timed out", 64)
    with pytest.raises(Unavailable), store._translate_errors("writing outbox"):
        raise failure
