"""One webhook process, put together: what it is made of, how it starts and how it ends."""

import asyncio
import contextlib
import logging
import signal
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

from cutline.api.settings import InstallationSettings
from cutline.kube.access import AccessReviewer
from cutline.kube.client import KubeClient
from cutline.kube.world import WorldReader
from cutline.process.clock import utc_now
from cutline.process.listen_address import ListenAddress
from cutline_webhook.app import App
from cutline_webhook.drafting import Drafter
from cutline_webhook.gate import Gate
from cutline_webhook.guarding import Guard
from cutline_webhook.identity import ServingIdentity
from cutline_webhook.metrics import Metrics
from cutline_webhook.open_files import allow_open_files
from cutline_webhook.policies import PolicyStore
from cutline_webhook.probes import probes
from cutline_webhook.proposing import ProposalMaker
from cutline_webhook.readiness import Readiness
from cutline_webhook.server import Limits, Server
from cutline_webhook.stamping import Stamper
from cutline_webhook.tls import serving_context

_log = logging.getLogger(__name__)

DRAIN_SECONDS = 10.0  # the API server gives up a review after five


class EndedByItself(RuntimeError):
    """A part that must not end before the process has ended."""


async def serve(settings: InstallationSettings, listen: ListenAddress, metrics_listen: ListenAddress) -> None:
    """Run until SIGTERM or SIGINT, then answer what is in flight and return.

    Where a part ends that must not, the same follows, and then `EndedByItself` is raised.
    """
    allow_open_files()
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    async with await KubeClient.connect(user_agent="cutline-webhook") as client:
        await _serve(client, settings, listen, metrics_listen, stopping)


async def _serve(
    client: KubeClient,
    settings: InstallationSettings,
    listen: ListenAddress,
    metrics_listen: ListenAddress,
    stopping: asyncio.Event,
) -> None:
    metrics = Metrics()
    context = serving_context(settings.endpoint.client_ca or None)
    identity = ServingIdentity(client, settings.namespace, context, metrics)
    policies = PolicyStore(client)
    readiness = Readiness(client, identity, policies, stopping.is_set)
    metrics.watch_clock(lambda: client.clock_skew)
    metrics.watch_policies(policies.age)
    app, drafter = _app(client, settings, identity, policies, readiness, metrics)
    server = Server(app.handle, context, refuse_early=app.refuse_early)
    probe_server = Server(probes(metrics, readiness.unready), None, Limits(body_bytes=0))
    async with background(stopping.set, identity=identity.run(), policies=policies.run(), drafter=drafter.run()):
        await probe_server.start(metrics_listen.host, metrics_listen.port)
        port = await server.start(listen.host, listen.port)
        _log.info("listening", extra={"host": listen.host, "port": port})
        await stopping.wait()
        _log.info("stopping")
        await server.drain(DRAIN_SECONDS)
        await probe_server.drain(1.0)


def _app(
    client: KubeClient,
    settings: InstallationSettings,
    identity: ServingIdentity,
    policies: PolicyStore,
    readiness: Readiness,
    metrics: Metrics,
) -> tuple[App, Drafter]:
    reader = WorldReader(client, settings.namespace)
    reviewer = AccessReviewer(client)
    maker = ProposalMaker(settings, reader, reviewer)
    drafter = Drafter(client, maker, reader, policies, settings.namespace, utc_now)
    app = App(
        Gate(client, settings, policies.current, utc_now),
        Stamper(maker, reader, policies.current, utc_now),
        Guard(settings, reader, reviewer, utc_now),
        drafter,
        metrics,
        unready=readiness.unable_to_decide,
        secret_path=lambda: identity.path,
        system_namespace=settings.namespace,
        client_names=settings.endpoint.client_names,
        verifies_clients=bool(settings.endpoint.client_ca),
    )
    return app, drafter


@contextlib.asynccontextmanager
async def background(stop: Callable[[], None], **work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run `work` beside a block, and end it with the block. What ends before has failed: it calls `stop`."""
    tasks = [asyncio.create_task(one, name=name) for name, one in work.items()]
    for task in tasks:
        task.add_done_callback(lambda _: stop())
    try:
        yield
        for task in tasks:
            if task.done():
                raise EndedByItself(f"{task.get_name()} ended by itself") from task.exception()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
