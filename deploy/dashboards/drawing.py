"""A dashboard as Grafana's JSON (schema version 39). Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson

WIDTH, HEIGHT, A_ROW = 8, 8, 3
"""Of a panel in Grafana's grid, which is 24 wide; so many panels stand beside each other."""

SOURCE = {"type": "prometheus", "uid": "${source}"}


@dataclass(frozen=True)
class Panel:
    """One chart. `queries`: legend → PromQL. `unit`: Grafana's word, such as `s` or `reqps`."""

    title: str
    unit: str
    queries: dict[str, str]
    about: str = ""


@dataclass(frozen=True)
class Dashboard:
    """`name` is its file, `rows` headings with their panels."""

    name: str
    title: str
    rows: dict[str, tuple[Panel, ...]]


def draw(dashboard: Dashboard) -> dict[str, Any]:
    """What Grafana imports; ids count from 1 in reading order."""
    panels: list[dict[str, Any]] = []
    y = 0
    for heading, members in dashboard.rows.items():
        panels.append(
            {
                "id": len(panels) + 1,
                "type": "row",
                "title": heading,
                "collapsed": False,
                "gridPos": {"x": 0, "y": y, "w": 24, "h": 1},
                "panels": [],
            }
        )
        y += 1
        # Left to right, three in a row, then the next row.
        for n, panel in enumerate(members):
            place = {"x": n % A_ROW * WIDTH, "y": y + n // A_ROW * HEIGHT, "w": WIDTH, "h": HEIGHT}
            panels.append(_chart(panel, len(panels) + 1, place))
        # Rows of panels, rounded up.
        y += -(-len(members) // A_ROW) * HEIGHT
    return {
        "uid": f"signalbox-{dashboard.name}",
        "title": dashboard.title,
        "tags": ["signalbox"],
        "schemaVersion": 39,
        "version": 1,
        "editable": True,
        "refresh": "30s",
        "timezone": "utc",
        "time": {"from": "now-3h", "to": "now"},
        # The data source is chosen in Grafana: its id differs everywhere.
        "templating": {
            "list": [
                {
                    "name": "source",
                    "label": "Data source",
                    "type": "datasource",
                    "query": "prometheus",
                    "current": {},
                }
            ]
        },
        "panels": panels,
    }


def to_json_text(document: dict[str, Any]) -> str:
    """The file's text."""
    return orjson.dumps(document, option=orjson.OPT_INDENT_2).decode() + "\n"


def _chart(panel: Panel, number: int, place: dict[str, int]) -> dict[str, Any]:
    return {
        "id": number,
        "type": "timeseries",
        "title": panel.title,
        "description": panel.about,
        "datasource": SOURCE,
        "gridPos": place,
        "fieldConfig": {
            "defaults": {"unit": panel.unit, "min": 0, "custom": {"fillOpacity": 8}},
            "overrides": [],
        },
        "options": {
            "legend": {"displayMode": "table", "placement": "bottom", "calcs": ["lastNotNull"]},
            "tooltip": {"mode": "multi", "sort": "desc"},
        },
        "targets": [
            {
                # Grafana names queries A, B, C.
                "refId": chr(ord("A") + n),
                "datasource": SOURCE,
                "expr": expression,
                "legendFormat": legend,
            }
            for n, (legend, expression) in enumerate(panel.queries.items())
        ],
    }
