"""Kopf's part: it watches our own kinds and tells what happens to them. Nothing is decided here.

Only plain event handlers: no finalizers, no timers, no daemons, no state in annotations. The
admitted changes stand in one namespace and the others everywhere, and Kopf watches either one
namespace or all, so there are two of its operators in this process, each with what it may read.
"""

import asyncio
import os
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

import kopf

from cutline_operator.index import Index, Key, Kind

_EVERYWHERE: Final = (Kind.PROPOSAL, Kind.SIGNOFF, Kind.POLICY)

Touch = Callable[[Iterable[Key]], None]


async def watch_everywhere(index: Index, touch: Touch) -> None:
    """Watch proposals, sign-offs and policies until cancelled."""
    await kopf.operator(registry=_registry(_EVERYWHERE, index, touch), settings=_settings(), clusterwide=True)


async def watch_namespace(namespace: str, index: Index, touch: Touch) -> None:
    """Watch the admitted changes in our own namespace until cancelled."""
    registry = _registry((Kind.ADMITTED_CHANGE,), index, touch)
    await kopf.operator(registry=registry, settings=_settings(), namespaces=[namespace])


def _registry(watched: Sequence[Kind], index: Index, touch: Touch) -> kopf.OperatorRegistry:
    registry = kopf.OperatorRegistry()
    kopf.on.login(registry=registry, errors=kopf.ErrorsMode.TEMPORARY)(_log_in)
    for kind in watched:
        ref = kind.ref
        kopf.on.event(ref.group, ref.version, ref.plural, registry=registry, id=ref.plural)(
            _handler(kind, index, touch)
        )
    return registry


def _handler(kind: Kind, index: Index, touch: Touch) -> Callable[..., Any]:
    async def handle(event: kopf.RawEvent, **_: Any) -> None:
        tree: Any = event["object"]
        touch(index.remove(kind, tree) if event["type"] == "DELETED" else index.put(kind, tree))

    return handle


def _settings() -> kopf.OperatorSettings:
    settings = kopf.OperatorSettings()
    settings.posting.enabled = False  # events are ours to word
    settings.scanning.disabled = True  # our kinds are served before this starts; no watch of definitions
    settings.peering.standalone = True
    settings.watching.chunk_size = 500
    settings.queueing.idle_timeout = 1.0  # handlers keep nothing that an ending worker would lose
    settings.queueing.exit_timeout = 0.5
    return settings


def _log_in(**arguments: Any) -> kopf.ConnectionInfo | None:
    """The credentials that everything else in this process uses."""
    if os.environ.get("KUBECONFIG"):
        return kopf.login_with_kubeconfig(**arguments)
    return kopf.login_with_service_account(**arguments) or kopf.login_with_kubeconfig(**arguments)


async def cancelled(tasks: Sequence["asyncio.Task[None]"]) -> None:
    """Cancel tasks and wait until they have ended."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
