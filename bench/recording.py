"""Records reviews as the API server sends them: a webhook beside Cutline's that admits everything.

The requests are dry runs, so that nothing changes; only what a controller does in turn is real.
"""

import base64
import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bench.api_client import ApiClient
from bench.errors import BenchError
from cutline_testbed.pki import Authority
from cutline_testbed.ports import HOST

_CONFIGURATIONS = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations"
_NAME = "bench-recorder"
_WITHIN_SECONDS = 30.0

Match = Callable[[dict[str, Any]], bool]


@dataclass(slots=True)
class Recorder:
    """The bodies of the reviews that came, in order."""

    bodies: list[bytes] = field(default_factory=list)

    def provoke(self, act: Callable[[], object], matches: Match) -> bytes:
        """Act until a review comes whose request `matches`; its body."""
        deadline = time.monotonic() + _WITHIN_SECONDS
        while time.monotonic() < deadline:
            seen = len(self.bodies)
            act()
            waited_until = time.monotonic() + 1.0
            while time.monotonic() < waited_until:
                for body in self.bodies[seen:]:
                    if matches(json.loads(body)["request"]):
                        return body
                time.sleep(0.02)
        raise BenchError("the API server sent no such review to the recorder")


@contextmanager
def recording(admin: ApiClient, authority: Authority, namespaces: list[str]) -> Iterator[Recorder]:
    """A recorder that the API server asks about updates of Deployments and ReplicaSets in `namespaces`."""
    recorder = Recorder()
    server = ThreadingHTTPServer((HOST, 0), _handler(recorder))
    server.socket = _context(authority).wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        admin.create(_CONFIGURATIONS, _configuration(server.server_port, authority, namespaces))
        yield recorder
    finally:
        admin.request("DELETE", f"{_CONFIGURATIONS}/{_NAME}")
        server.shutdown()
        server.server_close()


def _context(authority: Authority) -> ssl.SSLContext:
    credential = authority.server(_NAME, [HOST])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_alpn_protocols(["http/1.1"])
    with TemporaryDirectory(prefix="cutline-bench-") as folder:
        certificate, key = Path(folder) / "crt", Path(folder) / "key"
        certificate.write_bytes(credential.certificate)
        key.touch(mode=0o600)
        key.write_bytes(credential.key)
        context.load_cert_chain(certificate, key)
    return context


def _configuration(port: int, authority: Authority, namespaces: list[str]) -> dict[str, Any]:
    selector = {"key": "kubernetes.io/metadata.name", "operator": "In", "values": namespaces}
    rule = {
        "apiGroups": ["apps"],
        "apiVersions": ["v1"],
        "operations": ["UPDATE"],
        "resources": ["deployments", "deployments/scale", "replicasets"],
    }
    bundle = base64.b64encode(authority.pem).decode()
    webhook = {
        "name": "recorder.bench.cutline.dev",
        "clientConfig": {"url": f"https://{HOST}:{port}/record", "caBundle": bundle},
        "rules": [rule],
        "failurePolicy": "Ignore",
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
        "namespaceSelector": {"matchExpressions": [selector]},
    }
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": _NAME},
        "webhooks": [webhook],
    }


def _handler(recorder: Recorder) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            recorder.bodies.append(body)
            uid = json.loads(body)["request"]["uid"]
            response = {"uid": uid, "allowed": True}
            answer = json.dumps({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response})
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer.encode())

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    return Handler
