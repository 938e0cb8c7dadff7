"""As much of a Kubernetes client as the testbed needs: requests as the admin, and nothing clever.

Starting a kubectl process for each of a few dozen requests would be most of a warm start. It
refuses to retry on its own account: callers await conditions and know their deadlines.
"""

from __future__ import annotations

import http.client
import json
import ssl
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cutline_testbed.errors import TestbedError
from cutline_testbed.pki import Authority, Credential

TIMEOUT_S = 30.0
FIELD_MANAGER = "cutline-testbed"

# Where objects of each kind that we apply live: (path prefix, plural, namespaced).
_KINDS = {
    ("v1", "Namespace"): ("/api/v1", "namespaces", False),
    ("v1", "ServiceAccount"): ("/api/v1", "serviceaccounts", True),
    ("rbac.authorization.k8s.io/v1", "ClusterRole"): (
        "/apis/rbac.authorization.k8s.io/v1",
        "clusterroles",
        False,
    ),
    ("rbac.authorization.k8s.io/v1", "ClusterRoleBinding"): (
        "/apis/rbac.authorization.k8s.io/v1",
        "clusterrolebindings",
        False,
    ),
}


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: bytes

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300

    def json(self) -> Any:
        return json.loads(self.body)


class KubeApi:
    """One connection per request: there are few, and a restarted server is no surprise."""

    def __init__(self, host: str, port: int, authority: Authority, credential: Credential) -> None:
        self._host, self._port = host, port
        self._context = ssl.create_default_context(cadata=authority.pem.decode())
        # The standard library loads client certificates from files only.
        with tempfile.TemporaryDirectory(prefix="cutline-testbed-") as folder:
            certificate, key = Path(folder) / "crt", Path(folder) / "key"
            certificate.write_bytes(credential.certificate)
            key.write_bytes(credential.key)
            self._context.load_cert_chain(certificate, key)

    def request(self, method: str, path: str, body: object = None, content_type: str = "application/json") -> Answer:
        """Any answer is returned; OSError or HTTPException if there was none."""
        payload = None if body is None else json.dumps(body).encode()
        connection = http.client.HTTPSConnection(self._host, self._port, timeout=TIMEOUT_S, context=self._context)
        try:
            headers = {"Content-Type": content_type, "Accept": "application/json"}
            connection.request(method, path, payload, headers)
            response = connection.getresponse()
            return Answer(response.status, response.read())
        finally:
            connection.close()

    def ready(self) -> bool:
        try:
            return self.request("GET", "/readyz").ok
        except (OSError, http.client.HTTPException):
            return False

    def get(self, path: str) -> Any | None:
        """The object; None if there is none."""
        answer = self.request("GET", path)
        if answer.status == http.HTTPStatus.NOT_FOUND:
            return None
        return self._expect(answer, f"GET {path}").json()

    def delete(self, path: str) -> None:
        """Fine if it is gone already."""
        answer = self.request("DELETE", path)
        if answer.status != http.HTTPStatus.NOT_FOUND:
            self._expect(answer, f"DELETE {path}")

    def create(self, path: str, body: object) -> Any:
        return self._expect(self.request("POST", path, body), f"POST {path}").json()

    def apply(self, manifest: dict[str, Any]) -> None:
        """Server-side apply, so that repeating a start repeats nothing."""
        path = path_of(manifest)
        query = f"?fieldManager={FIELD_MANAGER}&force=true"
        answer = self.request("PATCH", path + query, manifest, "application/apply-patch+yaml")
        self._expect(answer, f"apply {path}")

    def token(self, namespace: str, service_account: str, lifetime_s: int) -> str:
        """A token from the TokenRequest API."""
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{service_account}/token"
        body = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {"expirationSeconds": lifetime_s},
        }
        return str(self.create(path, body)["status"]["token"])

    @staticmethod
    def _expect(answer: Answer, what: str) -> Answer:
        if not answer.ok:
            raise TestbedError(f"{what}: {answer.status} {answer.body.decode(errors='replace').strip()}")
        return answer


def path_of(manifest: dict[str, Any]) -> str:
    """Where the API server keeps this object."""
    prefix, plural, namespaced = _KINDS[manifest["apiVersion"], manifest["kind"]]
    metadata = manifest["metadata"]
    inside = f"/namespaces/{metadata['namespace']}" if namespaced else ""
    return f"{prefix}{inside}/{plural}/{metadata['name']}"
