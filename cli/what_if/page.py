"""The what-if as one HTML file: no script, nothing loaded from elsewhere, light and dark as the
reader's system is. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

# Of the charts, in the units of the SVG.
HEIGHT, GAP = 120, 2


def html(document: Mapping[str, Any]) -> str:
    """The report of `comparison()`'s document."""
    environment = Environment(
        # Escaped: subjects are written by customers.
        loader=PackageLoader("cli", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
    )
    environment.filters["shown"] = shown
    environment.filters["bars"] = bars
    return environment.get_template("what_if.html").render(found=document)


def shown(value: Any) -> str:
    """A value of a ticket in words."""
    match value:
        case None | "":
            return "–"
        case True:
            return "yes"
        case False:
            return "no"
        case datetime():
            return value.strftime("%a %Y-%m-%d %H:%M UTC")
        case _:
            return str(value)


def bars(pairs: Sequence[tuple[str, int, int]], width: int = 720) -> dict[str, Any]:
    """Two bars a label, as rectangles: x, y, width, height. The taller of all is as high as the
    chart.
    """
    most = max((max(then, draft) for _, then, draft in pairs), default=0) or 1
    step = width / max(1, len(pairs))
    thick = max(1.0, (step - 3 * GAP) / 2)
    # Some twelve labels: more would lie over each other.
    every = max(1, len(pairs) // 12)
    marks = []
    for number, (label, then, draft) in enumerate(pairs):
        x = number * step + GAP
        for offset, value, side in ((0.0, then, "then"), (thick + GAP, draft, "draft")):
            tall = HEIGHT * value / most
            marks.append(
                {
                    "x": round(x + offset, 1),
                    "y": round(HEIGHT - tall, 1),
                    "w": round(thick, 1),
                    "h": round(tall, 1),
                    "side": side,
                    "told": f"{label}: {value} {side}",
                }
            )
    labels = [
        {"x": round(number * step + step / 2, 1), "text": label}
        for number, (label, _, _) in enumerate(pairs)
        if number % every == 0
    ]
    return {"marks": marks, "labels": labels, "width": width, "height": HEIGHT, "most": most}
