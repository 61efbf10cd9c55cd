"""The policy document `on-call`: people and how to reach them, schedules, and who is tried in which
order.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Self

from pydantic import Field, model_validator

from shared.policy.on_call.shifts import Override, Schedule
from shared.policy.part import PolicyPart
from shared.policy.scalars import Delay, Span


class Channel(StrEnum):
    """Ways to reach a person; each is one file in `shared/channels/`."""

    WEBHOOK = "webhook"
    PAGERDUTY = "pagerduty"
    EMAIL = "email"
    SMS = "sms"
    VOICE = "voice"
    APPRISE = "apprise"


class ContactMethod(PolicyPart):
    """One way to reach a person. Only a verified one is used. `address`: URL, mail address, routing
    key, or number in E.164.
    """

    name: str
    channel: Channel
    address: str
    verified: bool = False


class Person(PolicyPart):
    """`email` is the account's address; methods are tried in their order."""

    email: str
    methods: tuple[ContactMethod, ...] = ()


class EscalationStep(PolicyPart):
    """Whom to page (a schedule or a person), and how long to wait for an acknowledgement before the
    next step.
    """

    schedule: str | None = None
    person: str | None = None
    wait: Delay

    @model_validator(mode="after")
    def _names_one(self) -> Self:
        # Neither and both are the same mistake.
        if (self.schedule is None) == (self.person is None):
            raise ValueError("a step names either a schedule or a person")
        return self


class EscalationPolicy(PolicyPart):
    """Steps in order, the whole repeated `repeat` times, then the fallback person; never empty.

    `ack_timeout`: a page that was acknowledged and is neither solved nor resolved, nor acknowledged
    again, nor worked on where we can see it (an answer, a note, a hand-over), for so long is opened
    again and goes on with the next step; 0: never.
    """

    steps: tuple[EscalationStep, ...] = Field(min_length=1)
    repeat: int = Field(default=1, ge=0, le=10)
    fallback: str
    ack_timeout: Delay = timedelta(0)


class OnCallPolicy(PolicyPart):
    """The whole document. Whoever is named must be a person of it."""

    people: dict[str, Person]
    schedules: dict[str, Schedule]
    escalation: dict[str, EscalationPolicy]
    send_timeout: Span = timedelta(seconds=10)

    @model_validator(mode="after")
    def _hangs_together(self) -> Self:
        # Every name with its place, so that the message says which line to mend.
        named: list[tuple[str, str]] = []
        for name, schedule in self.schedules.items():
            named += [(f"schedules.{name}.{where}", who) for where, who in schedule.named]
        for name, policy in self.escalation.items():
            named.append((f"escalation.{name}.fallback", policy.fallback))
            for number, step in enumerate(policy.steps, 1):
                if step.person:
                    named.append((f"escalation.{name}.steps.{number}", step.person))
                if step.schedule and step.schedule not in self.schedules:
                    raise ValueError(
                        f"escalation.{name}.steps.{number}: there is no schedule {step.schedule!r}"
                    )
        for where, who in named:
            if who not in self.people:
                raise ValueError(f"{where}: {who!r} is not among the people")
        return self

    def override_at(self, schedule: str, at: datetime) -> Override | None:
        """The last listed override of `schedule` that covers `at`."""
        # The last listed wins: the newest word is written at the end.
        return next((o for o in reversed(self.schedules[schedule].overrides) if o.covers(at)), None)
