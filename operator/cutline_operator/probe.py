"""A TLS probe of the webhook, as an API server will call it.

Configurations under failurePolicy Fail that point to a webhook nobody can reach would stop every
gated change in the cluster. So before they are created the webhook must have answered at the very
address they will name, under a certificate that the very bundle they will carry verifies.
"""

import asyncio
import ssl
from dataclasses import dataclass
from typing import Final

import aiohttp

from cutline_operator.certificate_trial import trusting
from cutline_operator.webhook_address import WebhookAddress

_TIMEOUT_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """Whether the webhook answered; `problem` says why not, in words for a log."""

    problem: str = ""

    @property
    def succeeded(self) -> bool:
        return not self.problem


async def probe(address: WebhookAddress, bundle: str, *, wants_client_certificate: bool) -> ProbeResult:
    """Ask the webhook whether it is ready, trusting `bundle` (PEM) and nothing else.

    A webhook that wants a client certificate of its callers, which we do not have, ends the
    connection before it reads a request. Then the handshake, in which it proved who it is, must do.
    """
    try:
        context = trusting(bundle)
    except (ssl.SSLError, ValueError) as error:
        return ProbeResult(f"the bundle cannot be read: {error}")
    try:
        async with asyncio.timeout(_TIMEOUT_SECONDS):
            if wants_client_certificate:
                return await _shake_hands(address, context)
            return await _ask(f"{address.base}/readyz", context)
    except TimeoutError:
        return ProbeResult(f"{address.base} did not answer within {_TIMEOUT_SECONDS:g} s")
    except (aiohttp.ClientError, OSError) as error:
        # A connector's own text names the address of an object in memory, other in each.
        cause = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error
        return ProbeResult(f"{address.base}: {cause}")


async def _ask(url: str, context: ssl.SSLContext) -> ProbeResult:
    # Neither proxies nor redirections: the API server follows none.
    async with (
        aiohttp.ClientSession(trust_env=False) as session,
        session.get(url, ssl=context, allow_redirects=False) as response,
    ):
        return ProbeResult("" if response.status == 200 else f"{url} answered {response.status}")


async def _shake_hands(address: WebhookAddress, context: ssl.SSLContext) -> ProbeResult:
    _, writer = await asyncio.open_connection(address.host, address.port, ssl=context)
    writer.close()
    return ProbeResult()
