"""What earlier releases left is read where the home does not have it, also while the home is away."""

from __future__ import annotations

import asyncio

import orjson
import pytest

from shared.errors import Unavailable
from shared.files import Descriptions, HomeWithOld, descriptions
from tests.support.shelf import Shelf


async def test_the_home_comes_first_and_gets_all_that_is_new() -> None:
    home, old = Shelf(), Shelf(kept={"a": b"old", "b": b"old"})
    both = HomeWithOld(home, old)
    await both.put_many([("c", b"new")])
    await both.replace("a", b"new")
    assert [await both.get(name) for name in "abcd"] == [b"new", b"old", b"new", None]
    pieces = await both.stream("b")
    assert pieces is not None and [piece async for piece in pieces] == [b"old"]
    assert (old.kept, sorted(home.kept)) == ({"a": b"old", "b": b"old"}, ["a", "c"])
    assert await both.has("b") and not await both.has("d")
    assert await both.delete("a") and not await both.delete("a"), "deleted from both"
    assert "a" not in home.kept and "a" not in old.kept


async def test_with_the_home_away_the_old_place_is_read() -> None:
    both = HomeWithOld(Shelf(away=True), Shelf(kept={"a": b"old"}))
    assert await both.get("a") == b"old"
    with pytest.raises(Unavailable):
        await both.get("b")  # it may be at home


async def test_descriptions_are_remembered_and_what_is_missing_is_not() -> None:
    shelf = Shelf(kept={"att_a": orjson.dumps({"_id": "att_a"})})
    known = Descriptions(shelf)
    assert await known.find(["att_a", "att_b", "att_a"]) == {"att_a": {"_id": "att_a"}}
    shelf.kept = {"att_b": orjson.dumps({"_id": "att_b"})}
    assert (await known.find(["att_a", "att_b"])).keys() == {"att_a", "att_b"}
    shelf.away = True
    assert (await known.find(["att_a", "att_b"])).keys() == {"att_a", "att_b"}


async def test_what_another_call_pushes_out_meanwhile_is_there_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(descriptions, "_REMEMBERED", 1)
    read = asyncio.Event()

    class Slow(Shelf):
        async def get(self, name: str) -> bytes | None:
            if name == "att_b":
                await read.wait()
            return await super().get(name)

    names = ("att_a", "att_b", "att_c")
    known = descriptions.Descriptions(
        Slow(kept={name: orjson.dumps({"_id": name}) for name in names})
    )
    await known.find(["att_a"])
    waits = asyncio.create_task(known.find(["att_a", "att_b"]))
    await asyncio.sleep(0)  # it has begun
    await known.find(["att_c"])
    read.set()
    assert set(await waits) == {"att_a", "att_b"}
