"""The policy the pager decides under: the latest published versions of the documents `default` and `on-call`."""

from __future__ import annotations

from collections.abc import Callable

import structlog
from pydantic import BaseModel, ValidationError

from services.notifier.pager_steps import Rules
from shared.errors import Unavailable
from shared.events import PolicyPublished
from shared.policy import DESK, ON_CALL, DeskPolicy, OnCallPolicy
from shared.wire import Message

log = structlog.get_logger()

KINDS: dict[str, type[BaseModel]] = {DESK: DeskPolicy, ON_CALL: OnCallPolicy}


class Rulebook:
    """Fed with the records of topic `policies` in log order. Of two with one version the first counts."""

    def __init__(self) -> None:
        self._is_caught_up: Callable[[], bool] = lambda: False
        self._versions: dict[str, int] = {}
        self._documents: dict[str, BaseModel] = {}

    def follow(self, is_caught_up: Callable[[], bool]) -> None:
        """Ask this before every answer: whether the topic has been read to the end."""
        self._is_caught_up = is_caught_up

    def take(self, message: Message) -> None:
        """A replica's `on_change`. A document that does not parse is said in the log, and the one before stays in force."""
        if message.key not in KINDS or not message.value:
            return
        try:
            published = PolicyPublished.read(message.value)
            if published.version > self._versions.get(message.key, 0):
                self._documents[message.key] = KINDS[message.key].model_validate(published.document)
                self._versions[message.key] = published.version
        except ValidationError as error:
            log.error("a policy document cannot be used", document=message.key, offset=message.offset, error=str(error))

    def rules(self) -> Rules:
        """What is in force now. Raises Unavailable while it is not known: nobody may be woken by a stale rota."""
        on_call, desk = self._documents.get(ON_CALL), self._documents.get(DESK)
        if not self._is_caught_up():
            raise Unavailable("policies", "not read to the end yet")
        if not isinstance(on_call, OnCallPolicy) or not on_call.escalation:
            raise Unavailable("policies", f"no document {ON_CALL!r} with an escalation policy is published")
        escalation = desk.escalation if isinstance(desk, DeskPolicy) else DeskPolicy.model_fields["escalation"].default
        return Rules(on_call, escalation, dict(self._versions))

    async def unready(self) -> str | None:
        """A telemetry check."""
        try:
            self.rules()
        except Unavailable as error:
            return str(error)
        return None
