"""Records reviews as the API server sends them: a webhook beside Cutline's that admits everything.

The requests are dry runs, so that nothing changes; only what a controller does in turn is real.
"""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from bench.errors import BenchError
from cutline_testbed import recording as recorder
from cutline_testbed.kube_api import KubeApi
from cutline_testbed.pki import Authority

_NAME = "bench-recorder"
_WITHIN_SECONDS = 30.0

Match = Callable[[dict[str, Any]], bool]


@dataclass(frozen=True, slots=True)
class Recorder:
    """The reviews that came, in order."""

    reviews: list[recorder.Recorded]

    def provoke(self, act: Callable[[], object], matches: Match) -> bytes:
        """Act until a review comes whose request `matches`; its body."""
        deadline = time.monotonic() + _WITHIN_SECONDS
        while time.monotonic() < deadline:
            seen = len(self.reviews)
            act()
            waited_until = time.monotonic() + 1.0
            while time.monotonic() < waited_until:
                for review in self.reviews[seen:]:
                    if matches(json.loads(review.body)["request"]):
                        return review.body
                time.sleep(0.02)
        raise BenchError("the API server sent no such review to the recorder")


@contextmanager
def recording(admin: KubeApi, authority: Authority, namespaces: list[str]) -> Iterator[Recorder]:
    """A recorder that the API server asks about updates of Deployments and ReplicaSets in `namespaces`."""
    selector = {"key": "kubernetes.io/metadata.name", "operator": "In", "values": namespaces}
    rule = {
        "apiGroups": ["apps"],
        "apiVersions": ["v1"],
        "operations": ["UPDATE"],
        "resources": ["deployments", "deployments/scale", "replicasets"],
    }
    webhook = {
        "name": "recorder.bench.cutline.dev",
        "rules": [rule],
        "namespaceSelector": {"matchExpressions": [selector]},
    }
    with recorder.recording(admin, authority, _NAME, [webhook]) as reviews:
        yield Recorder(reviews)
