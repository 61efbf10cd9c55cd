"""From a board to files: pages, JSON and the feed. A file's name is its address below the root
(`status/index.html`).

Addresses that people and clients know come without endings: a web server adds `/index.html` or
`.json` (nginx: `try_files $uri $uri.json $uri/index.html`), and so does `files.py`.
"""

from __future__ import annotations

import hashlib
import html
import math
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from services.portal.help import atom
from services.portal.status import v3
from services.portal.status.board import Board, ComponentStatus, Shape, find_start
from services.portal.web.filters import utc
from shared.events import Colour, Impact
from shared.status.durations import short, worst_of
from shared.text.characters import valid_value

HERE = Path(__file__).parents[1]
STATIC = HERE / "static"
ROOT = "status/static"
POLICY = (
    "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; "
    "form-action 'self'"
)
# In the order in which they override each other.
SHEETS = ("vendor/pico.min.css", "tokens.css", "app.css", "status.css")
COPIED = ("vendor/inter-latin.woff2", "icons.svg", "favicon.svg", "theme.js", "status.js")
FEED = "urn:signalbox:status"
# Readers of a feed have seen the older ones.
MOST_ENTRIES = 50

Files = dict[str, bytes]


class Drawing:
    """Draws, and remembers what it has drawn.

    `base`: the portal's address, for links to it and for what needs whole addresses; empty: this
    origin's.
    """

    def __init__(self, base: str) -> None:
        self._base = base.rstrip("/")
        # What each file was drawn of: a file is drawn again only when that has changed.
        self._drawn: dict[str, object] = {}
        self.assets: Files = {f"{ROOT}/{name}": (STATIC / name).read_bytes() for name in COPIED}
        self.assets[f"{ROOT}/page.css"] = b"\n".join(
            (STATIC / name).read_bytes() for name in SHEETS
        )
        marks = {
            name.removeprefix(f"{ROOT}/"): hashlib.sha256(content).hexdigest()[:10]
            for name, content in self.assets.items()
        }
        self._env = Environment(
            loader=FileSystemLoader(HERE / "templates"),
            autoescape=True,
            finalize=valid_value,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._env.filters.update(utc=utc, short=_short, uptime=uptime_words, in_words=in_words)
        self._env.globals.update(
            asset=lambda name: f"/{ROOT}/{name}?v={marks[name]}",
            base=self._base,
            policy=POLICY,
            worst=_worst,
        )

    def files(self, board: Board) -> Files:
        """The files that say something else than when they were drawn last; all of them the first
        time, and after `forget`.

        What is over is drawn when it changes, not at every tick: there may be thousands.
        """
        status = status_of(board)
        mark, stale = status["mark"], board.is_stale
        base = self._base
        found: Files = {
            # At every tick: both say how old they are.
            "api/v3/current-status.json": orjson.dumps(v3.current_status(board, base)),
            "status/index.html": self._page("public_now.html", board, mark, stale, here="now"),
        }
        # The mark does not change with the time alone.
        if self._has_changed("all", mark):
            found["api/v3/issues.json"] = orjson.dumps(v3.issues(board, base))
            found["status/feed.atom"] = self.feed(board)
        # The shares of the months change with the time, though little is written of them.
        if self._has_changed("history", (mark, [row.lights for row in board.months])):
            found["status/history/index.html"] = self._page(
                "public_history.html", board, mark, False, here="history", month=None
            )
        # A past month changes only by a correction, or when what is listed in it does.
        for month in board.months:
            about = (
                month.lights,
                month.components,
                [(item["id"], item["seq"]) for item in month.incidents + month.maintenances],
            )
            if self._has_changed(month.key, about):
                page = self._page(
                    "public_history.html", board, mark, False, here="history", month=month
                )
                found[f"status/history/{month.key}/index.html"] = page
        live = {item["id"] for item in (*board.current, *board.running, *board.planned)}
        for item in board.everything:
            key = item["id"]
            follows = [
                (other, board.titles.get(other))
                for other in (item["follow_up_of"], *board.follow_ups.get(key, ()))
            ]
            # What goes on shows how long it has lasted, so it is drawn at every tick.
            if self._has_changed(key, (item["seq"], follows, board.as_of if key in live else None)):
                found[f"status/incidents/{key}/index.html"] = self._page(
                    "public_incident.html", board, mark, stale and key in live, item=item
                )
                found[f"api/v3/issues/{key}.json"] = orjson.dumps(v3.issue(item, base))
        found["v1/status.json"] = orjson.dumps(
            status
        )  # last: whoever sees a new mark fetches the pages
        return found

    def forget(self) -> None:
        """What was drawn did not reach the disk: draw it all again."""
        self._drawn.clear()

    def _has_changed(self, name: str, about: object) -> bool:
        changed = self._drawn.get(name) != about
        self._drawn[name] = about
        return changed

    def feed(self, board: Board) -> bytes:
        """The Atom feed: one entry for each incident and maintenance, under an id that stays, the
        last changed first.
        """
        latest = sorted(board.everything, key=lambda item: str(item["updated_at"]), reverse=True)[
            :MOST_ENTRIES
        ]
        entries = [
            atom.FeedEntry(
                f"{FEED}:{item['id']}",
                item["title"],
                f"{self._base}/status/incidents/{item['id']}",
                datetime.fromisoformat(item["opened_at"] or find_start(item)),
                datetime.fromisoformat(item["updated_at"]),
                _render_updates(item),
            )
            for item in latest
        ]
        return atom.feed(
            feed_id=FEED,
            title="Platform status",
            self_url=f"{self._base}/status/feed.atom",
            page_url=f"{self._base}/status",
            author="Signalbox",
            entries=entries,
            now=board.as_of,
        )

    def _page(
        self, template: str, board: Board, mark: str, stale: bool, *, here: str = "", **context: Any
    ) -> bytes:
        return (
            self._env.get_template(template)
            .render(board=board, mark=mark, stale=stale, here=here, **context)
            .encode()
        )


def status_of(board: Board) -> dict[str, Any]:
    """`GET /v1/status`: the lights, what is going on, the components. `mark` changes with what the
    page says, not with the time.
    """
    content: dict[str, Any] = {
        "status": {light.id: light.colour.value for light in board.lights},
        "maintenance": {light.id: light.is_maintained for light in board.lights},
        "issues": list(board.current),
        "maintenances": [*board.running, *board.planned],
        "components": [
            {
                "id": line.id,
                "name": line.name,
                "addon": line.addon,
                "colour": line.colour.value,
                "maintenance": line.is_maintained,
            }
            for line in board.components
        ],
        "stale": board.is_stale,
    }
    # The instants are left out of the mark: time alone is no change.
    changes = [content, [(item["id"], item["seq"]) for item in board.everything]]
    mark = hashlib.sha256(orjson.dumps(changes)).hexdigest()[:16]
    stamps = {
        "as_of": board.as_of.isoformat(),
        "as_of_words": utc(board.as_of.isoformat()),
        "heard_at": board.heard_at.isoformat(),
    }
    return {**content, **stamps, "mark": mark}


def uptime_words(share: float | None) -> str:
    """Three decimals, rounded down: what was down for a second is not 100 %."""
    if share is None:
        return "not recorded"
    # Rounded down: 99.9999 must not read as 100.
    return "100 %" if share >= 1 else f"{math.floor(share * 100_000) / 1000:.3f} %"


def in_words(line: ComponentStatus) -> str:
    """The bars for who does not see them."""
    counted = {colour: sum(day.colour is colour for day in line.days) for colour in Colour}
    parts = [
        f"{counted[Colour.RED]} with times down",
        f"{counted[Colour.YELLOW]} with degraded times",
        f"{counted[Colour.GREEN]} without either",
    ]
    maintained = sum(bool(day.maintenance) for day in line.days)
    parts += [f"{maintained} with maintenance"] if maintained else []
    # Days before the records began are said as such.
    unknown = len(line.days) - sum(counted.values())
    return ", ".join([*parts, *([f"{unknown} not recorded"] if unknown else [])])


def _worst(impact: Mapping[str, str]) -> str:
    return worst_of(
        [Impact(production=Colour(impact[name])) for name in ("production", "development")]
    ).production.value


def _short(seconds: float) -> str:
    return short(timedelta(seconds=seconds))


def _render_updates(item: Shape) -> str:
    """An entry's content: the updates, newest first, as harmless HTML."""
    return "".join(_paragraphs(item))


def _paragraphs(item: Shape) -> Iterable[str]:
    for update in reversed(item["updates"]):
        phase = v3.phase_of(update["phase"], update["kind"])
        mark = f" {phase.capitalize()}" if phase else ""
        mark += " (corrects an earlier update)" if update["corrects"] else ""
        mark += " (edited)" if update["edited_at"] else ""
        yield (
            f"<p><b>{html.escape(utc(update['at']))}{mark}</b><br>"
            f"{html.escape(update['body'] or update['kind'].capitalize())}</p>"
        )
