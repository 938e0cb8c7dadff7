"""A real API server as the tests of conditions talk to it: raw answers, and impersonation."""

import base64
import http.client
import json
import ssl
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml


@dataclass(frozen=True, slots=True)
class Answer:
    """What the API server said; `body` is the object or the Status."""

    code: int
    body: dict[str, Any]

    @property
    def asked_a_webhook(self) -> bool:
        """Whether the request failed because a webhook that nobody serves was to be asked."""
        return self.code == 500 and "failed calling webhook" in self.body.get("message", "")

    @property
    def condition_failed(self) -> bool:
        return "matchConditions" in self.body.get("message", "")


@dataclass(frozen=True, slots=True)
class ApiServer:
    """One API server, as one user."""

    host: str
    port: int
    tls: ssl.SSLContext
    headers: Mapping[str, str] = field(default_factory=dict)

    def acting_as(self, user: str, *groups: str, credential: str = "") -> "Impersonator":
        """The same, impersonating. Only `credential` makes it look like a real credential."""
        pairs = [("Impersonate-User", user), *(("Impersonate-Group", group) for group in groups)]
        if credential:
            key = "authentication.kubernetes.io%2fcredential-id"
            pairs.append((f"Impersonate-Extra-{key}", credential))
        return Impersonator(self, tuple(pairs))

    def send(
        self,
        method: str,
        path: str,
        body: Any = None,
        content_type: str = "application/json",
        headers: tuple[tuple[str, str], ...] = (),
    ) -> Answer:
        """One request on a connection of its own."""
        connection = http.client.HTTPSConnection(self.host, self.port, context=self.tls, timeout=30)
        try:
            payload = None if body is None else json.dumps(body).encode()
            connection.putrequest(method, path)
            connection.putheader("Content-Type", content_type)
            connection.putheader("Content-Length", str(len(payload or b"")))
            for name, value in headers:
                connection.putheader(name, value)
            connection.endheaders(payload)
            response = connection.getresponse()
            return Answer(response.status, json.loads(response.read()))
        finally:
            connection.close()

    def patch(self, path: str, body: Any) -> Answer:
        """A merge patch."""
        return self.send("PATCH", path, body, "application/merge-patch+json")


@dataclass(frozen=True, slots=True)
class Impersonator:
    """An API server as somebody else sees it."""

    server: ApiServer
    headers: tuple[tuple[str, str], ...]

    def send(self, method: str, path: str, body: Any = None) -> Answer:
        return self.server.send(method, path, body, headers=self.headers)

    def patch(self, path: str, body: Any) -> Answer:
        return self.server.send("PATCH", path, body, "application/merge-patch+json", self.headers)


def api_server(kubeconfig: Path) -> ApiServer:
    """The server of a kubeconfig that holds a client certificate."""
    tree = yaml.safe_load(kubeconfig.read_text())
    cluster, user = tree["clusters"][0]["cluster"], tree["users"][0]["user"]
    tls = ssl.create_default_context(cadata=base64.b64decode(cluster["certificate-authority-data"]).decode())
    tls.verify_flags &= ~ssl.VERIFY_X509_STRICT
    with tempfile.NamedTemporaryFile() as file:
        file.write(base64.b64decode(user["client-certificate-data"]) + base64.b64decode(user["client-key-data"]))
        file.flush()
        tls.load_cert_chain(file.name)
    parts = urlsplit(cluster["server"])
    return ApiServer(str(parts.hostname), parts.port or 443, tls)
