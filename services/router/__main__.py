"""`python -m services.router`"""

from __future__ import annotations

import uvloop

from services.router.app import run
from services.router.settings import RouterSettings
from shared.settings import load

if __name__ == "__main__":
    raise SystemExit(uvloop.run(run(load(RouterSettings))))
