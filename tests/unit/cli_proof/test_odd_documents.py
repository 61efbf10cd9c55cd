"""What passes the check never raises in a decision: rotas of 90 days, due dates, steps of a page,
what the portal shows. YAML and JSON get one verdict. `DOCUMENT_EXAMPLES=20000` or `make fuzz` for
more.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from cli.documents.policy_file import check
from services.notifier.pager import decide as pager
from services.notifier.pager.pace import PagingRules
from services.portal.on_call.calendar_feed import Edition, calendar_of
from services.sla.clock import PromiseClock
from services.sla.promise import ran_until, start_auto_close, start_clock
from shared.events import Admission, ClockName, PageWanted, Plan, Priority, Stage
from shared.policy import ComponentsPolicy, DeskPolicy, OnCallPolicy, priority_at_opening
from shared.policy.on_call.coverage import AHEAD, findings, shifts
from shared.policy.on_call.rota import on_call
from shared.policy.writing.differences import find_differences, handovers
from shared.policy.writing.documents import MODELS, examine
from shared.policy.writing.rehearsal import why_unusable
from tests.support.examples import examples
from tests.support.odd_documents import bases, odd_documents

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
EXAMPLES = int(os.environ.get("DOCUMENT_EXAMPLES") or examples(25))
moments = st.integers(0, 600 * 24 * 60).map(lambda minutes: NOW + timedelta(minutes=minutes))


def test_the_bases_pass() -> None:
    for name, document in bases().items():
        found = examine(name, document, NOW)
        assert found.is_usable, (found.problems, found.mistakes)


@settings(
    max_examples=EXAMPLES, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
@given(odd=odd_documents(), at=moments)
def test_what_passes_decides(odd: tuple[str, dict[str, Any]], at: datetime) -> None:
    name, document = odd
    found = examine(name, document, NOW)
    for text in (orjson.dumps(document).decode(), yaml.safe_dump(document, default_style=None)):
        if "\x00" not in str(document):
            assert (check(text, name, now=NOW).policy is not None) == found.is_usable
    if not found.is_usable or found.policy is None:
        assert found.problems or found.mistakes
        return
    read_again = MODELS[name].model_validate(document)
    assert read_again == found.policy, "strict and lenient reading agree"
    assert why_unusable(read_again, NOW) is None
    decide(found.policy, at)
    list(find_differences(MODELS[name].model_validate(bases()[name]), found.policy))


def decide(policy: BaseModel, at: datetime) -> None:
    """Everything that is decided under a document, at one moment."""
    match policy:
        case DeskPolicy():
            _of_desk(policy, at)
        case OnCallPolicy():
            _of_on_call(policy, at)
        case ComponentsPolicy():
            for component in policy.components:
                policy.find(component.name)
                policy.of_addon(component.addon or "")


def _of_desk(policy: DeskPolicy, at: datetime) -> None:
    stamp = {"default": 1}
    for plan in Plan:
        for priority in Priority:
            for stage in (*Stage, None):
                priority_at_opening(policy, Admission(plan=plan, app_stage=stage), priority)
            for clock in (ClockName.INITIAL_RESPONSE, ClockName.RESOLUTION):
                target = policy.promise(clock, plan, priority)
                if target is None:
                    continue
                fact = start_clock(
                    clock, target, policy, stamp, at=at, since=at, plan=plan, priority=priority
                )
                running = PromiseClock(
                    nth=1,
                    policy=stamp,
                    calendar=fact.calendar,
                    target=fact.target,
                    started_at=at,
                    due_at=fact.due_at,
                )
                assert ran_until(running, fact.due_at, lambda _: policy) == target.within
    start_auto_close(policy, stamp, at)


def _of_on_call(policy: OnCallPolicy, at: datetime) -> None:
    on_call(policy, at)
    findings(policy, at)
    handovers(OnCallPolicy.model_validate(bases()["on-call"]), policy, at)
    for name in policy.schedules:
        planned = shifts(policy, name, at, at + AHEAD)
        assert (planned[0].since, planned[-1].until) == (at, at + AHEAD)
        calendar_of(name, planned, Edition(1, at))
    for escalation in policy.escalation:
        rules = PagingRules(policy, escalation, {})
        wanted = PageWanted(
            id="obl",
            key="lane",
            at=at,
            obligation="obl",
            ticket_id="tkt",
            request_id="req",
            subject="Down",
            requester="a@example.com",
            accepted_at=at,
            policy={},
        )
        assert pager.decide(None, wanted, rules, at)
