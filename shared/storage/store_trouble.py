"""What MongoDB has against us, in words."""

from __future__ import annotations

import re

from pymongo.errors import OperationFailure, PyMongoError

_UNAUTHORIZED = 13
_NOT_LET_IN = frozenset({18, 8000})
"""AuthenticationFailed; Atlas says the same by a code of its own."""
_SNAPSHOT_GONE = frozenset({239, 246})
"""SnapshotTooOld, SnapshotUnavailable."""
_TLS = re.compile(r"[^,(\[]*(?:SSL handshake failed|CERTIFICATE_VERIFY_FAILED)[^,(]*")


# Waited for like an outage: an operator mends the user, and nothing is lost meanwhile.
def is_refusal(error: PyMongoError) -> bool:
    """MongoDB is there, and does not let our user in or do this."""
    return isinstance(error, OperationFailure) and error.code in {_UNAUTHORIZED, *_NOT_LET_IN}


def is_gone_snapshot(error: PyMongoError) -> bool:
    """What was to be read of the past is not kept any more, or not kept yet."""
    return isinstance(error, OperationFailure) and error.code in _SNAPSHOT_GONE


def in_words(error: PyMongoError) -> str:
    """For a log or a person, without the URI: it holds the password."""
    code = error.code if isinstance(error, OperationFailure) else None
    # By MongoDB's code where there is one; texts only for trouble below the protocol (TLS, a
    # hang-up).
    if code in _NOT_LET_IN:
        return "it refuses our user: check the user, the password and authSource in MONGODB_URI"
    if code in _SNAPSHOT_GONE:
        return "the snapshot is gone: minSnapshotHistoryWindowInSeconds says how long one is kept"
    if code == _UNAUTHORIZED:
        return (
            "our user may not do this: it needs the roles readWrite and dbAdmin on "
            "SIGNALBOX_MONGODB_DATABASE, and on the database of files (SIGNALBOX_FILES)"
        )
    if found := _TLS.search(str(error)):
        return (
            f"no TLS with it ({found[0].strip()}): check tls, tlsCAFile and "
            "tlsCertificateKeyFile in MONGODB_URI"
        )
    if "connection closed" in str(error):
        return "it hangs up on us: it may want tls=true in MONGODB_URI"
    return type(error).__name__
