"""The rehearsal's proxy: whom it serves, what it forwards, what it hears."""

import asyncio
import json
import stat
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import pytest
import yaml
from aiohttp import web

from cutline.kube.connection import Endpoint, TokenSource
from cutline_cli.rehearsal.denials import Denial
from cutline_cli.rehearsal.proxy import Rehearsal, rehearsing
from tests.cli.samples import scale_down_change

Scenario = Callable[[Rehearsal, aiohttp.ClientSession, str], Awaitable[None]]


class _UsersToken(TokenSource):
    """The credential of the user who runs the command."""

    def __init__(self) -> None:
        """Hold nothing."""

    async def header(self) -> str:
        return "Bearer users-own"


class Upstream:
    """An API server that notes what reaches it."""

    def __init__(self, answer: Callable[[web.Request], Awaitable[web.StreamResponse]] | None = None) -> None:
        self.seen: list[tuple[str, str, dict[str, str], bytes]] = []
        self._answer = answer

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.seen.append((request.method, request.raw_path, dict(request.headers), await request.read()))
        return await self._answer(request) if self._answer else web.json_response({"kind": "Thing"})


def rehearse(upstream: Upstream, scenario: Scenario, namespace: str = "shop") -> None:
    """Run `scenario` with a proxy before `upstream`, a client, and the proxy's address."""

    async def run() -> None:
        application = web.Application()
        application.router.add_route("*", "/{path:.*}", upstream.handle)
        runner = web.AppRunner(application, shutdown_timeout=0.01)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        try:
            endpoint = Endpoint(f"http://127.0.0.1:{runner.addresses[0][1]}", "shop", None, None, None)
            async with rehearsing(endpoint, _UsersToken(), namespace) as rehearsal, aiohttp.ClientSession() as client:
                await scenario(rehearsal, client, address_of(rehearsal))
        finally:
            await runner.cleanup()

    asyncio.run(asyncio.wait_for(run(), 20))


def address_of(rehearsal: Rehearsal) -> str:
    config = yaml.safe_load(rehearsal.kubeconfig.read_text())
    address: str = config["clusters"][0]["cluster"]["server"]
    return address


def test_it_is_for_the_owner_of_the_kubeconfig_alone() -> None:
    upstream = Upstream()

    async def scenario(rehearsal: Rehearsal, client: aiohttp.ClientSession, address: str) -> None:
        assert stat.S_IMODE(rehearsal.kubeconfig.stat().st_mode) == 0o600
        assert stat.S_IMODE(rehearsal.folder.stat().st_mode) == 0o700
        assert address.startswith("http://127.0.0.1:")
        base = address.rsplit("/", 1)[0]
        for path in ("/api", "/", "/wrong/api", "/" + "x" * 43 + "/api"):
            async with client.get(base + path) as answer:
                assert answer.status == 403
        async with client.get(address + "/api") as answer:
            assert answer.status == 200

    rehearse(upstream, scenario)
    assert [path for _, path, _, _ in upstream.seen] == ["/api"]


def test_its_kubeconfig_is_json_so_that_no_name_is_read_as_a_number() -> None:
    """kubectl takes a bare 901e71, which PyYAML writes for that namespace's name, for a number."""
    kept: list[object] = []

    async def scenario(rehearsal: Rehearsal, client: aiohttp.ClientSession, address: str) -> None:
        kept.append(json.loads(rehearsal.kubeconfig.read_text())["contexts"][0]["context"]["namespace"])

    rehearse(Upstream(), scenario, namespace="901e71")
    assert kept == ["901e71"]


def test_it_leaves_nothing_behind() -> None:
    kept: list[Rehearsal] = []

    async def scenario(rehearsal: Rehearsal, client: aiohttp.ClientSession, address: str) -> None:
        kept.append(rehearsal)

    rehearse(Upstream(), scenario)
    assert not kept[0].folder.exists()


def test_it_speaks_as_the_user() -> None:
    upstream = Upstream()

    async def scenario(rehearsal: Rehearsal, client: aiohttp.ClientSession, address: str) -> None:
        headers = {"Authorization": "Bearer somebody-else", "X-Custom": "kept", "User-Agent": "kubectl/v1"}
        async with client.get(address + "/api/v1/pods?limit=5", headers=headers) as answer:
            assert await answer.json() == {"kind": "Thing"}

    rehearse(upstream, scenario)
    _, path, headers, _ = upstream.seen[0]
    assert path == "/api/v1/pods?limit=5"
    assert headers["Authorization"] == "Bearer users-own"
    assert (headers["X-Custom"], headers["User-Agent"]) == ("kept", "kubectl/v1")


def test_a_body_without_a_type_stays_without_one() -> None:
    """As `kubectl scale --current-replicas` sends it; the API server takes it for JSON."""
    upstream = Upstream()

    async def scenario(rehearsal: Rehearsal, client: aiohttp.ClientSession, address: str) -> None:
        async with client.put(address + "/api/v1/pods/x", data=b"{}", skip_auto_headers=["Content-Type"]) as answer:
            assert answer.status == 200

    rehearse(upstream, scenario)
    assert "Content-Type" not in upstream.seen[0][2]
    assert upstream.seen[0][3] == b"{}"


def test_only_dry_runs_get_through() -> None:
    upstream = Upstream()
    pod = "/api/v1/namespaces/shop/pods/web-0"

    async def scenario(rehearsal: Rehearsal, client: aiohttp.ClientSession, address: str) -> None:
        requests: list[tuple[str, str, Any, int]] = [
            ("PATCH", pod, {"spec": {}}, 200),
            ("PUT", f"{pod}?dryRun=None", {"spec": {}}, 200),
            ("POST", f"{pod}/eviction", {}, 200),
            ("DELETE", pod, {"dryRun": ["All"]}, 200),
            ("DELETE", pod, {"propagationPolicy": "Background"}, 403),
            ("DELETE", f"{pod}?dryRun=All", {"gracePeriodSeconds": 0}, 403),
            ("POST", f"{pod}/exec?command=rm", None, 403),
        ]
        for method, path, body, code in requests:
            async with client.request(method, address + path, json=body) as answer:
                assert answer.status == code, (method, path)
        async with client.delete(address + pod, data=b"x", headers={"Content-Encoding": "gzip"}) as answer:
            assert answer.status in (400, 415)

    rehearse(upstream, scenario)
    assert [(method, path) for method, path, _, _ in upstream.seen] == [
        ("PATCH", f"{pod}?dryRun=All"),
        ("PUT", f"{pod}?dryRun=All"),
        ("POST", f"{pod}/eviction?dryRun=All"),
        ("DELETE", f"{pod}?dryRun=All"),
    ]


def test_denials_are_heard_and_passed_on() -> None:
    change = scale_down_change()
    verdict = {"conclusion": "Unsigned", "reason": "NoProposal", "effects": ["ScaleDown"], "action": "ScaleDown"}
    causes = [
        {"reason": "CutlineVerdict", "message": json.dumps(verdict)},
        {"reason": "CutlineChange", "message": change.canonical},
    ]
    status = {"kind": "Status", "message": "denied", "code": 403, "details": {"causes": causes}}

    async def deny(request: web.Request) -> web.StreamResponse:
        return web.json_response(status, status=403)

    async def scenario(rehearsal: Rehearsal, client: aiohttp.ClientSession, address: str) -> None:
        async with client.patch(address + "/apis/apps/v1/namespaces/shop/deployments/checkout", json={}) as answer:
            assert answer.status == 403
            assert await answer.json() == status
        (denial,) = rehearsal.findings.denials
        assert isinstance(denial, Denial)
        assert denial.change == change
        assert rehearsal.findings.changed.is_set()

    upstream = Upstream(deny)
    rehearse(upstream, scenario)
    # Whatever the client would take, a denial has to be readable here.
    assert upstream.seen[0][2]["Accept"] == "application/json"


def test_a_watch_streams_while_it_lasts() -> None:
    async def watch(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b'{"type":"ADDED"}\n')
        # It never ends by itself: what came must have been passed on before.
        await asyncio.sleep(60)
        return response

    async def scenario(rehearsal: Rehearsal, client: aiohttp.ClientSession, address: str) -> None:
        async with client.get(address + "/api/v1/pods?watch=true") as answer:
            assert await asyncio.wait_for(answer.content.readline(), 5) == b'{"type":"ADDED"}\n'

    rehearse(Upstream(watch), scenario)


def test_an_unreachable_api_server_is_an_answer_too() -> None:
    async def scenario() -> None:
        endpoint = Endpoint("http://127.0.0.1:1", "shop", None, None, None)
        async with (
            rehearsing(endpoint, _UsersToken(), "shop") as rehearsal,
            aiohttp.ClientSession() as client,
            client.get(address_of(rehearsal) + "/api") as answer,
        ):
            assert answer.status == 502
            assert (await answer.json())["kind"] == "Status"

    asyncio.run(scenario())


@pytest.mark.parametrize("method", ["OPTIONS", "TRACE"])
def test_other_methods_are_refused_here(method: str) -> None:
    upstream = Upstream()

    async def scenario(rehearsal: Rehearsal, client: aiohttp.ClientSession, address: str) -> None:
        async with client.request(method, address + "/api/v1/pods") as answer:
            assert answer.status == 403

    rehearse(upstream, scenario)
    assert not upstream.seen
