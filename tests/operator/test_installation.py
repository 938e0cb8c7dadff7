"""What an installation remembers, where its webhook is, and how that is proved."""

import asyncio
import ssl
import tempfile
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import aiohttp
import pytest
from aiohttp import web

from cutline.api.settings import Endpoint, InstallationSettings, load_settings
from cutline.domain.errors import BadObject
from cutline_operator.certificate_keeper import CertificateStatus, State
from cutline_operator.certificates import KeyPair, issue, make_authority
from cutline_operator.installation_notes import Progress, progress_of
from cutline_operator.listener import Listener
from cutline_operator.metrics import Metrics
from cutline_operator.owner import Owner
from cutline_operator.probe import ProbeResult, probe
from cutline_operator.webhook_address import WebhookAddress, address_of

OWNER = Owner("rbac.authorization.k8s.io/v1", "ClusterRole", "cutline-operator", "uid-1")
CONFIG = """
namespace: cutline-system
webhookServiceAccount: cutline-webhook
operatorServiceAccount: cutline-operator
humans: {userGroups: [sre]}
webhook: {externalURL: "%s", service: {name: cutline-webhook, port: 443}}
owner: {apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, name: cutline-operator}
starterPolicy: {enabled: false}
"""


def settings(url: str = "") -> InstallationSettings:
    return load_settings(CONFIG % url)


def test_remembers_what_was_done_for_this_installation_alone() -> None:
    done = Progress(True, True, CertificateStatus(State.BLOCKED, "the secret is missing"))
    stored = {"data": done.as_data(OWNER)}
    assert progress_of(stored, OWNER) == done
    assert progress_of(stored, Owner("v1", "ClusterRole", "cutline-operator", "uid-2")) == Progress()
    assert progress_of(None, OWNER) == Progress()


def test_the_address_is_the_url_or_the_service() -> None:
    by_url = address_of(settings("https://gate.example:8443/base/"))
    assert (by_url.base, by_url.host, by_url.port) == ("https://gate.example:8443/base", "gate.example", 8443)
    by_service = address_of(settings())
    assert by_service.base == "https://cutline-webhook.cutline-system.svc:443"
    assert by_service.names == {
        "cutline-webhook.cutline-system.svc",
        "cutline-webhook.cutline-system.svc.cluster.local",
    }
    assert "gate.example" in by_url.names
    assert address_of(settings("https://[2001:db8::1]:8443")).host == "2001:db8::1"


@pytest.mark.parametrize("url", ["http://gate", "https://", "https://me@gate", "https://gate/?x", "https://gate:x"])
def test_an_address_that_the_api_server_would_refuse_is_refused_by_name(url: str) -> None:
    with pytest.raises(BadObject, match=r"webhook\.externalURL"):
        address_of(settings(url))


NOW = datetime.now(UTC)
AUTHORITY = make_authority(NOW)
NAMES = frozenset({"127.0.0.1"})

Use = Callable[[WebhookAddress], Awaitable[ProbeResult]]


def probed(serving: KeyPair, status: int, use: Use, *, client_certificate: bool = False) -> ProbeResult:
    """The result of `use` on a webhook that serves like this."""

    async def answer(request: web.Request) -> web.Response:
        return web.Response(status=status)

    async def scenario() -> ProbeResult:
        app = web.Application()
        app.router.add_get("/readyz", answer)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=_server_context(serving, client_certificate))
        await site.start()
        port = runner.addresses[0][1]
        try:
            return await use(WebhookAddress(f"https://127.0.0.1:{port}", "s", 443, "n"))
        finally:
            await runner.cleanup()

    return asyncio.run(scenario())


def _server_context(serving: KeyPair, client_certificate: bool) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.NamedTemporaryFile("w") as file:
        file.write(serving.certificate_pem + serving.key_pem)
        file.flush()
        context.load_cert_chain(file.name)
    if client_certificate:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(cadata=AUTHORITY.certificate_pem)
    return context


async def ask(address: WebhookAddress) -> ProbeResult:
    return await probe(address, AUTHORITY.certificate_pem, wants_client_certificate=False)


async def ask_without_certificate(address: WebhookAddress) -> ProbeResult:
    return await probe(address, AUTHORITY.certificate_pem, wants_client_certificate=True)


def test_a_ready_webhook_passes_the_probe() -> None:
    assert probed(issue(AUTHORITY, NAMES, NOW), 200, ask).succeeded


def test_one_that_is_not_ready_does_not() -> None:
    assert "503" in probed(issue(AUTHORITY, NAMES, NOW), 503, ask).problem


def test_nor_one_of_another_authority_or_name() -> None:
    assert not probed(issue(make_authority(NOW), NAMES, NOW), 200, ask).succeeded
    assert not probed(issue(AUTHORITY, frozenset({"127.0.0.2"}), NOW), 200, ask).succeeded
    assert not probed(issue(make_authority(NOW), NAMES, NOW), 200, ask_without_certificate).succeeded


def test_a_webhook_that_asks_for_a_client_certificate_passes_by_its_own() -> None:
    serving = issue(AUTHORITY, NAMES, NOW)
    assert probed(serving, 200, ask_without_certificate, client_certificate=True).succeeded


def test_nobody_there_is_no_success() -> None:
    assert not asyncio.run(ask(WebhookAddress("https://127.0.0.1:1", "s", 443, "n"))).succeeded


def test_a_settings_endpoint_is_all_that_an_address_needs() -> None:
    assert settings().endpoint == Endpoint("", "cutline-webhook", 443, "", frozenset())


def test_the_listener_says_what_is_missing() -> None:
    async def scenario() -> None:
        missing: list[str] = ["the world"]
        listener = Listener(Metrics(), lambda: missing)
        await listener.start("127.0.0.1", 0)
        try:
            assert listener.port
            base = f"http://127.0.0.1:{listener.port}"
            async with aiohttp.ClientSession() as session:
                async with session.get(f"{base}/readyz") as response:
                    assert (response.status, await response.text()) == (503, "the world")
                missing.clear()
                async with session.get(f"{base}/readyz") as response:
                    assert response.status == 200
                async with session.get(f"{base}/livez") as response:
                    assert response.status == 200
                async with session.get(f"{base}/metrics") as response:
                    assert "cutline_emergencies_open 0.0" in await response.text()
        finally:
            await listener.close()

    asyncio.run(scenario())
