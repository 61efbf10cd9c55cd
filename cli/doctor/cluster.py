"""What `signalbox doctor` finds out about a Kafka and a MongoDB that are given."""

from __future__ import annotations

import asyncio
import os

from pydantic import ValidationError

from cli.doctor.finding import CheckResult
from cli.settings import CommandSettings
from shared.errors import Unavailable
from shared.kafka.access import hide_password, read_access
from shared.settings import names_kafka, names_mongodb, problems_in

_PATIENCE_S = 5.0


def kafka() -> CheckResult:
    """Whether it lets us in, and keeps more than one copy where it could."""
    if not names_kafka(os.environ):
        return CheckResult("kafka", "ok", "embedded: nothing names another one")
    settings = _settings()
    if isinstance(settings, CheckResult):
        return settings
    # Servers alone, no password.
    where = hide_password(", ".join(read_access(settings.kafka_bootstrap_servers).servers))
    try:
        return asyncio.run(_look(settings, where))
    except Unavailable as problem:
        return CheckResult("kafka", "warning", str(problem), f"`up` waits for {where} and needs it")


async def _look(settings: CommandSettings, where: str) -> CheckResult:
    from shared.bus import Admin

    async with Admin(
        settings.kafka_bootstrap_servers, settings.topic_prefix, timeout=_PATIENCE_S
    ) as admin:
        brokers = await admin.brokers()
        copies = {
            name: topic.replication for name, topic in (await admin.settings_of_topics()).items()
        }
    return judge_copies(where, brokers, copies, settings.topic_replication)


def judge_copies(
    where: str, brokers: int, copies: dict[str, int], wished: int | None
) -> CheckResult:
    """`copies`: topic → how many there are of it; `wished`: what the settings ask of new ones."""
    found = f"{where}: {brokers} broker{'s' if brokers > 1 else ''}"
    # One copy on several brokers is a choice that nobody makes on purpose.
    alone = sorted(name for name, count in copies.items() if count == 1)
    if brokers > 1 and alone:
        return CheckResult(
            "kafka",
            "warning",
            f"{found}, and one copy alone of {', '.join(alone)}",
            "a broker's loss is their loss: see `signalbox topics plan`",
        )
    if brokers > 1 and wished == 1:
        return CheckResult(
            "kafka",
            "warning",
            f"{found}, and SIGNALBOX_TOPIC_REPLICATION is 1",
            "leave it out: new topics get as many copies as the cluster makes",
        )
    return CheckResult("kafka", "ok", found)


def mongodb() -> CheckResult:
    """Whether it lets us in."""
    if not names_mongodb(os.environ):
        return CheckResult("mongodb", "ok", "embedded: nothing names another one")
    settings = _settings()
    if isinstance(settings, CheckResult):
        return settings
    trouble = asyncio.run(_ping(settings))
    if trouble is None:
        return CheckResult("mongodb", "ok", "it answers")
    return CheckResult("mongodb", "warning", trouble, "every view waits for it")


async def _ping(settings: CommandSettings) -> str | None:
    from shared.storage.store import Store

    store = Store(settings.mongodb_uri, settings.mongodb_database)
    try:
        await store.collections()  # a ping asks for no permission
    except Unavailable as problem:
        return str(problem)
    finally:
        store.close()
    return None


def _settings() -> CommandSettings | CheckResult:
    try:
        return CommandSettings()
    # The finding says all that is wrong with the settings, in words.
    except (ValidationError, OSError):
        problems = problems_in(CommandSettings, os.environ)
        return CheckResult("settings", "missing", "; ".join(problems))
