"""An API server in memory behind the real client: stores objects, answers as a real one does, fails on demand."""

import asyncio
import json
from collections.abc import AsyncGenerator, Callable
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import unquote

from cutline.kube.client import KubeClient
from cutline.kube.errors import AlreadyExists, KubeError, NotFound
from cutline.kube.transport import Answer, Exchange, Transport
from tests import builders as make
from tests.api.trees import wire_time

Key = tuple[str, str, str]  # plural, namespace, name
Tree = dict[str, Any]


class ClusterInMemory(Transport):
    """Objects by resource, namespace and name.

    `before` is called with each write and read before it happens: it may raise what a bad day
    would raise, or write something itself, as somebody else would in that moment.
    """

    def __init__(self) -> None:
        self.objects: dict[Key, Tree] = {}
        self.exchanges: list[Exchange] = []
        self.now = make.NOW
        self.before: Callable[[str, str], None] = lambda method, plural: None
        self.may: Callable[[Tree], bool] = lambda attributes: True

    @property
    def clock_skew(self) -> float | None:
        return 0.0

    def client(self) -> KubeClient:
        """The real client, talking to this."""
        return KubeClient(self, "default", 1.0)

    def clock(self) -> datetime:
        return self.now

    def pass_time(self, **parts: float) -> None:
        self.now += timedelta(**parts)

    def add(self, plural: str, tree: Tree) -> Tree:
        """Store an object as it is."""
        metadata = tree["metadata"]
        self.objects[plural, metadata.get("namespace", ""), metadata["name"]] = tree
        return tree

    def all(self, plural: str) -> list[Tree]:
        return [tree for key, tree in sorted(self.objects.items()) if key[0] == plural]

    @property
    def asked(self) -> list[str]:
        """What was asked for, as `METHOD plural`."""
        return [f"{one.method} {_address(one.path)[0]}" for one in self.exchanges]

    async def send(self, exchange: Exchange, timeout_seconds: float) -> Answer:
        self.exchanges.append(exchange)
        await asyncio.sleep(0)  # as on a network, somebody else's turn comes first
        plural, namespace, name = _address(exchange.path)
        self.before(exchange.method, plural)
        body = json.loads(exchange.body) if exchange.body else {}
        match exchange.method:
            case "GET" if name:
                answer = self._stored(plural, namespace, name)
            case "GET":
                answer = {"kind": "List", "metadata": {"resourceVersion": "1"}, "items": self._selected(exchange)}
            case "POST":
                answer = self._create(plural, namespace, body)
            case "DELETE":
                answer = self._delete(plural, namespace, name, body)
            case _:
                raise KubeError(405, "MethodNotAllowed", exchange.method)
        return Answer(200, json.dumps(answer).encode())

    async def stream(
        self, exchange: Exchange, timeout_seconds: float, silence_seconds: float
    ) -> AsyncGenerator[bytes, None]:
        """A watch in which nothing ever happens."""
        await asyncio.Event().wait()
        yield b""

    async def close(self) -> None:
        """There is nothing to close."""

    def _stored(self, plural: str, namespace: str, name: str) -> Tree:
        try:
            return self.objects[plural, namespace, name]
        except KeyError:
            raise NotFound(404, "NotFound", f'{plural} "{name}" not found') from None

    def _selected(self, exchange: Exchange) -> list[Tree]:
        plural, namespace, _ = _address(exchange.path)
        found = [tree for key, tree in sorted(self.objects.items()) if key[0] == plural and namespace in ("", key[1])]
        for path, value in _terms(exchange.query.get("fieldSelector", "")):
            found = [tree for tree in found if _at(tree, path.split(".")) == value]
        for label, value in _terms(exchange.query.get("labelSelector", "")):
            labelled = [tree for tree in found if label in (tree["metadata"].get("labels") or {})]
            # A term without a value asks for the label alone.
            found = [tree for tree in labelled if value in ("", tree["metadata"]["labels"][label])]
        return found

    def _create(self, plural: str, namespace: str, tree: Tree) -> Tree:
        if plural == "subjectaccessreviews":
            spec = tree["spec"]
            return {"status": {"allowed": self.may({"user": spec["user"], **spec["resourceAttributes"]})}}
        name = tree["metadata"]["name"]
        if (plural, namespace, name) in self.objects:
            raise AlreadyExists(409, "AlreadyExists", f'{plural} "{name}" already exists')
        stamps = {"namespace": namespace, "uid": f"{plural}-{name}-uid", "creationTimestamp": wire_time(self.now)}
        return self.add(plural, {**tree, "metadata": {**tree["metadata"], **stamps}})

    def _delete(self, plural: str, namespace: str, name: str, options: Tree) -> Tree:
        tree = self._stored(plural, namespace, name)
        uid = (options.get("preconditions") or {}).get("uid")
        if uid and uid != tree["metadata"]["uid"]:
            raise KubeError(409, "Conflict", "the uid is another one")
        return self.objects.pop((plural, namespace, name))


def _address(path: str) -> Key:
    """Plural, namespace and name of a URL path."""
    _, root, *parts = [unquote(part) for part in path.split("/")]
    parts = parts[1:] if root == "api" else parts[2:]
    if len(parts) > 2 and parts[0] == "namespaces":
        namespace, parts = parts[1], parts[2:]
    else:
        namespace = ""
    return parts[0], namespace, parts[1] if len(parts) > 1 else ""


def _terms(selector: str) -> list[tuple[str, str]]:
    return [(key, value) for key, _, value in (term.partition("=") for term in selector.split(",") if term)]


def _at(tree: Any, path: list[str]) -> Any:
    for key in path:
        tree = (tree or {}).get(key)
    return tree
