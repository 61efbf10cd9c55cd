"""Write the dashboards anew: `python -m deploy.dashboards`."""

from __future__ import annotations

from pathlib import Path

from deploy.dashboards.drawing import draw, to_json_text
from deploy.dashboards.panels import DASHBOARDS

HERE = Path(__file__).parent


def main() -> None:
    """One file for each dashboard, beside this module."""
    for dashboard in DASHBOARDS:
        (HERE / f"{dashboard.name}.json").write_text(to_json_text(draw(dashboard)))


if __name__ == "__main__":
    main()
