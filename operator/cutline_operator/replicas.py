"""Whether every replica of the webhook can be verified without an authority that is to go.

A request through the Service meets one replica of several. So each is asked by its own address, under
the Service's name. Where the webhook is outside the cluster its one address has to do.
"""

import asyncio
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, Final

from cutline.kube.client import KubeClient
from cutline.kube.resources import ENDPOINT_SLICES, JsonObject
from cutline_operator.certificate_trial import trusting
from cutline_operator.probe import ProbeResult, probe
from cutline_operator.webhook_address import WebhookAddress
from cutline_operator.webhook_configurations import Connection

_TIMEOUT_SECONDS: Final = 3.0
_PORT_NAME: Final = "https"


@dataclass(frozen=True, slots=True)
class Replica:
    """One endpoint of the Service. API servers may be led to those that are `in_service`."""

    host: str
    port: int
    in_service: bool


class _Finding(Enum):
    VERIFIED = auto()
    REFUTED = auto()
    NOBODY = auto()
    """Nothing listens there. What begins to, reads its certificate first."""
    SILENT = auto()


class Replicas:
    """Asks all replicas of one installation."""

    def __init__(self, client: KubeClient, *, wants_client_certificate: bool) -> None:
        self._client = client
        self._wants_client_certificate = wants_client_certificate

    async def verify(self, connection: Connection) -> ProbeResult:
        """Whether each serves under the connection's bundle; with no replica at all, no. Raises `KubeError`."""
        address = connection.address
        if address.url:
            wants = self._wants_client_certificate
            return await probe(address, connection.bundle, wants_client_certificate=wants)
        selector = f"kubernetes.io/service-name={address.service}"
        slices = await self._client.list(ENDPOINT_SLICES, address.namespace, label_selector=selector)
        replicas = [replica for tree in slices for replica in replicas_of(tree)]
        findings = await asyncio.gather(*(_ask(replica, address, connection.bundle) for replica in replicas))
        return judged(list(zip(replicas, findings, strict=True)))


def replicas_of(endpoint_slice: JsonObject) -> Iterator[Replica]:
    """The endpoints in an EndpointSlice, ready or not."""
    ports = [port for port in endpoint_slice.get("ports") or () if port.get("name") == _PORT_NAME]
    for endpoint in endpoint_slice.get("endpoints") or ():
        for address in endpoint.get("addresses") or ():
            for port in ports:
                yield Replica(str(address), int(port["port"]), _is_in_service(endpoint.get("conditions") or {}))


def _is_in_service(conditions: Mapping[str, Any]) -> bool:
    """Terminating endpoints serve on while there are no others."""
    return any(conditions.get(name) is not False for name in ("ready", "serving"))


def judged(found: list[tuple[Replica, _Finding]]) -> ProbeResult:
    """The findings about all replicas in one."""
    against = [
        f"{replica.host} {'serves under another authority' if finding is _Finding.REFUTED else 'does not answer'}"
        for replica, finding in found
        if finding is _Finding.REFUTED or (finding is _Finding.SILENT and replica.in_service)
    ]
    if against:
        return ProbeResult("; ".join(sorted(against)))
    verified = any(finding is _Finding.VERIFIED for _, finding in found)
    return ProbeResult("" if verified else "no replica answers")


async def _ask(replica: Replica, address: WebhookAddress, bundle: str) -> _Finding:
    try:
        async with asyncio.timeout(_TIMEOUT_SECONDS):
            _, writer = await asyncio.open_connection(
                replica.host, replica.port, ssl=trusting(bundle), server_hostname=address.host
            )
            writer.close()
    except ssl.SSLCertVerificationError:
        return _Finding.REFUTED
    except ConnectionRefusedError:
        return _Finding.NOBODY
    except (OSError, TimeoutError):
        return _Finding.SILENT
    return _Finding.VERIFIED
