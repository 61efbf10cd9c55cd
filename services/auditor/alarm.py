"""Telling: findings go to intake as an alert, in Alertmanager's words, one group a kind; the dead-man's address is asked while
all is well, so that whoever expects it pages when we are gone, or cannot tell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import aiohttp
import structlog

from services.auditor.book import Finding

log = structlog.get_logger()

MOST_NAMED = 20
"""Findings of a kind that an alert names one by one."""
_TIMEOUT = aiohttp.ClientTimeout(total=10)


def alert_of(kind: str, findings: Sequence[Finding], since: datetime) -> dict[str, Any]:
    """The body of Alertmanager's webhook (version 4) for all findings of a kind; none of them resolves it."""
    status = "firing" if findings else "resolved"
    labels = {"alertname": f"Auditor: {kind}", "severity": "critical", "service": "auditor"}
    named = "\n".join(f"{finding.about}: {finding.text} (since {finding.due.isoformat()})" for finding in findings[:MOST_NAMED])
    more = f"\nand {len(findings) - MOST_NAMED} more" if len(findings) > MOST_NAMED else ""
    annotations = {"summary": f"{len(findings)} × {kind}" if findings else f"{kind}: over", "description": named + more}
    times = {"startsAt": since.isoformat(), "endsAt": "0001-01-01T00:00:00Z"}
    alert = {"status": status, "labels": labels, "annotations": annotations, **times, "generatorURL": "", "fingerprint": f"auditor-{kind}"}
    return {
        "version": "4", "groupKey": f"auditor:{kind}", "truncatedAlerts": 0, "status": status, "receiver": "signalbox",
        "groupLabels": {"alertname": labels["alertname"]}, "commonLabels": labels, "commonAnnotations": annotations, "externalURL": "",
        "alerts": [alert],
    }  # fmt: skip


class Alarm:
    """Says each change once: a kind that begins to have findings, and one that no longer has."""

    def __init__(self, http: aiohttp.ClientSession, intake_url: str, token: str | None, deadman_url: str | None) -> None:
        self._http, self._intake, self._token, self._deadman = http, intake_url.rstrip("/"), token, deadman_url
        self._firing: dict[str, datetime] = {}
        self.trouble: str | None = None

    async def tell(self, findings: Sequence[Finding], now: datetime) -> None:
        """Alerts for what changed since the last time. Where intake is away it is tried again with the next call."""
        by_kind: dict[str, list[Finding]] = {}
        for finding in findings:
            by_kind.setdefault(finding.kind, []).append(finding)
        self.trouble = None
        for kind in sorted({*by_kind, *self._firing}):
            if (kind in by_kind) == (kind in self._firing):
                continue
            since = self._firing.get(kind, now)
            log.error("a promise was not kept" if kind in by_kind else "that is over", kind=kind, findings=len(by_kind.get(kind, ())))
            if await self._post(alert_of(kind, by_kind.get(kind, ()), since)):
                if kind in by_kind:
                    self._firing[kind] = now
                else:
                    del self._firing[kind]

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
