"""One kept-alive connection to the API server as one persona, and how long each answer took.

It does next to nothing besides, so that what it measures is the API server and not the client.
"""

import base64
import http.client
import json
import ssl
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import yaml

from bench.errors import BenchError

MERGE = "application/merge-patch+json"
APPLY = "application/apply-patch+yaml"
_TIMEOUT_SECONDS = 30.0
# The API server ends a connection that was idle for 90 s, which shows only when it is used again.
_IDLE_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer, whatever its status; `seconds` from the first byte sent to the last received."""

    status: int
    body: bytes
    seconds: float

    def json(self) -> Any:
        return json.loads(self.body)


class ApiClient:
    """Closed by its `with` block."""

    def __init__(self, kubeconfig: Path) -> None:
        document = yaml.safe_load(kubeconfig.read_text())
        cluster, user = document["clusters"][0]["cluster"], document["users"][0]["user"]
        context = ssl.create_default_context(cadata=_decoded(cluster["certificate-authority-data"]).decode())
        if "client-certificate-data" in user:
            _log_in(context, _decoded(user["client-certificate-data"]), _decoded(user["client-key-data"]))
        self._headers = {"Accept": "application/json"}
        if "token" in user:
            self._headers["Authorization"] = f"Bearer {user['token']}"
        server = urlsplit(cluster["server"])
        self._used_at = 0.0
        self._connection = http.client.HTTPSConnection(
            server.hostname or "", server.port, timeout=_TIMEOUT_SECONDS, context=context
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._connection.close()

    def request(self, method: str, path: str, body: object = None, content_type: str = "application/json") -> Answer:
        """Send and read the whole answer."""
        payload = None if body is None else json.dumps(body).encode()
        headers = {**self._headers, "Content-Type": content_type}
        if time.monotonic() - self._used_at > _IDLE_SECONDS:
            self._connection.close()
            self._connection.connect()
        started = time.perf_counter()
        self._connection.request(method, path, payload, headers)
        response = self._connection.getresponse()
        read = response.read()
        seconds = time.perf_counter() - started
        self._used_at = time.monotonic()
        return Answer(response.status, read, seconds)

    def get(self, path: str) -> Any:
        return _expect_success(self.request("GET", path), path).json()

    def create(self, path: str, tree: Mapping[str, Any]) -> Any:
        return _expect_success(self.request("POST", path, tree), path).json()

    def apply(self, path: str, tree: Mapping[str, Any]) -> Any:
        """Server-side apply: it leaves managedFields of the length that real objects have."""
        query = "?fieldManager=bench&force=true"
        return _expect_success(self.request("PATCH", path + query, tree, APPLY), path).json()

    def patch(self, path: str, tree: Mapping[str, Any]) -> Answer:
        return self.request("PATCH", path, tree, MERGE)

    def delete(self, path: str) -> None:
        _expect_success(self.request("DELETE", path), path)


def _expect_success(answer: Answer, path: str) -> Answer:
    if not 200 <= answer.status < 300:
        raise BenchError(f"{path}: {answer.status} {answer.body.decode(errors='replace')[:600]}")
    return answer


def _decoded(text: str) -> bytes:
    return base64.b64decode(text)


def _log_in(context: ssl.SSLContext, certificate: bytes, key: bytes) -> None:
    # The standard library loads client certificates from files only.
    with tempfile.TemporaryDirectory(prefix="cutline-bench-") as folder:
        files = Path(folder) / "crt", Path(folder) / "key"
        for path, content in zip(files, (certificate, key), strict=True):
            path.touch(mode=0o600)
            path.write_bytes(content)
        context.load_cert_chain(*files)
