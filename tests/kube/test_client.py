"""The client against a played API server: what goes out, and what bad days bring."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from cutline.kube import client as client_module
from cutline.kube.client import KubeClient, PatchKind
from cutline.kube.errors import Gone, Invalid, KubeError, NotFound, Unavailable
from cutline.kube.resources import CONFIGMAPS, NODES, PODS
from cutline.kube.transport import Answer
from cutline.kube.watch import WatchEvent, WatchEventKind
from tests.kube.api_server import Play, client_of, write_kubeconfig

Call = Callable[[KubeClient], Awaitable[object]]


def with_client(play: Play, tmp_path: Path, call: Call, **options: Any) -> object:
    """Run `call` with a client of a server that answers with `play`."""

    async def scenario() -> object:
        async with client_of(play, tmp_path, **options) as client:
            return await call(client)

    return asyncio.run(asyncio.wait_for(scenario(), 10))


def answering(*answers: web.Response) -> tuple[Play, list[str]]:
    """A play that gives one answer after the other, and the list of what it was asked."""
    remaining = list(answers)
    asked: list[str] = []

    async def play(request: web.BaseRequest) -> web.StreamResponse:
        asked.append(f"{request.method} {request.raw_path}")
        return remaining.pop(0)

    return play, asked


def page(*names: str, version: str = "7", token: str = "") -> web.Response:
    items = [{"metadata": {"name": name}} for name in names]
    metadata = {"resourceVersion": version, "continue": token}
    return web.json_response({"kind": "ConfigMapList", "apiVersion": "v1", "metadata": metadata, "items": items})


def status(code: int, reason: str) -> web.Response:
    return web.json_response({"kind": "Status", "code": code, "reason": reason, "message": "m"}, status=code)


@pytest.mark.parametrize(
    ("call", "line", "content_type", "body"),
    [
        (lambda c: c.get(PODS, "web", "shop"), "GET /api/v1/namespaces/shop/pods/web", None, None),
        (
            lambda c: c.create(CONFIGMAPS, {"a": 1}, "shop", dry_run=True, field_manager="me"),
            "POST /api/v1/namespaces/shop/configmaps?fieldManager=me&dryRun=All",
            "application/json",
            {"a": 1},
        ),
        (
            lambda c: c.create(PODS, {}, "shop", name="web", subresource="eviction"),
            "POST /api/v1/namespaces/shop/pods/web/eviction?fieldManager=cutline",
            "application/json",
            {},
        ),
        (
            lambda c: c.replace(NODES, "n1", {"a": 1}, subresource="status"),
            "PUT /api/v1/nodes/n1/status?fieldManager=cutline",
            "application/json",
            {"a": 1},
        ),
        (
            lambda c: c.patch(NODES, "n1", [{"op": "test"}], kind=PatchKind.JSON),
            "PATCH /api/v1/nodes/n1?fieldManager=cutline",
            "application/json-patch+json",
            [{"op": "test"}],
        ),
        (
            lambda c: c.delete(NODES, "n1", uid="u", dry_run=True),
            "DELETE /api/v1/nodes/n1",
            "application/json",
            {
                "apiVersion": "v1",
                "kind": "DeleteOptions",
                "preconditions": {"uid": "u"},
                "dryRun": ["All"],
            },
        ),
    ],
)
def test_each_verb_is_sent_as_the_api_wants_it(
    tmp_path: Path, call: Call, line: str, content_type: str | None, body: object
) -> None:
    async def play(request: web.BaseRequest) -> web.StreamResponse:
        assert request.headers["User-Agent"] == "cutline-test"
        assert request.headers["Authorization"] == "Bearer secret"
        sent = await request.read()
        return web.json_response(
            {
                "line": f"{request.method} {request.raw_path}",
                "content_type": request.headers.get("Content-Type"),
                "body": json.loads(sent) if sent else None,
            }
        )

    seen = with_client(play, tmp_path, call)
    assert seen == {"line": line, "content_type": content_type, "body": body}


def test_a_list_goes_through_all_pages(tmp_path: Path) -> None:
    play, asked = answering(page("a", "b", token="t&1"), page("c"))
    listed = with_client(play, tmp_path, lambda c: c.list(CONFIGMAPS, label_selector="a=b,c!=d"))
    assert isinstance(listed, list)
    assert [item["metadata"]["name"] for item in listed] == ["a", "b", "c"]
    assert all((item["kind"], item["apiVersion"]) == ("ConfigMap", "v1") for item in listed)
    first = "GET /api/v1/configmaps?limit=500&labelSelector=a%3Db,c!%3Dd"
    assert asked == [first, f"{first}&continue=t%261"]


def test_a_list_whose_token_expired_is_read_again_whole(tmp_path: Path) -> None:
    play, asked = answering(page("old", token="t"), status(410, "Expired"), page("a", "b", version="9"))
    listing = with_client(play, tmp_path, lambda c: c.listing(CONFIGMAPS))
    assert isinstance(listing, client_module.Listing)
    assert [item["metadata"]["name"] for item in listing.items] == ["a", "b"]
    assert listing.resource_version == "9"
    assert asked[-1] == "GET /api/v1/configmaps"


def test_a_limited_list_is_one_request(tmp_path: Path) -> None:
    play, asked = answering(page("a", token="t"))
    with_client(play, tmp_path, lambda c: c.list(CONFIGMAPS, limit=1, field_selector="metadata.name=a"))
    assert len(asked) == 1


@pytest.mark.parametrize(
    "answer",
    [
        web.Response(text="<html>", content_type="text/html"),
        web.Response(text="[]", content_type="application/json"),
        web.Response(status=302, headers={"Location": "/elsewhere"}),
        status(503, "ServiceUnavailable"),
        web.Response(status=429, headers={"Retry-After": "2"}),
    ],
)
def test_what_is_no_answer_is_an_error(tmp_path: Path, answer: web.Response) -> None:
    play, asked = answering(answer)
    with pytest.raises(KubeError):
        with_client(play, tmp_path, lambda c: c.get(NODES, "n1"))
    assert len(asked) == 1  # neither repeated nor redirected


def test_a_server_that_takes_too_long_is_unavailable(tmp_path: Path) -> None:
    async def play(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await asyncio.sleep(60)  # longer than anybody listens
        return response

    for call in (lambda c: c.get(NODES, "n1"), lambda c: c.create(NODES, {}, timeout=0.05)):
        with pytest.raises(Unavailable, match="within"):
            with_client(play, tmp_path, call, timeout=0.1)


def test_a_server_that_is_not_there_is_unavailable(tmp_path: Path) -> None:
    async def scenario() -> None:
        kubeconfig = write_kubeconfig(tmp_path / "k", "http://127.0.0.1:1", {"token": "t"})
        async with await KubeClient.connect(kubeconfig, user_agent="x") as client:
            with pytest.raises(Unavailable, match="cannot be reached"):
                await client.get(NODES, "n1")
            with pytest.raises(Unavailable, match="cannot be reached"):
                async with aclosing(client.watch(NODES, resource_version="1")) as events:
                    await anext(events)
            assert client.clock_skew is None

    asyncio.run(scenario())


def test_a_connection_cut_within_an_answer_is_unavailable(tmp_path: Path) -> None:
    async def play(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "100"})
        await response.prepare(request)
        await response.write(b"{")
        assert request.transport is not None
        request.transport.abort()
        return response

    with pytest.raises(Unavailable):
        with_client(play, tmp_path, lambda c: c.get(NODES, "n1"))


def test_a_name_that_would_leave_its_place_is_never_sent(tmp_path: Path) -> None:
    play, asked = answering()
    with pytest.raises(Invalid):
        with_client(play, tmp_path, lambda c: c.get(PODS, "../../secrets/x", "shop"))
    assert asked == []


def test_warnings_are_handed_on(tmp_path: Path) -> None:
    warnings: list[str] = []
    header = '299 - "use \\"apps/v1\\"", 299 agent "and, more"'
    play, _ = answering(web.json_response({}, headers={"Warning": header}))
    with_client(play, tmp_path, lambda c: c.get(NODES, "n1"), on_warning=warnings.append)
    assert warnings == ['use "apps/v1"', "and, more"]


def test_the_clock_is_compared_with_every_answer(tmp_path: Path) -> None:
    async def skew(client: KubeClient) -> float | None:
        with pytest.raises(NotFound):
            await client.get(NODES, "n1")
        return client.clock_skew

    play, _ = answering(web.Response(status=404, headers={"Date": "Tue, 15 Nov 1994 08:12:31 GMT"}))
    difference = with_client(play, tmp_path, skew)
    assert isinstance(difference, float)
    assert difference > 1e8


def event(kind: str, name: str, version: str = "1") -> bytes:
    metadata = {"name": name, "resourceVersion": version}
    return json.dumps({"type": kind, "object": {"metadata": metadata}}).encode() + b"\n"


def streaming(*pieces: bytes, cut: bool = False) -> Play:
    """A watch that sends `pieces` and ends, or breaks when `cut`."""

    async def play(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for piece in pieces:
            await response.write(piece)
            await asyncio.sleep(0)
        if cut and request.transport is not None:
            request.transport.abort()
        return response

    return play


async def watched(client: KubeClient) -> list[WatchEvent]:
    async with aclosing(client.watch(CONFIGMAPS, resource_version="1")) as events:
        return [each async for each in events]


def test_a_watch_yields_events_however_they_are_cut(tmp_path: Path) -> None:
    # Longer than what aiohttp takes for one line.
    long = "x" * 300_000
    whole = event("ADDED", "a") + event("MODIFIED", long, "2") + event("BOOKMARK", "", "9") + b"\n"
    for size in (50_000, len(whole)):
        pieces = [whole[start : start + size] for start in range(0, len(whole), size)]
        events = with_client(streaming(*pieces), tmp_path, watched)
        assert isinstance(events, list)
        assert [each.kind for each in events] == [
            WatchEventKind.ADDED,
            WatchEventKind.MODIFIED,
            WatchEventKind.BOOKMARK,
        ]
        assert events[1].object["metadata"]["name"] == long
        assert events[2].resource_version == "9"


EXPIRED = json.dumps(
    {"type": "ERROR", "object": {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old"}}
).encode()


@pytest.mark.parametrize(
    ("play", "error"),
    [
        (streaming(EXPIRED + b"\n"), Gone),
        (streaming(event("ADDED", "a"), cut=True), Unavailable),
        (streaming(b"nonsense\n"), Unavailable),
        (streaming(event("INVENTED", "a")), Unavailable),
        (answering(status(410, "Expired"))[0], Gone),
    ],
)
def test_a_watch_that_fails_says_how(tmp_path: Path, play: Play, error: type[KubeError]) -> None:
    with pytest.raises(error):
        with_client(play, tmp_path, watched)


def test_a_watch_that_falls_silent_is_unavailable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "_WATCH_SILENCE_SECONDS", 0.05)

    async def play(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await asyncio.sleep(60)  # longer than anybody listens
        return response

    with pytest.raises(Unavailable, match="silent"):
        with_client(play, tmp_path, watched)


def test_a_raw_path_is_absolute(tmp_path: Path) -> None:
    play, _ = answering(web.Response(text="ok"))
    answer = with_client(play, tmp_path, lambda c: c.raw("GET", "/readyz", query={"verbose": ""}))
    assert isinstance(answer, Answer)
    assert answer.body == b"ok"
    with pytest.raises(ValueError, match="absolute"):
        with_client(play, tmp_path, lambda c: c.raw("GET", "@evil.example/"))
