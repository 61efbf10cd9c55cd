"""Fetch and check Kafka's jars and find a mongod; start nothing. What `make setup` calls."""

import asyncio
import os
import sys
from pathlib import Path

from deploy.embedded import broker, mongo
from deploy.embedded.commands import CannotPrepare


def main() -> int:
    cache = Path(os.environ.get("SIGNALBOX_CACHE_DIR", ".cache"))
    failed = False
    try:
        print(f"Kafka {broker.version()}: {asyncio.run(broker.fetch_jars(cache))}")
    except CannotPrepare as problem:
        print(problem, file=sys.stderr)
        failed = True
    try:
        print(f"mongod: {mongo.locate(cache)}")
    except CannotPrepare as problem:
        print(problem, file=sys.stderr)
        failed = True
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
