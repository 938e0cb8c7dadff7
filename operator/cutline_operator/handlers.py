"""Kopf's part: it watches our own kinds and tells what happens to them. Nothing is decided here.

Only plain event handlers: no finalizers, no timers, no daemons, no state in annotations. The
admitted changes stand in one namespace and the others everywhere, and Kopf watches either one
namespace or all, so there are two of its operators, each with what it may read.

Each has a thread and an event loop of its own: when Kopf ends, it ends every task that it finds
in its loop, and in the main thread it takes the signals for itself. What it sees is handed to our
loop, where the index lives.
"""

import asyncio
import os
import threading
from collections.abc import Callable, Sequence
from typing import Any, Final

import kopf

from cutline_operator import logs
from cutline_operator.index import Kind

EVERYWHERE: Final = (Kind.PROPOSAL, Kind.SIGNOFF, Kind.POLICY)
IN_OUR_NAMESPACE: Final = (Kind.ADMITTED_CHANGE,)

Deliver = Callable[[Kind, str | None, Any], None]
"""Takes what happened (ADDED, MODIFIED, DELETED; None for what was there) to which object."""

# Kopf waits five seconds for tasks that its own end has robbed of their credentials. Nothing of ours is in them:
# no handler has anything to finish, and the thread ends with the process.
_END_SECONDS: Final = 1.0


async def watch(kinds: Sequence[Kind], namespace: str | None, deliver: Deliver) -> None:
    """Watch `kinds`, in one namespace or everywhere, until cancelled; `deliver` is called in this loop."""
    loop = asyncio.get_running_loop()
    stop, ended = threading.Event(), loop.create_future()

    def finish(error: BaseException | None) -> None:
        if not ended.done():
            ended.set_result(error)

    def run() -> None:
        try:
            asyncio.run(_operate(kinds, namespace, stop, _into(loop, deliver)))
        except BaseException as error:
            loop.call_soon_threadsafe(finish, error)
        else:
            loop.call_soon_threadsafe(finish, None)

    threading.Thread(target=run, name=f"kopf-{kinds[0].ref.plural}", daemon=True).start()
    try:
        error = await asyncio.shield(ended)
        raise RuntimeError("Kopf ended by itself") from error
    finally:
        logs.hush_kopf()
        stop.set()
        await asyncio.wait((ended,), timeout=_END_SECONDS)


def _into(loop: asyncio.AbstractEventLoop, deliver: Deliver) -> Deliver:
    """`deliver`, to be called from another thread."""

    def hand_over(kind: Kind, what: str | None, tree: Any) -> None:
        loop.call_soon_threadsafe(deliver, kind, what, tree)

    return hand_over


async def _operate(kinds: Sequence[Kind], namespace: str | None, stop: threading.Event, deliver: Deliver) -> None:
    await kopf.operator(
        registry=_registry(kinds, deliver),
        settings=_settings(),
        clusterwide=namespace is None,
        namespaces=() if namespace is None else (namespace,),
        stop_flag=stop,
    )


def _registry(kinds: Sequence[Kind], deliver: Deliver) -> kopf.OperatorRegistry:
    registry = kopf.OperatorRegistry()
    kopf.on.login(registry=registry, errors=kopf.ErrorsMode.TEMPORARY)(_log_in)
    for kind in kinds:
        ref = kind.ref
        kopf.on.event(ref.group, ref.version, ref.plural, registry=registry, id=ref.plural)(_handler(kind, deliver))
    return registry


def _handler(kind: Kind, deliver: Deliver) -> Callable[..., Any]:
    async def handle(event: kopf.RawEvent, **_: Any) -> None:
        deliver(kind, event["type"], event["object"])

    return handle


def _settings() -> kopf.OperatorSettings:
    settings = kopf.OperatorSettings()
    settings.posting.enabled = False  # events are ours to word
    settings.scanning.disabled = True  # our kinds are served before this starts; no watch of definitions
    settings.peering.standalone = True
    settings.watching.chunk_size = 500
    return settings


def _log_in(**arguments: Any) -> kopf.ConnectionInfo | None:
    """The credentials that everything else in this process uses."""
    if os.environ.get("KUBECONFIG"):
        return kopf.login_with_kubeconfig(**arguments)
    return kopf.login_with_service_account(**arguments) or kopf.login_with_kubeconfig(**arguments)
