"""A whole running system is backed up and restored into an empty one: the same log, views and
files, and everything goes on from there.
"""

from __future__ import annotations

import asyncio
import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from shared.files import open_files
from shared.storage.store import Store
from tests.support.desk import Desk, FarEnd
from tests.support.house import House, Lives, became, live
from tests.support.stack import running
from tests.support.waiting import eventually

pytestmark = [pytest.mark.chaos, pytest.mark.long, pytest.mark.timeout(900)]
LEFT_OUT = "auditor,pulse,status"
"""They say nothing that is asked for here."""


@pytest.fixture
def here(kafka_bootstrap: str, mongodb_uri: str, tmp_path: Path) -> Iterator[House]:
    made = House(kafka_bootstrap, mongodb_uri, tmp_path / "here")
    yield made
    made.clear()


@pytest.fixture
def there(kafka_bootstrap: str, mongodb_uri: str, tmp_path: Path) -> Iterator[House]:
    """An empty one, which keeps files in another home."""
    files = str(tmp_path / "files")
    made = House(kafka_bootstrap, mongodb_uri, tmp_path / "there", files_at=files)
    made.data.mkdir(mode=0o700)
    yield made
    made.clear()


def refused(house: House, *arguments: str) -> str:
    """What the command says that does not do it."""
    process = house.begun(*arguments)
    _, said = process.communicate(timeout=180)
    assert process.returncode == 1, said
    return str(said)


def digests_of_files(house: House) -> dict[str, str]:
    async def read() -> dict[str, str]:
        store = Store(house.mongodb, house.name)
        files = open_files(house.settings, store)
        try:
            names = [entry.name async for entry in files.entries()]
            return {
                name: hashlib.sha256(await files.get(name) or b"").hexdigest() for name in names
            }
        finally:
            await files.close()
            store.close()

    return asyncio.run(read())


def digests_of_views(house: House) -> dict[str, Any]:
    """Of the views made anew from the log."""
    told = house.run("rebuild")
    assert told["equal"] and told["switched"]
    return {name: view["new"] for name, view in told["collections"].items()}


def goes_on(there: House, lives: Lives) -> None:
    """People find what they left, go on, and are told nothing again."""
    with running("--without", LEFT_OUT, keep=there.data, env=there.env, auditor=True) as stack:
        desk, far_end = Desk(stack), FarEnd(stack.sink)
        ann, bob = lives.ann, lives.bob
        ann.base = bob.base = stack.portal
        for ticket, planted in ((lives.paged, "file"), (lives.mailed, "mail-file")):
            seen = ann.ticket(ticket)
            (name,) = [each for each in seen["attachments"] if each.startswith("att_")]
            got = ann.call("GET", f"/v1/attachments/{name}")
            assert got.text.strip() == lives.planted[planted]
        (mail,) = [
            each
            for each in desk.agent.get("/v1/mail", limit=50)["items"]
            if each["ticket_id"] == lives.mailed
        ]
        raw = desk.agent.call("GET", f"/v1/mail/{mail['id']}/raw")
        assert raw.status_code == 200 and lives.planted["mail-subject"] in raw.text
        became(desk.agent, desk.agent.replies(lives.bobs, "Try it now."))
        eventually(
            lambda: [m for m in far_end.got("mail", to=bob.email) if lives.bobs in str(m)],
            within=60,
            what="the mail about the reply",
        )
        about_old = [m for m in far_end.got() if lives.paged in str(m) or lives.mailed in str(m)]
        assert about_old == [], "nobody is told again"


def test_a_backup_brings_everything_back(here: House, there: House, tmp_path: Path) -> None:
    at_work, at_rest = tmp_path / "at-work.tar", tmp_path / "at-rest"
    with running("--without", LEFT_OUT, keep=here.data, env=here.env, auditor=True) as stack:
        lives = live(stack)
        told = here.run("backup", str(at_work))
        assert told["missing"] == [] and told["files"] >= 5, "2 files, what is said of them, a mail"
        assert here.run("restore", str(at_work), "--check")["topics"] == told["topics"]
        assert "Stop the services first" in refused(here, "restore", str(at_work))
    assert here.run("backup", str(at_rest))["missing"] == []
    assert "is not empty" in refused(here, "restore", str(at_rest))

    shutil.copy(here.data / "secret", there.data / "secret")
    told = there.run("restore", str(at_rest))
    assert told["written"] == told["files"] >= 5
    assert digests_of_files(there) == digests_of_files(here)
    assert digests_of_views(there) == digests_of_views(here)
    assert "is not empty" in refused(there, "restore", str(at_rest))
    goes_on(there, lives)
    assert there.run("verify")["differences"] == []
