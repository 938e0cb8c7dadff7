"""Records admission requests as the API server sends them: webhooks that note what they are asked and admit it.

The API server must run on this machine, as a testbed's does. It refuses to stand in anybody's way: whatever
becomes of the recorder, requests go on without it.
"""

from __future__ import annotations

import base64
import json
import ssl
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from cutline_testbed.kube_api import KubeApi
from cutline_testbed.pki import Authority
from cutline_testbed.ports import HOST

CONFIGURATIONS = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations"


@dataclass(frozen=True, slots=True)
class Recorded:
    """One review: which of the recorder's webhooks was asked, and the body as it came."""

    webhook: str
    body: bytes

    @property
    def request(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)["request"]
        return found


@contextmanager
def recording(
    api: KubeApi, authority: Authority, name: str, webhooks: Iterable[dict[str, Any]]
) -> Iterator[list[Recorded]]:
    """The reviews, in the order in which they come, while the block runs.

    A webhook needs a name and rules; conditions and selectors are its own. The API server takes
    a moment to learn of them: whoever needs the first review sends requests until one comes.
    """
    reviews: list[Recorded] = []
    server = ThreadingHTTPServer((HOST, 0), _handler(reviews.append))
    server.socket = _context(authority, name).wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    base = f"https://{HOST}:{server.server_port}"
    try:
        api.delete(f"{CONFIGURATIONS}/{name}")
        api.create(CONFIGURATIONS, _configuration(name, base, authority, webhooks))
        yield reviews
    finally:
        api.delete(f"{CONFIGURATIONS}/{name}")
        server.shutdown()
        server.server_close()


def _configuration(name: str, base: str, authority: Authority, webhooks: Iterable[dict[str, Any]]) -> dict[str, Any]:
    bundle = base64.b64encode(authority.pem).decode()
    ours = {"failurePolicy": "Ignore", "sideEffects": "None", "admissionReviewVersions": ["v1"]}
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": name},
        "webhooks": [
            {**webhook, **ours, "clientConfig": {"url": f"{base}/{webhook['name']}", "caBundle": bundle}}
            for webhook in webhooks
        ],
    }


def _context(authority: Authority, name: str) -> ssl.SSLContext:
    credential = authority.server(name, [HOST])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_alpn_protocols(["http/1.1"])
    # The standard library loads certificates from files only.
    with TemporaryDirectory(prefix="cutline-recorder-") as folder:
        certificate, key = Path(folder) / "crt", Path(folder) / "key"
        certificate.write_bytes(credential.certificate)
        key.touch(mode=0o600)
        key.write_bytes(credential.key)
        context.load_cert_chain(certificate, key)
    return context


def _handler(note: Callable[[Recorded], None]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            note(Recorded(self.path.partition("?")[0].strip("/"), body))
            response = {"uid": json.loads(body)["request"]["uid"], "allowed": True}
            answer = json.dumps({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response})
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer.encode())

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    return Handler
