"""Requests on kept connections, and what their answers mean.

Every sender of a load has connections of its own, as every real client has: a handshake for each
request would be most of what the machine does.
"""

import http.client
import json
import time
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.login import Answer, Login
from tests.node.tally import Fate, Kind, Sent

# More than any webhook's timeout, so that it is the API server that gives up and not we.
TIMEOUT_S = 20.0
_IN_DEFAULT = "namespaces/default"
_READ_BY_THE_GATE = (
    f"/api/v1/{_IN_DEFAULT}",
    f"/api/v1/{_IN_DEFAULT}/pods/none",
    f"/apis/apps/v1/{_IN_DEFAULT}/deployments/none",
    f"/apis/apps/v1/{_IN_DEFAULT}/replicasets/none",
    f"/apis/cutline.dev/v1alpha1/{_IN_DEFAULT}/remediationproposals/none",
    f"/apis/cutline.dev/v1alpha1/{_IN_DEFAULT}/signoffs/none",
    f"/apis/cutline.dev/v1alpha1/{_IN_DEFAULT}/admittedchanges/none",
)
_NO_ANSWER = (OSError, http.client.HTTPException, ValueError)


@dataclass(frozen=True, slots=True)
class Request:
    """What one sender sends next."""

    kind: Kind
    method: str
    path: str
    body: object = None
    content_type: str = "application/merge-patch+json"


class Caller(Login):
    """A persona's credentials with one kept connection. For one thread."""

    def __init__(self, kubeconfig: Path, timeout: float = TIMEOUT_S, address: str = "") -> None:
        super().__init__(kubeconfig, address)
        self._timeout = timeout
        self._kept: http.client.HTTPSConnection | None = None

    def ask(self, sender: str, request: Request) -> Sent:
        """Send it and await its end, whatever that is."""
        began = time.monotonic()
        try:
            answer = self._exchange(request)
        except _NO_ANSWER as error:
            self.close()
            return Sent(sender, request.kind, Fate.BROKEN, began, time.monotonic(), repr(error))
        detail = f"{answer.status} {answer.message}".strip()
        return Sent(sender, request.kind, fate_of(answer), began, time.monotonic(), detail)

    def read(self, request: Request) -> Answer | None:
        """The answer, or none where nobody answered."""
        try:
            return self._exchange(request)
        except _NO_ANSWER:
            self.close()
            return None

    def reaches(self) -> bool:
        """Whether a read is answered that etcd itself must answer: one object, at its newest version."""
        return self._answers("/api/v1/namespaces/default")

    def reaches_all(self) -> bool:
        """Whether everything can be read that the gate reads: each resource has a connection to etcd of its own,
        and after a restart of etcd each comes back in its own time. That nothing is found is an answer."""
        return all(self._answers(path) for path in _READ_BY_THE_GATE)

    def _answers(self, path: str) -> bool:
        answer = self.read(Request(Kind.FREE, "GET", path))
        return answer is not None and (answer.passed or answer.status == 404)

    def close(self) -> None:
        if self._kept is not None:
            self._kept.close()
            self._kept = None

    def _exchange(self, request: Request) -> Answer:
        if self._kept is None:
            self._kept = http.client.HTTPSConnection(self._address, timeout=self._timeout, context=self._context)
        headers = {**self._headers, "Content-Type": request.content_type, "Accept": "application/json"}
        body = None if request.body is None else json.dumps(request.body)
        self._kept.request(request.method, request.path, body, headers)
        response = self._kept.getresponse()
        raw = response.read()
        return Answer(response.status, _tree(raw))


def _tree(raw: bytes) -> dict[str, object]:
    """An API server that is stopping may answer in plain text."""
    try:
        tree = json.loads(raw)
    except ValueError:
        return {"message": raw.decode(errors="replace").strip()}
    return tree if isinstance(tree, dict) else {"message": str(tree)}


def fate_of(answer: Answer) -> Fate:
    """Whose answer it was: the gate's, or that of the API server without it."""
    if answer.passed:
        return Fate.PASSED
    # `workloads.gate.cutline.dev` and `kinds.cutline.dev` alike.
    if "cutline.dev" in answer.message:
        if "failed calling webhook" in answer.message:
            return Fate.HELD_UP
        if "admission webhook" in answer.message:
            return Fate.DENIED
    return Fate.MOOT if answer.status == 404 else Fate.UNAVAILABLE
