"""One mongod for a test that is about MongoDB itself, or needs one and no Kafka."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

from cli.up.ports import free_port
from deploy.embedded import mongo
from deploy.embedded.secret import keep_secret
from tests.support.waiting import eventually, stretched


@contextlib.contextmanager
def running_mongod(data: Path, more: Sequence[str] = ()) -> Iterator[str]:
    """Its URI, with the password; `more` are arguments beside those that `signalbox up` gives."""
    port = free_port()
    argv = mongo.prepare(cache=data.parent / "cache", data=data, port=port)
    secret = keep_secret(mongo.secret_file(data))
    with (
        (data.parent / "mongod.log").open("a") as log,
        subprocess.Popen([*argv, *more], stdout=log, stderr=log) as child,
    ):
        try:
            eventually(lambda: mongo._is_primary(port, secret), within=stretched(30), what="mongod")
            yield mongo.uri(port, data)
        finally:
            child.terminate()
