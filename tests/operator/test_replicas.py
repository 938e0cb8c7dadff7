"""Every replica is asked by its own address before an authority is trusted no longer."""

import asyncio
import ssl
import tempfile
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from cutline.kube.client import KubeClient
from cutline_operator.certificates import KeyPair, issue, make_authority
from cutline_operator.probe import ProbeResult
from cutline_operator.replicas import Replica, Replicas, replicas_of
from cutline_operator.webhook_address import WebhookAddress
from cutline_operator.webhook_configurations import Connection

ADDRESS = WebhookAddress("", "cutline-webhook", 443, "cutline-system")
NOW = datetime.now(UTC)
FORMER, CURRENT = make_authority(NOW), make_authority(NOW)


def endpoint(port: int, **conditions: bool) -> dict[str, Any]:
    """One EndpointSlice with one endpoint on this machine."""
    return {
        "ports": [{"name": "metrics", "port": 1}, {"name": "https", "port": port}],
        "endpoints": [{"addresses": ["127.0.0.1"], "conditions": conditions}],
    }


class Slices:
    """A client that lists these EndpointSlices."""

    def __init__(self, trees: list[dict[str, Any]]) -> None:
        self.trees = trees
        self.selector = ""

    async def list(self, ref: object, namespace: str, *, label_selector: str) -> list[dict[str, Any]]:
        self.selector = label_selector
        return self.trees


def context_of(serving: KeyPair) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.NamedTemporaryFile("w") as file:
        file.write(serving.certificate_pem + serving.key_pem)
        file.flush()
        context.load_cert_chain(file.name)
    return context


def verified(*replicas: tuple[KeyPair | None, dict[str, bool]]) -> ProbeResult:
    """What is found of replicas that serve under these authorities (None: nobody listens)."""

    async def scenario() -> ProbeResult:
        servers, slices = [], []
        for authority, conditions in replicas:
            if authority is None:
                slices.append(endpoint(1, **conditions))
                continue
            tls = context_of(issue(authority, ADDRESS.names, NOW))
            server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0, ssl=tls)
            servers.append(server)
            slices.append(endpoint(server.sockets[0].getsockname()[1], **conditions))
        client = Slices(slices)
        try:
            asked = Replicas(cast("KubeClient", client), wants_client_certificate=False)
            result = await asked.verify(Connection(ADDRESS, "ab", CURRENT.certificate_pem))
            assert client.selector == "kubernetes.io/service-name=cutline-webhook"
            return result
        finally:
            for server in servers:
                server.close()

    return asyncio.run(scenario())


READY = {"ready": True, "serving": True}
UNREADY = {"ready": False, "serving": False}


@pytest.mark.parametrize(
    ("replicas", "problem"),
    [
        ([(CURRENT, READY), (CURRENT, READY)], ""),
        ([(CURRENT, READY), (FORMER, READY)], "serves under another authority"),
        # It will be ready again, perhaps before it has read its Secret again.
        ([(CURRENT, READY), (FORMER, UNREADY)], "serves under another authority"),
        # Whoever begins to listen reads its Secret first.
        ([(CURRENT, READY), (None, READY)], ""),
        ([(None, READY)], "no replica answers"),
        ([], "no replica answers"),
    ],
)
def test_all_must_be_verified_and_one_at_least(
    replicas: list[tuple[KeyPair | None, dict[str, bool]]], problem: str
) -> None:
    result = verified(*replicas)
    assert problem in result.problem
    assert result.succeeded is not bool(problem)


def test_terminating_replicas_are_asked_while_they_serve() -> None:
    (found,) = replicas_of(endpoint(8443, ready=False, serving=True, terminating=True))
    assert found == Replica("127.0.0.1", 8443, in_service=True)
    (gone,) = replicas_of(endpoint(8443, ready=False, serving=False))
    assert not gone.in_service
    assert next(replicas_of(endpoint(8443))).in_service
    assert list(replicas_of({"ports": None, "endpoints": None})) == []
