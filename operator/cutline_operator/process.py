"""The process: what runs in it, and how it ends."""

import asyncio
import logging
import signal
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack
from typing import Final

from cutline.api.settings import CertificateOrigin, InstallationSettings
from cutline.kube.client import KubeClient
from cutline.process.clock import utc_now
from cutline.process.listen_address import ListenAddress
from cutline_operator.certificate_keeper import CertificateKeeper
from cutline_operator.certificate_notices import CertificateNotices
from cutline_operator.certificate_source import Source
from cutline_operator.certificate_steps import Patience
from cutline_operator.certificate_store import SecretStore
from cutline_operator.configure import Configurator
from cutline_operator.events import EventRecorder
from cutline_operator.given_certificate import GivenCertificate
from cutline_operator.index import Index
from cutline_operator.installation import Installation
from cutline_operator.listener import Listener
from cutline_operator.metrics import Metrics
from cutline_operator.own_authority import OwnAuthority
from cutline_operator.probe import ProbeResult, probe
from cutline_operator.replicas import Replicas
from cutline_operator.sweep import Sweep
from cutline_operator.watching import Watching
from cutline_operator.webhook_address import WebhookAddress
from cutline_operator.webhook_configurations import Connection
from cutline_operator.worker import Worker

_log = logging.getLogger(__name__)

# An operator whose passes have failed for this long cannot do what it is there for.
_READY_SECONDS: Final = 60.0
# Nobody waits for the operator's answers, so it may wait longer for the API server than the gate.
_TIMEOUT_SECONDS: Final = 10.0


async def run(settings: InstallationSettings, address: WebhookAddress, listen: ListenAddress) -> None:
    """Run until SIGTERM or SIGINT, or until a part that must not end has ended (and raises why)."""
    metrics = Metrics()
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(
            await KubeClient.connect(user_agent="cutline-operator", timeout=_TIMEOUT_SECONDS)
        )
        recorder = EventRecorder(client, utc_now)
        installation = _installation(client, settings, address, recorder, metrics)
        watching = _watching(client, settings, recorder, metrics)

        def unready() -> Sequence[str]:
            return tuple(_missing(installation, watching))

        listener = Listener(metrics, unready)
        stack.push_async_callback(listener.close)
        await listener.start(listen.host, listen.port)
        _log.info("listening on %s:%d", listen.host, listen.port)
        await _until_stopped(
            asyncio.create_task(installation.run(), name="installation"),
            asyncio.create_task(watching.run(), name="watching"),
        )


def _missing(installation: Installation, watching: Watching) -> Iterator[str]:
    if installation.age >= _READY_SECONDS:
        yield "the installation has not been looked after for a minute"
    if not watching.is_filled:
        yield "proposals, sign-offs, admitted changes and policies have not been read yet"


def _watching(
    client: KubeClient, settings: InstallationSettings, recorder: EventRecorder, metrics: Metrics
) -> Watching:
    index = Index()
    worker = Worker(client, settings, index, recorder, metrics, utc_now)
    return Watching(client, settings.namespace, index, Sweep(worker.do, metrics, utc_now))


def _installation(
    client: KubeClient,
    settings: InstallationSettings,
    address: WebhookAddress,
    recorder: EventRecorder,
    metrics: Metrics,
) -> Installation:
    wants_client_certificate = bool(settings.endpoint.client_ca)

    async def probe_webhook(connection: Connection) -> ProbeResult:
        return await probe(connection.address, connection.bundle, wants_client_certificate=wants_client_certificate)

    replicas = Replicas(client, wants_client_certificate=wants_client_certificate)
    configurator = Configurator(client, probe_webhook, replicas.verify, recorder, metrics)
    keeper = _keeper(client, settings, address, recorder, metrics)
    return Installation(client, settings, address, keeper, configurator, metrics)


def _keeper(
    client: KubeClient,
    settings: InstallationSettings,
    address: WebhookAddress,
    recorder: EventRecorder,
    metrics: Metrics,
) -> CertificateKeeper:
    wanted = settings.certificates
    store = SecretStore(client, settings.namespace)
    source: Source
    if wanted.origin is CertificateOrigin.OPERATOR:
        source = OwnAuthority(store, address.names)
    else:
        source = GivenCertificate(store, wanted.secret, wanted.ca_bundle, address.host)
    patience = Patience(wanted.announce_for, wanted.trust_former_for)
    notices = CertificateNotices(recorder, metrics, settings.namespace, source.secret_name(), wanted.renew_before)
    return CertificateKeeper(store, source, patience, notices, utc_now)


async def _until_stopped(*tasks: "asyncio.Task[None]") -> None:
    """Wait for a signal or for the first task to end, then end all of them."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    waiter = asyncio.create_task(stopped.wait(), name="signal")
    done, _ = await asyncio.wait((waiter, *tasks), return_when=asyncio.FIRST_COMPLETED)
    _log.info("ending")
    for task in (waiter, *tasks):
        task.cancel()
    await asyncio.gather(waiter, *tasks, return_exceptions=True)
    for task in done - {waiter}:
        task.result()
