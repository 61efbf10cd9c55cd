"""Partitions of the log that cannot be read: each is a finding, so somebody is paged."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import ClassVar

from services.auditor.book import Finding
from services.auditor.probes import Probe
from shared.spine.damage import Place


class Damage:
    """Remembers since when something is damaged: a finding with another time is another one."""

    KIND: ClassVar[str] = "damaged-partition"

    def __init__(self) -> None:
        self._standing: dict[str, Finding] = {}

    def findings(
        self, here: Mapping[Place, str], probes: Iterable[Probe], now: datetime
    ) -> list[Finding]:
        """One for each partition that the auditor cannot read, with why; and one for each service
        that says so of some that the auditor can read, or never reads.
        """
        # Named by topic and partition, as the services name them.
        damaged = {f"{topic}/{partition}": why for (topic, partition), why in here.items()}
        # A service may name a partition that is a finding already: told once.
        for probe in probes:
            if probe.damaged and not any(f" {name} (" in probe.damaged for name in damaged):
                damaged[probe.name] = probe.damaged
        # An old finding keeps its time, or else it would be told as a new one each second.
        self._standing = {
            name: self._standing.get(name) or self._make_finding(name, why, now)
            for name, why in damaged.items()
        }
        return list(self._standing.values())

    def _make_finding(self, name: str, why: str, now: datetime) -> Finding:
        said = f"records cannot be read: {why}; docs/runbooks/damaged-partition.md says what to do"
        return Finding(self.KIND, name, name, now, said)
