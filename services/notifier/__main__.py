"""`python -m services.notifier front|pager|courier`"""

from __future__ import annotations

import sys

import uvloop

from services.notifier.settings import FrontSettings, PagerSettings
from shared.settings import load

PROCESSES = ("front", "pager", "courier")


def main(arguments: list[str]) -> int:
    """The exit code. Only what the process needs is imported: front and pager must not need what
    the courier does.
    """
    name = arguments[0] if len(arguments) == 1 else ""
    if name not in PROCESSES:
        sys.stderr.write(f"usage: python -m services.notifier {'|'.join(PROCESSES)}\n")
        return 2
    # The courier starts its own event loop; the other two share the wiring in `app`.
    if name == "courier":
        from services.notifier.courier import app as courier_app

        return courier_app.run()
    from services.notifier import app

    if name == "front":
        return uvloop.run(app.run_front(load(FrontSettings)))
    return uvloop.run(app.run_pager(load(PagerSettings)))


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
