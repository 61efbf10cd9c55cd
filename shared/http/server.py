"""uvicorn as every HTTP server of ours has it: within a budget, ended by us."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from typing import Any

import uvicorn

from shared.http.budget import Budget
from shared.http.edge import protocol_within

_BACKLOG = 4096
"""Connections that the kernel holds until we accept them."""


class Server(uvicorn.Server):
    """uvicorn ends itself by the signal it caught; here SIGTERM is the way to a clean exit."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        # Nothing is caught here: the process itself handles signals (`shared/process/stopping.py`).
        yield

    def finish(self) -> None:
        self.should_exit = True


def config_within(budget: Budget, app: Any, host: str, port: int, **options: Any) -> uvicorn.Config:
    """uvicorn's configuration as every server of ours has it; `options` are uvicorn's own."""
    given: dict[str, Any] = {"timeout_keep_alive": math.ceil(budget.idle), **options}
    return uvicorn.Config(
        app,
        host=host,
        port=port,
        http=protocol_within(budget),
        # No route is a web socket. Requests are counted by route
        # (`shared/telemetry/route_metrics.py`); there is no access log.
        ws="none",
        backlog=_BACKLOG,
        access_log=False,
        log_config=None,
        server_header=False,
        **given,
    )
