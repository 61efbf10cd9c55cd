"""What each sort of evidence weighs in each region, and what takes weight away. Pure data."""

from __future__ import annotations

from services.router.names import Sort
from services.router.regions import Region

FAILING, PLAIN = 0, 1
WEIGHTS: dict[Region, dict[Sort, tuple[float, float]]] = {
    Region.SUBJECT: {
        Sort.HOST: (0.85, 0.7), Sort.NAME: (0.75, 0.65), Sort.GENERIC: (0.65, 0.55), Sort.VARIABLE: (0.6, 0.5), Sort.ERROR: (0.6, 0.6),
        Sort.TOPIC: (0.4, 0.2),
    },
    Region.PROSE: {
        Sort.HOST: (0.8, 0.5), Sort.NAME: (0.6, 0.5), Sort.GENERIC: (0.5, 0.36), Sort.VARIABLE: (0.5, 0.35), Sort.ERROR: (0.5, 0.5),
        Sort.TOPIC: (0.35, 0.15),
    },
    Region.LOG: {
        Sort.HOST: (0.8, 0.3), Sort.NAME: (0.5, 0.2), Sort.GENERIC: (0.4, 0.12), Sort.VARIABLE: (0.4, 0.1), Sort.ERROR: (0.5, 0.5),
        Sort.TOPIC: (0.1, 0.0),
    },
    Region.FRAME: {
        Sort.HOST: (0.3, 0.2), Sort.NAME: (0.08, 0.05), Sort.GENERIC: (0.05, 0.04), Sort.VARIABLE: (0.1, 0.05), Sort.ERROR: (0.06, 0.04),
    },
    Region.BUILD: {Sort.HOST: (0.2, 0.05), Sort.NAME: (0.05, 0.03), Sort.GENERIC: (0.03, 0.02), Sort.VARIABLE: (0.1, 0.05)},
    Region.CONFIG: {Sort.HOST: (0.12, 0.12), Sort.NAME: (0.08, 0.08), Sort.GENERIC: (0.04, 0.04), Sort.VARIABLE: (0.08, 0.08)},
    Region.CODE: {
        Sort.HOST: (0.45, 0.12), Sort.NAME: (0.25, 0.1), Sort.GENERIC: (0.15, 0.05), Sort.VARIABLE: (0.15, 0.08), Sort.ERROR: (0.35, 0.2),
    },
    Region.QUOTED: {
        Sort.HOST: (0.28, 0.2), Sort.NAME: (0.25, 0.2), Sort.GENERIC: (0.2, 0.15), Sort.VARIABLE: (0.15, 0.1), Sort.ERROR: (0.2, 0.2),
        Sort.TOPIC: (0.1, 0.0),
    },
}  # fmt: skip
"""Region → sort → weight where something fails around it, and where nothing does. What is absent weighs nothing."""

RULED_OUT, OUTSIDE, COMPARED, CODES, BUILDING, PLATFORM, LIBRARY, ASIDE, CROWD = 0.2, 0.15, 0.6, 0.5, 0.25, 0.7, 0.5, 0.5, 0.5
"""What is left of the weight where the customer rules it out, where another supplier is named, …"""
