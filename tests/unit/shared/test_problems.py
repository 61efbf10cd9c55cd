"""Problem documents, whatever went wrong and wherever."""

import httpx
import pytest
from fastapi import FastAPI

from shared.errors import Refused, Unavailable
from shared.http import problems
from shared.http.mistakes import invalid, pointer


def app() -> FastAPI:
    made = FastAPI()
    problems.install(made)

    @made.get("/refused")
    async def refused() -> None:
        raise Refused(
            "too-many-cats",
            "Take one away.",
            status=429,
            extra={"retry_after": 7, "status": "never"},
        )

    @made.get("/away")
    async def away() -> None:
        raise Unavailable("mongodb", "the secret host name")

    @made.get("/invalid")
    async def mistaken() -> None:
        raise invalid([{"loc": ("a", 0, "b/c"), "msg": "Value error, no such cat"}])

    @made.get("/bug")
    async def bug() -> None:
        raise KeyError("the inner workings")

    @made.get("/listed")
    async def listed(limit: int) -> int:
        return limit

    return made


@pytest.mark.parametrize(
    ("path", "status", "code", "members"),
    [
        (
            "/refused",
            429,
            "too-many-cats",
            {"title": "Too many cats", "detail": "Take one away.", "retry_after": 7},
        ),
        ("/away", 503, "mongodb-unavailable", {}),
        (
            "/invalid",
            422,
            "invalid",
            {"errors": [{"pointer": "#/a/0/b~1c", "detail": "no such cat"}]},
        ),
        ("/bug", 500, "internal", {}),
        ("/nothing", 404, "not-found", {}),
        ("/listed?limit=x", 422, "invalid", {}),
    ],
)
async def test_every_error_is_a_problem_document(
    path: str, status: int, code: str, members: dict[str, object]
) -> None:
    transport = httpx.ASGITransport(app=app(), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        answer = await client.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (
        status,
        "application/problem+json",
    )
    found = answer.json()
    assert (found["type"], found["status"]) == (f"/problems/{code}", status)
    assert members.items() <= found.items()
    assert "secret" not in answer.text
    assert "inner" not in answer.text
    if "retry_after" in found or status == 503:
        assert answer.headers["retry-after"] == ("7" if status == 429 else "5")
    if path.startswith("/listed"):
        assert found["errors"] == [
            {
                "pointer": "#/limit",
                "in": "query",
                "detail": "Please give a whole number.",
            }
        ]


async def test_a_wrong_method_names_the_right_ones() -> None:
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app=app()), base_url="http://test"
    ) as client:
        answer = await client.delete("/refused")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET")


def test_a_pointer_escapes_what_it_must() -> None:
    assert pointer(()) == "#"
    assert pointer(("a~b", 3)) == "#/a~0b/3"
