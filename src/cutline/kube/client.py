"""The async client of the Kubernetes API, the only code of ours that talks to an API server.

Objects go in and come out as they are on the wire. Reads are consistent: none is served from a
cache, ours or the API server's. Nothing is retried here (see `transport`).

Every method raises a `KubeError` (`cutline.kube.errors`) and nothing else for what can go wrong
outside this process.
"""

# ruff: noqa: ASYNC109 - a deadline here spans credentials, connection and answer, and has a default

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, Final, Self

import msgspec

from cutline.kube import connection
from cutline.kube.errors import NO_ANSWER, Gone, Unavailable
from cutline.kube.resources import JsonObject, ResourceRef
from cutline.kube.transport import Answer, Exchange, OnWarning, Transport
from cutline.kube.watch import WatchEvent, event_from_line

DEFAULT_TIMEOUT_SECONDS: Final = 2.0
"""Less than half of the 4.5 s in which the webhook answers: a read that fails leaves time for what comes after it."""

FIELD_MANAGER: Final = "cutline"
_PAGE_SIZE: Final = 500
# How long the API server keeps one watch open, and how long we wait for a sign of life in it:
# bookmarks come about once a minute.
_WATCH_SECONDS: Final = 300
_WATCH_SILENCE_SECONDS: Final = 90.0
_decoder: Final = msgspec.json.Decoder(dict[str, Any])


class PatchKind(Enum):
    """How the body of a patch is to be read; the value is its media type."""

    MERGE = "application/merge-patch+json"
    JSON = "application/json-patch+json"


@dataclass(frozen=True, slots=True)
class Listing:
    """A collection as it was at one resource version."""

    items: tuple[JsonObject, ...]
    resource_version: str


class KubeClient:
    """One connection pool to one API server. Belongs to the event loop it was connected in."""

    def __init__(self, transport: Transport, namespace: str, timeout: float) -> None:
        """Use `connect`, unless a test brings a transport of its own."""
        self._transport = transport
        self._timeout = timeout
        self.namespace = namespace
        """The namespace of the kubeconfig's context or of the pod, else "default"."""

    @classmethod
    async def connect(
        cls,
        kubeconfig: Path | None = None,
        context: str | None = None,
        *,
        user_agent: str,
        timeout: float = DEFAULT_TIMEOUT_SECONDS,
        on_warning: OnWarning | None = None,
    ) -> Self:
        """Find the credentials (see `connection.load`) and prepare a client; sends nothing yet.

        `timeout` is in seconds and bounds every request that names none. `on_warning` is given each
        warning the API server attaches to an answer, a text of unknown origin. Raises `BadKubeconfig`.
        """
        endpoint, tokens = await asyncio.to_thread(connection.load, kubeconfig, context)
        return cls(Transport(endpoint, tokens, user_agent, on_warning), endpoint.namespace, timeout)

    async def __aenter__(self) -> Self:
        """Enter a block that closes the client at its end."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close."""
        await self.close()

    async def close(self) -> None:
        """Close all connections."""
        await self._transport.close()

    @property
    def clock_skew(self) -> float | None:
        """Seconds by which the local clock is ahead of the API server's; None while unknown.

        The smallest difference that the answers of the last two minutes prove (see `skew`).
        """
        return self._transport.clock_skew

    async def get(
        self,
        ref: ResourceRef,
        name: str,
        namespace: str | None = None,
        *,
        subresource: str | None = None,
        timeout: float | None = None,
    ) -> JsonObject:
        """One object, read consistently. Raises `NotFound` among others."""
        return await self._call("GET", ref.path(namespace, name, subresource), {}, timeout=timeout)

    async def list(
        self,
        ref: ResourceRef,
        namespace: str | None = None,
        *,
        label_selector: str | None = None,
        field_selector: str | None = None,
        limit: int | None = None,
        timeout: float | None = None,
    ) -> list[JsonObject]:
        """The objects of one namespace, or of all when none is given; consistent.

        With `limit` at most that many, in one request. Without, all of them, page by page; `timeout`
        bounds each page.
        """
        listing = await self.listing(
            ref,
            namespace,
            label_selector=label_selector,
            field_selector=field_selector,
            limit=limit,
            timeout=timeout,
        )
        return [*listing.items]

    async def listing(
        self,
        ref: ResourceRef,
        namespace: str | None = None,
        *,
        label_selector: str | None = None,
        field_selector: str | None = None,
        limit: int | None = None,
        timeout: float | None = None,
    ) -> Listing:
        """As `list`, with the resource version from which a watch goes on."""
        path = ref.path(namespace)
        query = {"limit": str(_PAGE_SIZE if limit is None else limit)}
        if label_selector:
            query["labelSelector"] = label_selector
        if field_selector:
            query["fieldSelector"] = field_selector
        page = await self._call("GET", path, query, timeout=timeout)
        items = _items(page)
        while limit is None and (token := page.get("metadata", {}).get("continue")):
            try:
                page = await self._call("GET", path, {**query, "continue": token}, timeout=timeout)
            except Gone:
                # The token outlived etcd's history. Its successor would mix two states of the world,
                # so read everything again in one piece.
                query.pop("limit")
                page = await self._call("GET", path, query, timeout=timeout)
                items = []
            items += _items(page)
        return Listing(tuple(items), str(page.get("metadata", {}).get("resourceVersion", "")))

    async def create(
        self,
        ref: ResourceRef,
        obj: JsonObject,
        namespace: str | None = None,
        *,
        name: str | None = None,
        subresource: str | None = None,
        dry_run: bool = False,
        field_manager: str = FIELD_MANAGER,
        timeout: float | None = None,
    ) -> JsonObject:
        """Create `obj`, or post it to a `subresource` of `name` (an eviction, a token request).

        Raises `AlreadyExists`; after `Unavailable` the object may exist all the same.
        """
        query = _write_query(dry_run, field_manager)
        path = ref.path(namespace, name, subresource)
        return await self._call("POST", path, query, msgspec.json.encode(obj), timeout=timeout)

    async def replace(
        self,
        ref: ResourceRef,
        name: str,
        obj: JsonObject,
        namespace: str | None = None,
        *,
        subresource: str | None = None,
        dry_run: bool = False,
        field_manager: str = FIELD_MANAGER,
        timeout: float | None = None,
    ) -> JsonObject:
        """Put `obj` in the place of the stored one.

        Raises `Conflict` if `obj` carries a resourceVersion that is no longer the stored one.
        """
        query = _write_query(dry_run, field_manager)
        path = ref.path(namespace, name, subresource)
        return await self._call("PUT", path, query, msgspec.json.encode(obj), timeout=timeout)

    async def patch(
        self,
        ref: ResourceRef,
        name: str,
        patch: JsonObject | Sequence[JsonObject],
        namespace: str | None = None,
        *,
        kind: PatchKind,
        subresource: str | None = None,
        dry_run: bool = False,
        field_manager: str = FIELD_MANAGER,
        timeout: float | None = None,
    ) -> JsonObject:
        """Apply `patch`, a list for `PatchKind.JSON`."""
        return await self._call(
            "PATCH",
            ref.path(namespace, name, subresource),
            _write_query(dry_run, field_manager),
            msgspec.json.encode(patch),
            content_type=kind.value,
            timeout=timeout,
        )

    async def delete(
        self,
        ref: ResourceRef,
        name: str,
        namespace: str | None = None,
        *,
        uid: str | None = None,
        dry_run: bool = False,
        timeout: float | None = None,
    ) -> JsonObject:
        """Delete one object, only if it has the given uid (else `Conflict`).

        Answers the object while finalizers or a grace period keep it, a `Status` otherwise.
        """
        options: JsonObject = {"apiVersion": "v1", "kind": "DeleteOptions"}
        if uid is not None:
            options["preconditions"] = {"uid": uid}
        if dry_run:
            options["dryRun"] = ["All"]
        return await self._call("DELETE", ref.path(namespace, name), {}, msgspec.json.encode(options), timeout=timeout)

    async def watch(
        self, ref: ResourceRef, *, namespace: str | None = None, resource_version: str
    ) -> AsyncGenerator[WatchEvent, None]:
        """The events after `resource_version`, bookmarks included, until the server ends the watch.

        It does so after about five minutes; go on from the last event's resource version. Raises
        `Gone` when that is too old, `Unavailable` when the connection breaks or falls silent. Close
        the generator (`contextlib.aclosing`) when leaving it early.
        """
        query = {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": resource_version,
            "timeoutSeconds": str(_WATCH_SECONDS),
        }
        exchange = Exchange("GET", ref.path(namespace), query)
        async with aclosing(self._transport.stream(exchange, self._timeout, _WATCH_SILENCE_SECONDS)) as lines:
            async for line in lines:
                yield event_from_line(line)

    async def raw(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: bytes | None = None,
        content_type: str = "application/json",
        accept: str = "application/json",
        timeout: float | None = None,
    ) -> Answer:
        """Send what no other method can (`/version`, `/readyz`). `path` is quoted, and starts with /."""
        if not path.startswith("/"):
            raise ValueError(f"not an absolute path: {path!r}")
        exchange = Exchange(method, path, query or {}, body, content_type, accept)
        return await self._transport.send(exchange, self._timeout if timeout is None else timeout)

    async def _call(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        body: bytes | None = None,
        *,
        content_type: str = "application/json",
        timeout: float | None,
    ) -> JsonObject:
        answer = await self.raw(method, path, query=query, body=body, content_type=content_type, timeout=timeout)
        try:
            return _decoder.decode(answer.body)
        except msgspec.DecodeError as error:
            raise Unavailable(NO_ANSWER, "BadAnswer", f"the answer is not a JSON object: {error}") from error


def _write_query(dry_run: bool, field_manager: str) -> dict[str, str]:
    query = {"fieldManager": field_manager}
    if dry_run:
        query["dryRun"] = "All"
    return query


def _items(page: JsonObject) -> list[JsonObject]:
    """The items of one page, each saying what it is: in lists of built-in kinds they do not."""
    kind = str(page.get("kind", "")).removesuffix("List")
    items: list[JsonObject] = page.get("items") or []
    for item in items:
        item.setdefault("apiVersion", page.get("apiVersion", ""))
        item.setdefault("kind", kind)
    return items
