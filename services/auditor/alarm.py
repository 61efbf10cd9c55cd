"""Telling: each finding goes to intake as an alert in Alertmanager's words, one group a kind.

The dead-man's address is asked while all is well, so that whoever expects it pages when we are
gone, or cannot tell.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import aiohttp
import orjson
import structlog
from standardwebhooks.webhooks import Webhook

from services.auditor.book import Finding

log = structlog.get_logger()

AT_ONCE = 20
"""Findings of a kind that fire at the same time; what comes beyond waits until one of them is over,
and is counted in the text.
"""
# Seconds for one call; the next round tries again.
_TIMEOUT = aiohttp.ClientTimeout(total=10)

Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class AlarmChange:
    """What is to be told of a kind: findings that begin, those that are over, and how many stand in
    all.
    """

    begun: tuple[Finding, ...]
    over: tuple[Finding, ...]
    standing: int


def changes(told: Mapping[Key, Finding], found: Sequence[Finding]) -> dict[str, AlarmChange]:
    """By kind, what `found` changes of what was told. A finding that fell due at another time is
    another one.
    """
    now = {(finding.kind, finding.id): finding for finding in found}
    by_kind: dict[str, AlarmChange] = {}
    # Kinds of now and of before: one that has no findings left ends its alerts.
    for kind in sorted({kind for kind, _ in (*now, *told)}):
        mine = [finding for (of, _), finding in now.items() if of == kind]
        over = tuple(
            was
            for key, was in told.items()
            if key[0] == kind and (key not in now or now[key].due != was.due)
        )
        # Still told, and not over.
        still = sum(of == kind for of, _ in told) - len(over)
        gone = {(was.kind, was.id) for was in over}
        # New, or fallen due at another time.
        fresh = [
            finding
            for finding in mine
            if (finding.kind, finding.id) not in told or (finding.kind, finding.id) in gone
        ]
        # Room for as many as may fire at once.
        begun = tuple(fresh[: max(0, AT_ONCE - still)])
        if begun or over:
            by_kind[kind] = AlarmChange(begun, over, len(mine))
    return by_kind


def alert_of(kind: str, change: AlarmChange) -> dict[str, Any]:
    """The body of Alertmanager's webhook (version 4): one alert for each finding, all of a kind in
    one group.
    """
    # One group for each kind: intake makes one incident of it.
    labels = {"alertname": f"Auditor: {kind}", "severity": "critical", "service": "auditor"}
    summary = f"{change.standing} × {kind}" if change.standing else f"{kind}: over"

    def alert(finding: Finding, status: str) -> dict[str, Any]:
        said = {
            "summary": f"{kind}: {finding.about}",
            "description": f"{finding.text} (since {finding.due.isoformat()})",
        }
        # The finding's own name, so that its end finds its beginning.
        fingerprint = hashlib.sha256(f"{finding.kind}/{finding.id}".encode()).hexdigest()[:16]
        return {
            "status": status,
            "labels": labels,
            "annotations": said,
            "startsAt": finding.due.isoformat(),
            # Alertmanager's zero time: the end is not known.
            "endsAt": "0001-01-01T00:00:00Z",
            "generatorURL": "",
            "fingerprint": fingerprint,
        }

    # Ends before beginnings: room for the new ones.
    alerts = [
        *(alert(each, "resolved") for each in change.over),
        *(alert(each, "firing") for each in change.begun),
    ]
    return {
        "version": "4",
        "groupKey": f"auditor:{kind}",
        "truncatedAlerts": 0,
        "status": "firing" if change.begun else "resolved",
        "receiver": "signalbox",
        "groupLabels": {"alertname": labels["alertname"]},
        "commonLabels": labels,
        "commonAnnotations": {"summary": summary},
        "externalURL": "",
        "alerts": alerts,
    }


class Alarm:
    """Says each change once: a finding that begins to stand, and one that is over. By `token`, or
    else signed with `secret` (`whsec_…`, Standard Webhooks).
    """

    def __init__(
        self,
        http: aiohttp.ClientSession,
        intake_url: str,
        token: str | None,
        deadman_url: str | None,
        secret: str | None = None,
    ) -> None:
        self._http, self._intake = http, intake_url.rstrip("/")
        self._token, self._deadman = token, deadman_url
        self._signs = Webhook(secret) if secret else None
        self._told: dict[Key, Finding] = {}
        # Said at the start, before there is anything to tell.
        self.trouble: str | None = self._mute(0)

    async def tell(self, findings: Sequence[Finding]) -> None:
        """Alerts for what changed since the last time. Where intake is away it is tried again with
        the next call.
        """
        # A new round: the trouble of the last one may be over.
        self.trouble = self._mute(len(findings))
        for kind, change in changes(self._told, findings).items():
            for finding in change.begun:
                log.error(
                    "a promise was not kept",
                    kind=kind,
                    about=finding.about,
                    due=finding.due.isoformat(),
                    text=finding.text,
                )
            # Only what was told counts as told; the rest is tried with the next call.
            if await self._post(alert_of(kind, change)):
                for finding in change.over:
                    del self._told[finding.kind, finding.id]
                self._told |= {(finding.kind, finding.id): finding for finding in change.begun}

    def _mute(self, findings: int) -> str | None:
        """What keeps findings from being told, whatever else goes well."""
        if self._token is not None or self._signs is not None:
            return None
        if self._deadman is None:
            return (
                "it can tell nobody: set SIGNALBOX_AUDITOR_TOKEN (a token of an ops account), "
                "SIGNALBOX_ALERTS_SECRET (as intake has it) or SIGNALBOX_DEADMAN_URL"
            )
        # Only the dead-man's address is left: it is no longer asked, and that tells.
        if findings:
            return f"{findings} findings, told only by leaving the dead-man's address alone"
        return None

    def _proof(self, raw: bytes) -> dict[str, str]:
        """Headers by which intake knows who sends `raw`."""
        if self._token is not None:
            return {"authorization": f"Bearer {self._token}"}
        assert self._signs is not None
        name, now = f"aud_{secrets.token_hex(12)}", datetime.now(UTC)
        return {
            "webhook-id": name,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": self._signs.sign(name, now, raw.decode()),
        }

    async def _post(self, body: Mapping[str, Any]) -> bool:
        if self._token is None and self._signs is None:
            return True  # said by `trouble`
        raw = orjson.dumps(body)
        try:
            async with self._http.post(
                f"{self._intake}/v1/alerts",
                # Signed and sent are the same bytes.
                data=raw,
                headers={"content-type": "application/json", **self._proof(raw)},
                timeout=_TIMEOUT,
            ) as answer:
                if answer.status < 300:
                    return True
                self.trouble = (
                    f"intake refuses the alert: {answer.status} {(await answer.text())[:200]}"
                )
        except (aiohttp.ClientError, TimeoutError) as error:
            self.trouble = f"intake cannot be told: {error!r}"
        log.error("an alert could not be told", trouble=self.trouble)
        return False

    async def alive(self) -> None:
        """Ask the dead-man's address; not while findings cannot be told, so that its absence tells
        them.
        """
        # Silence is the alarm.
        if self._deadman is None or self.trouble is not None:
            return
        # An error there must not stop the auditor: it is the other side's to notice.
        try:
            async with self._http.get(self._deadman, timeout=_TIMEOUT) as answer:
                if answer.status >= 400:
                    log.warning(
                        "the dead-man's address answers with an error", status=answer.status
                    )
        except (TimeoutError, aiohttp.ClientError) as error:
            log.warning("the dead-man's address cannot be reached", error=repr(error))
