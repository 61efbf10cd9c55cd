"""What each sort of evidence weighs in each region, and what takes weight away. Pure data."""

from __future__ import annotations

from services.router.evidence.names import EvidenceKind
from services.router.evidence.regions import Region

# Places in the pairs of `WEIGHTS`.
FAILING, PLAIN = 0, 1
WEIGHTS: dict[Region, dict[EvidenceKind, tuple[float, float]]] = {
    # The subject is short and meant: what is named there is what the ticket is about.
    Region.SUBJECT: {
        EvidenceKind.HOST: (0.85, 0.7),
        EvidenceKind.NAME: (0.75, 0.65),
        EvidenceKind.GENERIC: (0.65, 0.55),
        EvidenceKind.VARIABLE: (0.6, 0.5),
        EvidenceKind.ERROR: (0.6, 0.6),
        EvidenceKind.TOPIC: (0.4, 0.2),
    },
    # A sentence of the customer: nearly as strong if something fails in it.
    Region.PROSE: {
        EvidenceKind.HOST: (0.8, 0.5),
        EvidenceKind.NAME: (0.6, 0.5),
        EvidenceKind.GENERIC: (0.5, 0.36),
        EvidenceKind.VARIABLE: (0.5, 0.35),
        EvidenceKind.ERROR: (0.5, 0.5),
        EvidenceKind.TOPIC: (0.35, 0.15),
    },
    # A log line names many services in passing; only a failing one says much.
    Region.LOG: {
        EvidenceKind.HOST: (0.8, 0.3),
        EvidenceKind.NAME: (0.5, 0.2),
        EvidenceKind.GENERIC: (0.4, 0.12),
        EvidenceKind.VARIABLE: (0.4, 0.1),
        EvidenceKind.ERROR: (0.5, 0.5),
        EvidenceKind.TOPIC: (0.1, 0.0),
    },
    # A stack frame tells which library was running. A name in it is hardly any evidence.
    Region.FRAME: {
        EvidenceKind.HOST: (0.3, 0.2),
        EvidenceKind.NAME: (0.08, 0.05),
        EvidenceKind.GENERIC: (0.05, 0.04),
        EvidenceKind.VARIABLE: (0.1, 0.05),
        EvidenceKind.ERROR: (0.06, 0.04),
    },
    # A build lists what is installed, so nothing in it says who failed.
    Region.BUILD: {
        EvidenceKind.HOST: (0.2, 0.05),
        EvidenceKind.NAME: (0.05, 0.03),
        EvidenceKind.GENERIC: (0.03, 0.02),
        EvidenceKind.VARIABLE: (0.1, 0.05),
    },
    # A listing of config: failing or not makes no difference, because it says neither.
    Region.CONFIG: {
        EvidenceKind.HOST: (0.12, 0.12),
        EvidenceKind.NAME: (0.08, 0.08),
        EvidenceKind.GENERIC: (0.04, 0.04),
        EvidenceKind.VARIABLE: (0.08, 0.08),
    },
    # Code shows what is called; a failing host in it is a real sign.
    Region.CODE: {
        EvidenceKind.HOST: (0.45, 0.12),
        EvidenceKind.NAME: (0.25, 0.1),
        EvidenceKind.GENERIC: (0.15, 0.05),
        EvidenceKind.VARIABLE: (0.15, 0.08),
        EvidenceKind.ERROR: (0.35, 0.2),
    },
    # Quoted mail may be an old story, so all weights are low.
    Region.QUOTED: {
        EvidenceKind.HOST: (0.28, 0.2),
        EvidenceKind.NAME: (0.25, 0.2),
        EvidenceKind.GENERIC: (0.2, 0.15),
        EvidenceKind.VARIABLE: (0.15, 0.1),
        EvidenceKind.ERROR: (0.2, 0.2),
        EvidenceKind.TOPIC: (0.1, 0.0),
    },
}
"""Region → sort → weight where something fails around it, and where nothing does. What is absent
weighs nothing.
"""

RULED_OUT, OUTSIDE, COMPARED, CODES, BUILDING, PLATFORM, LIBRARY, ASIDE, CROWD = (
    0.2,  # RULED_OUT: a sentence says that it is not this one
    0.15,  # OUTSIDE: another supplier, or a host of somebody else, is named
    0.6,  # COMPARED: hosts or suppliers are compared, or a move is planned
    0.5,  # CODES: error codes of the platform stand in the text
    0.25,  # BUILDING: a build or deploy fails
    0.7,  # PLATFORM: words about the platform stand in the text
    0.5,  # LIBRARY: a library or a protocol is named, not the service
    0.5,  # ASIDE: it is mentioned in passing
    0.5,  # CROWD: three add-ons or more are named
)
"""What is left of the weight where the customer rules it out, where another supplier is named, …"""
