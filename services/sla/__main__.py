"""`python -m services.sla`"""

from __future__ import annotations

import uvloop

from services.sla.app import run
from services.sla.settings import SlaSettings
from shared.settings import load

if __name__ == "__main__":
    raise SystemExit(uvloop.run(run(load(SlaSettings))))
