"""HTTP habits over every live route of portal, intake and status server (`shared/http/habits.py`).

The portal asks a real intake over HTTP. MongoDB and Kafka are away: a read says 401, 303 or 503 by
itself, and its HEAD must say the same.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Mount, Route

from services.portal.app import make_app
from services.portal.settings import PortalSettings
from services.portal.status.files import StatusFiles
from services.portal.status.serve import make_app as make_status
from services.portal.tickets.api import to_intake
from shared.http.habits import HttpHabits, find_methods, of_routes
from tests.support.serving import Served, serve
from tests.support.waiting import stretched
from tests.unit.intake.building import SECRET, Bench

OUTSIDE = "http://help.example"
GIVEN = {
    "ticket_id": "tkt_" + "a" * 26,
    "page_id": "lane_" + "b" * 26 + "." + "c" * 26,
    "kind": "accounts",
    "doc_id": "free@example.com",
    "rest": "x",
    "path": "policies/default",
}


@pytest.fixture(scope="module")
def intake() -> Iterator[Served]:
    yield from serve(Bench(rate="100000/minute").app)


@pytest.fixture(scope="module")
def portal(intake: Served, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    settings = PortalSettings(
        mongodb_uri="mongodb://127.0.0.1:9/?serverSelectionTimeoutMS=50&connectTimeoutMS=50",
        mongodb_database="nowhere",
        intake_url=intake.inner,
        secret=SECRET,
        data_dir=tmp_path_factory.mktemp("portal"),
        public_url=OUTSIDE,
    )  # type: ignore[call-arg]
    yield from serve(make_app(settings))


@pytest.fixture(scope="module")
def status(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("status")
    for name, text in {
        "v1/status.json": "{}",
        "status/index.html": "<p>All well</p>",
        "api/v3/issues.json": "[]",
        "api/v3/current-status.json": "{}",
    }.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    yield from serve(make_status(StatusFiles(folder)))


@pytest.fixture(params=["intake", "portal", "status"])
def served(request: pytest.FixtureRequest) -> Served:
    found = request.getfixturevalue(request.param)
    assert isinstance(found, Served)
    return found


def paths_of(app: Any) -> dict[str, frozenset[str]]:
    """Path with its placeholders filled → the methods that some route takes there."""
    paths = set()
    for path in templates(own_routes(app)):
        filled = re.sub(r"\{(\w+)(?::\w+)?\}", lambda each: GIVEN.get(each[1], "x"), path)
        if "/{path" not in path or "/v1/" not in path:
            paths.add(filled)
    return {path: find_methods(own_routes(app), path) for path in sorted(paths)}


def own_routes(app: Any) -> list[Any]:
    """Without what the portal passes on: that is intake's, and walked there."""
    return [
        route
        for route in app.router.routes
        if getattr(route, "original_router", None) is not to_intake
    ]


def templates(routes: Any, prefix: str = "") -> Iterator[str]:
    for route in routes:
        if isinstance(route, Mount):
            continue
        if contexts := getattr(route, "effective_route_contexts", None):
            yield from (context.path for context in contexts())
        else:
            yield prefix + route.path


def at_once(
    look: Callable[[str, frozenset[str]], None], places: Iterable[tuple[str, frozenset[str]]]
) -> None:
    """Look at many addresses side by side: reads wait two seconds for a MongoDB that is not here."""
    with ThreadPoolExecutor(16) as pool:
        for _ in pool.map(lambda place: look(*place), list(places)):
            pass


def problem(answer: httpx.Response, status: int) -> None:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == status


def own_headers(answer: httpx.Response) -> dict[str, str]:
    """What must be the same for GET and HEAD; metrics grow, and a rate counts down."""
    changing = {"date", "ratelimit", "content-length", "x-trace-id"}
    return {name: value for name, value in answer.headers.items() if name not in changing}


SIGNED = {"Authorization": "Bearer demo-free"}
STREAMS = ("/v1/stream", "/live")
AS_INCIDENTS = ("/v1/maintenances", "/v1/announcements")
"""The same handlers as `/v1/incidents`: each waits two seconds for MongoDB."""


def test_there_are_routes_to_look_at(intake: Served, portal: Served, status: Served) -> None:
    assert len(paths_of(intake.app)) > 50
    assert len(paths_of(portal.app)) > 80
    assert len(paths_of(status.app)) > 5


def inner_addresses(*served: Served) -> Iterator[str]:
    for one in served:
        yield from (one.inner, f"127.0.0.1:{one.port}", f"localhost:{one.port}")


def tells(answer: httpx.Response) -> str:
    """Everything in an answer that a client might follow."""
    return " ".join((answer.text, *answer.headers.values()))


def test_head_is_answered_wherever_get_is(served: Served, intake: Served) -> None:
    """With the headers of GET and no body; and neither tells where intake is, nor where we listen
    behind a proxy.
    """

    def look(path: str, methods: frozenset[str]) -> None:
        if "GET" not in methods or path.startswith((*STREAMS, *AS_INCIDENTS)):
            return
        got, head = served.ask("GET", path), served.ask("HEAD", path)
        assert head.status_code == got.status_code, path
        assert own_headers(head) == own_headers(got), path
        assert head.content == b"", path
        assert not [each for each in inner_addresses(served, intake) if each in tells(got)], path

    at_once(look, paths_of(served.app).items())


def test_the_length_told_by_head_is_that_of_get(status: Served, intake: Served) -> None:
    for app, path in ((status, "/v1/status"), (status, "/status"), (intake, "/openapi.json")):
        got, head = app.ask("GET", path), app.ask("HEAD", path)
        assert head.headers["content-length"] == got.headers["content-length"] != "0", path


@pytest.mark.parametrize("waits", [True, False])
async def test_head_of_a_stream_ends(waits: bool) -> None:
    """The stream itself would go on for ever, whether it waits between its events or not."""

    async def drops() -> Any:
        while True:
            yield b": a heartbeat\n\n"
            if waits:
                await asyncio.Event().wait()

    async def endless(_: Request) -> Response:
        return StreamingResponse(drops(), media_type="text/event-stream")

    app = Starlette(routes=[Route("/stream", endless, methods=["GET"])])
    app.add_middleware(HttpHabits, methods_at=of_routes(app))
    sent: list[Any] = []
    came = [{"type": "http.request", "body": b"", "more_body": False}]

    async def receive() -> Any:
        if not came:
            await asyncio.Event().wait()
        return came.pop()

    async def send(message: Any) -> None:
        sent.append(message)

    asked = {
        "type": "http",
        "method": "HEAD",
        "path": "/stream",
        "root_path": "",
        "query_string": b"",
        "headers": [],
        "asgi": {"spec_version": "2.4"},
    }
    await asyncio.wait_for(app(asked, receive, send), stretched(30))
    assert [message["type"] for message in sent] == ["http.response.start", "http.response.body"]
    assert (sent[0]["status"], sent[1]["body"], sent[1]["more_body"]) == (200, b"", False)


def test_allow_is_true_on_options_and_405(served: Served) -> None:
    """What `Allow` names is answered, and what it does not name is 405."""

    def look(path: str, methods: frozenset[str]) -> None:
        asked = served.ask("OPTIONS", path)
        assert asked.status_code == 204, path
        named = set(asked.headers["allow"].split(", "))
        assert named >= methods | {"OPTIONS"}, path
        for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "PROPFIND"} - named:
            answer = served.ask(method, path, headers=SIGNED)
            assert answer.status_code == 405, (method, path, answer.text)
            assert set(answer.headers["allow"].split(", ")) == named, (method, path)
            if path.startswith(("/v1/", "/api/")):
                problem(answer, 405)
        for method in named & {"POST", "PUT", "DELETE"}:
            answer = served.ask(method, path)
            assert answer.status_code != 405, (method, path)

    at_once(look, paths_of(served.app).items())


ALLOWED_AT_THE_PORTAL = {
    "/v1/tickets": "GET, HEAD, OPTIONS, POST",
    f"/v1/tickets/{GIVEN['ticket_id']}": "GET, HEAD, OPTIONS",
    f"/v1/tickets/{GIVEN['ticket_id']}/replies": "OPTIONS, POST",
    "/v1/status": "GET, HEAD, OPTIONS",
    "/v1/articles": "GET, HEAD, OPTIONS",
    "/v1/policies/default": "GET, HEAD, OPTIONS, PUT",
    "/v1/policies/default/versions": "GET, HEAD, OPTIONS",
    "/v1/directory/accounts/x@example.com": "DELETE, GET, HEAD, OPTIONS, PUT",
    "/v1/tokens": "GET, HEAD, OPTIONS, POST",
    "/v1/alerts": "OPTIONS, POST",
    "/v1/attachments": "OPTIONS, POST",
    "/v1/incidents/inc_1": "GET, HEAD, OPTIONS",
    "/v1/account/calendar-links": "DELETE, OPTIONS",
    "/v1/account/mail-stop": "DELETE, OPTIONS",
    "/login": "GET, HEAD, OPTIONS, POST",
    "/queue": "GET, HEAD, OPTIONS",
    "/livez": "GET, HEAD, OPTIONS",
}


@pytest.mark.parametrize("path", ALLOWED_AT_THE_PORTAL)
def test_what_the_portal_allows(portal: Served, path: str) -> None:
    """Of both services: its own reads and intake's writes."""
    assert portal.ask("OPTIONS", path).headers["allow"] == ALLOWED_AT_THE_PORTAL[path]
    answer = portal.ask("PATCH", path)
    assert answer.status_code == 405
    assert answer.headers["allow"] == ALLOWED_AT_THE_PORTAL[path]


@pytest.mark.parametrize("path", ["/v1/nothing", "/v1/tickets/x/y/z", "/v1/nothing/here/at/all"])
@pytest.mark.parametrize("method", ["GET", "HEAD", "PATCH", "OPTIONS", "PROPFIND"])
@pytest.mark.parametrize("name", ["intake", "portal"])
def test_what_is_not_there_is_404_for_every_method(
    request: pytest.FixtureRequest, name: str, method: str, path: str
) -> None:
    answer = request.getfixturevalue(name).ask(method, path)
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
@pytest.mark.parametrize("name", ["intake", "portal"])
def test_a_write_to_nothing_is_404(request: pytest.FixtureRequest, name: str, method: str) -> None:
    served = request.getfixturevalue(name)
    problem(served.ask(method, "/v1/nothing", headers=SIGNED), 404)


@pytest.mark.parametrize("name", ["intake", "portal"])
def test_case_10_of_operations(request: pytest.FixtureRequest, name: str) -> None:
    """`POST /v1/tickets/` was redirected to an address behind the portal."""
    served = request.getfixturevalue(name)
    answer = served.ask("POST", "/v1/tickets/", headers=SIGNED, json={"subject": "x", "body": "y"})
    problem(answer, 404)
    assert "location" not in answer.headers


def test_case_10_of_operations_head_and_allow(portal: Served, status: Served) -> None:
    assert status.ask("HEAD", "/status").status_code == 200
    assert status.ask("HEAD", "/v1/status").status_code == 200
    for served in (portal, status):
        answer = served.ask("POST", "/v1/status", headers=SIGNED)
        assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD, OPTIONS")


def test_a_slash_too_many_never_leads_to_another_origin(
    served: Served, intake: Served, portal: Served
) -> None:
    def look(path: str, methods: frozenset[str]) -> None:
        if path == "/" or path.endswith("/"):
            return
        for method in methods & {"GET", "HEAD", "POST", "PUT", "DELETE"}:
            answer = served.ask(method, f"{path}/?a=1&b=%2F")
            place = answer.headers.get("location", "/")
            assert place.startswith("/"), (method, path, place)
            assert not place.startswith("//"), (method, path, place)
            assert intake.inner not in answer.text, (method, path)
            if answer.status_code == 308:
                assert place == f"{path}?a=1&b=%2F", (method, path)
                assert not path.startswith(("/v1/", "/api/")), path
            else:
                assert "a=1" not in place, (method, path)

    at_once(look, paths_of(served.app).items())


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("/queue/", "/queue"),
        ("/help/?q=H12", "/help?q=H12"),
        ("/help/a%20b/", "/help/a%20b"),
        ("/login//", "/login"),
    ],
)
def test_a_page_with_a_slash_too_many_is_moved_for_good(
    portal: Served, path: str, place: str
) -> None:
    for method in ("GET", "HEAD"):
        answer = portal.ask(method, path, headers={"Accept": "text/html"})
        assert (answer.status_code, answer.headers["location"]) == (308, place)


@pytest.mark.parametrize(
    "path", ["//evil.example/", "//evil.example//", "/%5Cevil.example/", "/\\evil.example/", "//"]
)
def test_no_slash_leads_away(portal: Served, path: str) -> None:
    for method in ("GET", "HEAD"):
        place = portal.ask(method, path).headers.get("location", "/")
        assert place == "/help" or not place.startswith(("//", "/\\", "http")), place


def json_writes(app: Any) -> Iterator[tuple[str, str]]:
    """The calls whose body is JSON by the OpenAPI document."""
    for path, item in app.openapi()["paths"].items():
        for verb, operation in item.items():
            content = operation.get("requestBody", {}).get("content", {})
            if set(content) == {"application/json"}:
                filled = re.sub(r"\{(\w+)\}", lambda each: GIVEN.get(each[1], "x"), path)
                yield verb.upper(), filled


@pytest.mark.parametrize(
    "kind",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        pytest.param("multipart/form-data; boundary=x", marks=pytest.mark.long),
        pytest.param("application/xml", marks=pytest.mark.long),
        pytest.param("application/jsonp", marks=pytest.mark.long),
        "text/json",
        pytest.param("application/octet-stream", marks=pytest.mark.long),
    ],
)
def test_a_body_that_is_no_json_is_415(intake: Served, portal: Served, kind: str) -> None:
    headers = {"Authorization": "Bearer demo-admin", "Content-Type": kind}
    calls = list(json_writes(intake.app))
    assert len(calls) > 40
    for method, path in calls:
        for served in (intake, portal):
            answer = served.ask(method, path, headers=headers, content=b'{"a": 1}')
            if answer.status_code in (401, 403, 404):
                continue
            problem(answer, 415)


def test_a_form_of_a_page_that_is_no_form_is_415(portal: Served) -> None:
    answer = portal.ask("POST", "/login", json={"email": "a@example.com", "password": "x"})
    assert answer.status_code == 415


def test_every_error_in_openapi_is_a_problem_document(portal: Served) -> None:
    document = portal.ask("GET", "/openapi.json").json()
    assert {"HTTPValidationError", "ValidationError"}.isdisjoint(document["components"]["schemas"])
    kinds = set()
    for path, item in document["paths"].items():
        for verb, operation in item.items():
            for status, answer in operation["responses"].items():
                if status == "default" or int(status) >= 400:
                    kinds.add(status)
                    assert answer["content"] == {
                        "application/problem+json": {
                            "schema": {"$ref": "#/components/schemas/Problem"}
                        }
                    }, (verb, path, status)
    assert kinds >= {"default", "415", "422"}


def test_no_write_tells_an_inner_address(portal: Served, intake: Served) -> None:
    def look(path: str, methods: frozenset[str]) -> None:
        for method in methods & {"POST", "PUT", "DELETE"}:
            answer = portal.ask(method, path, headers=SIGNED)
            told = tells(answer)
            assert not [each for each in inner_addresses(portal, intake) if each in told], path

    at_once(look, paths_of(portal.app).items())
