"""Telling: each finding goes to intake as an alert in Alertmanager's words, one group a kind.

The dead-man's address is asked while all is well, so that whoever expects it pages when we are gone, or cannot tell.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import aiohttp
import structlog

from services.auditor.book import Finding

log = structlog.get_logger()

AT_ONCE = 20
"""Findings of a kind that fire at the same time; what comes beyond waits until one of them is over, and is counted in the text."""
_TIMEOUT = aiohttp.ClientTimeout(total=10)

Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Change:
    """What is to be told of a kind: findings that begin, those that are over, and how many stand in all."""

    begun: tuple[Finding, ...]
    over: tuple[Finding, ...]
    standing: int


def changes(told: Mapping[Key, Finding], found: Sequence[Finding]) -> dict[str, Change]:
    """By kind, what `found` changes of what was told. A finding that fell due at another time is another one."""
    now = {(finding.kind, finding.id): finding for finding in found}
    by_kind: dict[str, Change] = {}
    for kind in sorted({kind for kind, _ in (*now, *told)}):
        mine = [finding for (of, _), finding in now.items() if of == kind]
        over = tuple(was for key, was in told.items() if key[0] == kind and (key not in now or now[key].due != was.due))
        still = sum(of == kind for of, _ in told) - len(over)
        gone = {(was.kind, was.id) for was in over}
        fresh = [finding for finding in mine if (finding.kind, finding.id) not in told or (finding.kind, finding.id) in gone]
        begun = tuple(fresh[: max(0, AT_ONCE - still)])
        if begun or over:
            by_kind[kind] = Change(begun, over, len(mine))
    return by_kind


def alert_of(kind: str, change: Change) -> dict[str, Any]:
    """The body of Alertmanager's webhook (version 4): one alert for each finding, all of a kind in one group."""
    labels = {"alertname": f"Auditor: {kind}", "severity": "critical", "service": "auditor"}
    summary = f"{change.standing} × {kind}" if change.standing else f"{kind}: over"

    def alert(finding: Finding, status: str) -> dict[str, Any]:
        said = {"summary": f"{kind}: {finding.about}", "description": f"{finding.text} (since {finding.due.isoformat()})"}
        fingerprint = hashlib.sha256(f"{finding.kind}/{finding.id}".encode()).hexdigest()[:16]
        return {
            "status": status, "labels": labels, "annotations": said, "startsAt": finding.due.isoformat(),
            "endsAt": "0001-01-01T00:00:00Z", "generatorURL": "", "fingerprint": fingerprint,
        }  # fmt: skip

    alerts = [*(alert(each, "resolved") for each in change.over), *(alert(each, "firing") for each in change.begun)]
    return {
        "version": "4", "groupKey": f"auditor:{kind}", "truncatedAlerts": 0, "status": "firing" if change.begun else "resolved",
        "receiver": "signalbox", "groupLabels": {"alertname": labels["alertname"]}, "commonLabels": labels,
        "commonAnnotations": {"summary": summary}, "externalURL": "", "alerts": alerts,
    }  # fmt: skip


class Alarm:
    """Says each change once: a finding that begins to stand, and one that is over."""

    def __init__(self, http: aiohttp.ClientSession, intake_url: str, token: str | None, deadman_url: str | None) -> None:
        self._http, self._intake, self._token, self._deadman = http, intake_url.rstrip("/"), token, deadman_url
        self._told: dict[Key, Finding] = {}
        self.trouble: str | None = None

    async def tell(self, findings: Sequence[Finding]) -> None:
        """Alerts for what changed since the last time. Where intake is away it is tried again with the next call."""
        self.trouble = None
        for kind, change in changes(self._told, findings).items():
            for finding in change.begun:
                log.error("a promise was not kept", kind=kind, about=finding.about, due=finding.due.isoformat(), text=finding.text)
            if await self._post(alert_of(kind, change)):
                for finding in change.over:
                    del self._told[finding.kind, finding.id]
                self._told |= {(finding.kind, finding.id): finding for finding in change.begun}

    async def _post(self, body: Mapping[str, Any]) -> bool:
        if self._token is None:
            return True
        try:
            headers = {"authorization": f"Bearer {self._token}"}
            async with self._http.post(f"{self._intake}/v1/alerts", json=body, headers=headers, timeout=_TIMEOUT) as answer:
                if answer.status < 300:
                    return True
                self.trouble = f"intake refuses the alert: {answer.status} {(await answer.text())[:200]}"
        except (aiohttp.ClientError, TimeoutError) as error:
            self.trouble = f"intake cannot be told: {error!r}"
        log.error("an alert could not be told", trouble=self.trouble)
        return False

    async def alive(self) -> None:
        """Ask the dead-man's address; not while findings cannot be told, so that its absence tells them."""
        if self._deadman is None or self.trouble is not None:
            return
        try:
            async with self._http.get(self._deadman, timeout=_TIMEOUT) as answer:
                if answer.status >= 400:
                    log.warning("the dead-man's address answers with an error", status=answer.status)
        except (TimeoutError, aiohttp.ClientError) as error:
            log.warning("the dead-man's address cannot be reached", error=repr(error))
