"""An API server in a thread that plays the gate too: it stamps proposals and sign-offs, and denies.

It does with the domain's functions what the webhook does, for one Deployment and one
requirement. Objects are held by their URL path.
"""

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from cutline.domain.change import change_from_canonical
from cutline.domain.duration import parse_duration
from cutline.domain.live import World
from cutline.domain.policy import Policies
from cutline.domain.proposal import Emergency
from cutline.domain.render import signed_change
from cutline.domain.user import User
from tests.cli.samples import ALICE, deployment, live, proposal, scale_down_change, stamp, tree_of

_DEPLOYMENT = "/apis/apps/v1/namespaces/shop/deployments/checkout"
_COLLECTIONS = {"remediationproposals", "signoffs", "admittedchanges", "reversibilitypolicies", "replicasets"}
_CUTLINE = "/apis/cutline.dev/v1alpha1/namespaces"


class PlayedApiServer:
    """The state of the server; tests look into `objects` and `requests`, and choose who they are."""

    def __init__(self) -> None:
        self.user: User = ALICE
        self.objects: dict[str, dict[str, Any]] = {_DEPLOYMENT: deployment()}
        self.requests: list[tuple[str, str, str]] = []
        self.restored: set[str] = set()
        self.url = ""

    def answer(self, method: str, target: str, body: bytes) -> tuple[int, Mapping[str, Any]]:
        """The status code and the object that a request is answered with."""
        url = urlsplit(target)
        query = {key: values[0] for key, values in parse_qs(url.query).items()}
        self.requests.append((method, url.path, url.query))
        tree = json.loads(body) if body else {}
        if method == "GET":
            return self._read(url.path, query)
        if method == "PATCH" and url.path == f"{_DEPLOYMENT}/scale":
            return self._scale(tree, query)
        if method == "PATCH":
            return 404, _status(404, "NotFound", f"{url.path} not found", {"name": url.path})
        if method == "DELETE":
            return self._delete(url.path)
        if url.path.endswith("/selfsubjectreviews"):
            return 201, {"status": {"userInfo": stamp(self.user)}}
        if method == "POST" and url.path.startswith(_CUTLINE):
            return self._create(url.path, tree)
        return 405, _status(405, "MethodNotAllowed", f"{method} {url.path}")

    def _read(self, path: str, query: Mapping[str, str]) -> tuple[int, Mapping[str, Any]]:
        if path in self.objects:
            return 200, self.objects[path]
        if "watch" in query:
            return 200, {"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": "9"}}}
        name = path.rsplit("/", 1)[-1]
        if name not in _COLLECTIONS:
            return 404, _status(404, "NotFound", f"{name} not found", {"name": name})
        plural = f"/{name}/"
        items = [
            tree
            for key, tree in self.objects.items()
            if key.startswith(f"{path}/") or (plural in key and "/namespaces/" not in path)
        ]
        selected = query.get("fieldSelector", "")
        if selected.startswith("spec.proposalUID="):
            items = [tree for tree in items if tree["spec"].get("proposalUID") == selected.split("=")[1]]
        return 200, {"kind": "List", "metadata": {"resourceVersion": "9"}, "items": items}

    def _scale(self, tree: Mapping[str, Any], query: Mapping[str, str]) -> tuple[int, Mapping[str, Any]]:
        spec = self.objects[_DEPLOYMENT]["spec"]
        if query.get("dryRun") != "All":
            spec["replicas"] = tree["spec"]["replicas"]
        if spec["replicas"] <= tree["spec"]["replicas"]:
            return 200, {"kind": "Scale"}
        change = scale_down_change(tree["spec"]["replicas"])
        verdict = {"conclusion": "Unsigned", "reason": "NoProposal", "effects": ["ScaleDown"], "action": "ScaleDown"}
        causes = [
            {"reason": "CutlineVerdict", "message": json.dumps(verdict)},
            {"reason": "CutlineChange", "message": change.canonical},
        ]
        return 403, _status(403, "Forbidden", "needs a signed proposal", {"causes": causes})

    def _create(self, collection: str, tree: dict[str, Any]) -> tuple[int, Mapping[str, Any]]:
        path = f"{collection}/{tree['metadata']['name']}"
        if path in self.objects:
            return 409, _status(409, "AlreadyExists", f"{path} exists", {"name": tree["metadata"]["name"]})
        stamped = self._proposal(tree) if collection.endswith("/remediationproposals") else self._signoff(tree)
        self.objects[path] = stamped
        return 201, stamped

    def _delete(self, path: str) -> tuple[int, Mapping[str, Any]]:
        if path not in self.objects:
            return 404, _status(404, "NotFound", f"{path} not found", {"name": path})
        deleted = self.objects.pop(path)
        # As the operator does, while it runs.
        if path in self.restored:
            self.objects[path] = deleted
        return 200, _status(200, "", "")

    def _proposal(self, tree: dict[str, Any]) -> dict[str, Any]:
        spec = tree["spec"]
        brought = [change_from_canonical(entry["canonical"], "spec.changes") for entry in spec.get("changes", ())]
        changes = brought or [scale_down_change(spec["scaleDown"]["replicas"])]
        emergency = spec.get("emergency")
        made = proposal(
            tree["metadata"]["name"],
            uid=f"uid-{tree['metadata']['name']}",
            created=datetime.now(UTC).replace(microsecond=0),
            proposer=self.user,
            changes=tuple(signed_change(change, World(live(), revisions=()), Policies()) for change in changes),
            valid_for=parse_duration(spec.get("validFor", "15m"), "spec.validFor"),
            emergency=Emergency(emergency["reason"], emergency["ticket"]) if emergency else None,
        )
        return tree_of(made, spec["why"])

    def _signoff(self, tree: dict[str, Any]) -> dict[str, Any]:
        name = tree["spec"]["proposal"]
        tree["spec"] |= {"by": stamp(self.user), "proposalUID": f"uid-{name}"}
        now = datetime.now(UTC).replace(microsecond=0).isoformat()
        tree["metadata"] |= {"uid": f"uid-{tree['metadata']['name']}", "creationTimestamp": now}
        return tree


def _status(code: int, reason: str, message: str, details: Mapping[str, Any] | None = None) -> dict[str, Any]:
    return {"kind": "Status", "code": code, "reason": reason, "message": message, "details": details or {}}


class _QuietServer(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """A client that has gone is no news."""


@contextmanager
def serving() -> Iterator[PlayedApiServer]:
    """Run a played API server for as long as the block lasts."""
    state = PlayedApiServer()

    class Handler(BaseHTTPRequestHandler):
        def _handle(self) -> None:
            size = int(self.headers.get("Content-Length") or 0)
            code, tree = state.answer(self.command, self.path, self.rfile.read(size))
            body = json.dumps(tree).encode() + b"\n"
            self.send_response(code)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = _handle  # noqa: N815 - the base class's names

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = _QuietServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        state.url = f"http://127.0.0.1:{server.server_address[1]}"
        yield state
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
