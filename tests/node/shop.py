"""The objects under load, and what became of them.

Each object that nobody may change has one purpose here: nothing else in the cluster changes its spec
or annotations, so that its generation alone tells how often it was changed, and a pod's uid whether it
is still the same one. No answer and no log has to be believed for that.
"""

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from tests.e2e.cluster import Cluster
from tests.e2e.login import Answer
from tests.e2e.manifests import proposal, scale_down, signoff
from tests.e2e.test_drain import sign_away
from tests.e2e.waiting import await_true
from tests.node.tally import Losses

GUARDED, GROWING, IDLE, BUSY, NEVER = "guarded", "growing", "idle", "busy", "never-placed"
# No more: who proposes may have 40 proposals in a namespace that are not over, and there are many loads.
SIGNED = ("signed-1", "signed-2")
FULL, LESS = 3, 2  # replicas of a signed Deployment before and after its use
AGENT_PROPOSALS = "/apis/cutline.dev/v1alpha1/namespaces/{}/remediationproposals"
# Which simulated nodes a pod of the load may use: what is counted must not go away with a real one.
_ONLY_LOAD = "tests.cutline.dev/load"
# No node has it: pods that only have to be many stay pending, and a StatefulSet at one of them, whatever its size.
_NOWHERE = {"nodeSelector": {"no-such-node": "true"}}


@dataclass(frozen=True, slots=True)
class Noted:
    """How things stood before a load."""

    generations: dict[str, int]
    pods: dict[str, str]
    proposals: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Shop:
    """A gated namespace, one that a change must not release, and one without a line."""

    cluster: Cluster
    gated: str
    leaving: str
    free: str
    beating: str
    """A simulated node that the load's pods run on, and whose kubelet the load plays."""
    cordoned: str
    """Another one, which nobody may cordon."""

    @staticmethod
    def open(cluster: Cluster) -> "Shop":
        # Never the names of before: kwok takes a while to part with a node.
        mark = secrets.token_hex(3)
        beating, cordoned = f"load-{mark}-1", f"load-{mark}-2"
        gated, leaving, free = cluster.namespace(), cluster.namespace(), cluster.namespace(line=None)
        shop = Shop(cluster, gated, leaving, free, beating, cordoned)
        cluster.newcomer("heart", "system:nodes", user=f"system:node:{beating}")
        for node in (beating, cordoned):
            cluster.send("admin", "POST", "/api/v1/nodes", _node(node, mark)).must_pass()
        here = {
            "nodeSelector": {_ONLY_LOAD: mark},
            "tolerations": [{"key": _ONLY_LOAD, "operator": "Exists"}],
        }
        cluster.apply(
            "admin",
            _workload("Deployment", GUARDED, gated, 3, here),
            *(_workload("Deployment", name, gated, FULL, here) for name in SIGNED),
            _workload("Deployment", GROWING, gated, 1, _NOWHERE),
            _workload("Deployment", IDLE, gated, 0, here),
            _workload("StatefulSet", NEVER, gated, 1, _NOWHERE),
            _workload("Deployment", BUSY, free, 1, here),
            _workload("Deployment", IDLE, free, 0, here),
            _config_map(gated),
            _config_map(free),
            _lease(free),
        ).must_pass()
        cluster.rolled_out(gated, f"deployment/{GUARDED}")
        # A second revision, so that there is one to roll back to.
        cluster.kubectl("admin", "set", "image", f"deployment/{GUARDED}", "shop=shop:v2", "-n", gated).must_pass()
        for name in (GUARDED, *SIGNED):
            cluster.rolled_out(gated, f"deployment/{name}")
        return shop

    def close(self) -> None:
        """Take away all that a test's own end does not: the nodes, signed for."""
        for name in (self.beating, self.cordoned):
            sign_away(self.cluster, name)
        for name in (self.gated, self.leaving, self.free):
            self.cluster.kubectl("admin", "delete", "namespace", name, "--wait=false").must_pass()

    def pod(self) -> str:
        """A pod that nobody may remove."""
        return min(self._pods().values())

    def note(self, *, sign: bool = True) -> Noted:
        """Note how everything stands; before, sign a scale-down of each Deployment that is there for it."""
        if not sign:
            return Noted(self._generations(), self._pods(), ())
        for name in SIGNED:
            self.cluster.send("admin", "PATCH", f"{self.path(name)}/scale", *_replicas(FULL)).must_pass()
        # A rollout's last status must have come: signing pins what is live.
        for name in SIGNED:
            self.cluster.rolled_out(self.gated, f"deployment/{name}")
        signed = tuple(self._sign(name) for name in SIGNED)
        return Noted(self._generations(), self._pods(), signed)

    def losses(self, noted: Noted) -> Losses:
        """What was lost since; awaits an API server that answers."""
        await_true(lambda: self._answers(), "the API server answered")
        now, before = self._generations(), noted.generations
        unsigned = [
            (f"deployment/{GUARDED} changed", now[GUARDED] - before[GUARDED]),
            *((text, 1) for text in (*self._lost_pods(noted.pods), *self._left())),
        ]
        repeated, used = self._uses(noted, now)
        return Losses(tuple((text, n) for text, n in unsigned if n), tuple(repeated), used)

    def _uses(self, noted: Noted, now: dict[str, int]) -> tuple[list[str], int]:
        """Which signed changes happened more often than was signed, and how many happened."""
        repeated, used = [], 0
        for name, proposed in zip(SIGNED, noted.proposals, strict=bool(noted.proposals)):
            changes, records = now[name] - noted.generations[name], len(self.cluster.admitted(proposed))
            # Once down and once up again is a use; anything more is another.
            if changes > 2 or records > 1 or (changes and not records):
                repeated.append(f"{name}: {changes} changes, {records} records")
            if records == 0:
                # Unused, it would be another use of the same Deployment in the next load.
                self._decide(proposed, "Revoke").must_pass()
            used += bool(changes)
        return repeated, used

    def size(self, name: str, kind: str = "deployments") -> int:
        return int(self.cluster.send("admin", "GET", self.path(name, kind)).must_pass()["spec"]["replicas"])

    def path(self, name: str, kind: str = "deployments", namespace: str = "") -> str:
        return f"/apis/apps/v1/namespaces/{namespace or self.gated}/{kind}/{name}"

    def _sign(self, name: str) -> str:
        target = {"group": "apps", "kind": "Deployment", "name": name}
        asked = proposal(f"p-{secrets.token_hex(4)}", self.gated, "ScaleDown", target, **scale_down(LESS))
        made = self.cluster.send("agent", "POST", AGENT_PROPOSALS.format(self.gated), asked).must_pass()
        named = str(made["metadata"]["name"])
        self._decide(named, "Approve").must_pass()
        return named

    def _decide(self, name: str, decision: str) -> Answer:
        path = f"/apis/cutline.dev/v1alpha1/namespaces/{self.gated}"
        digest = self.cluster.send("admin", "GET", f"{path}/remediationproposals/{name}").must_pass()["spec"]["digest"]
        word = signoff(f"{name}-{decision.lower()}", self.gated, name, digest, decision)
        return self.cluster.send("alice", "POST", f"{path}/signoffs", word)

    def _answers(self) -> bool:
        try:
            return self.cluster.send("admin", "GET", self.path(GUARDED)).passed
        except OSError:
            return False

    def _generations(self) -> dict[str, int]:
        stored = {name: self.cluster.send("admin", "GET", self.path(name)).must_pass() for name in (GUARDED, *SIGNED)}
        return {name: int(tree["metadata"]["generation"]) for name, tree in stored.items()}

    def _pods(self) -> dict[str, str]:
        """Name by uid, of the pods that nobody may remove and that are not on their way out."""
        listed = self.cluster.send(
            "admin", "GET", f"/api/v1/namespaces/{self.gated}/pods?labelSelector=app%3D{GUARDED}"
        ).must_pass()["items"]
        return {
            pod["metadata"]["uid"]: pod["metadata"]["name"]
            for pod in listed
            if "deletionTimestamp" not in pod["metadata"]
        }

    def _lost_pods(self, before: dict[str, str]) -> Iterable[str]:
        for uid in before.keys() - self._pods().keys():
            name = before[uid]
            # The audit log is for the reader of the message: which hand it was. The loss itself needs no log.
            hands = [
                f"{event['user']['username']} {event['verb']} {event['responseStatus']['code']}"
                for event in self.cluster.audit(f'"{name}"')
                if event["verb"] in ("delete", "deletecollection", "create")
            ]
            yield f"pod/{name} is gone ({', '.join(hands[-3:]) or 'no hand in the audit log'})"

    def _left(self) -> Iterable[str]:
        if self.cluster.get("node", self.cordoned)["spec"].get("unschedulable"):
            yield f"node/{self.cordoned} is cordoned"
        if "cutline.dev/line" not in (self.cluster.get("namespace", self.leaving)["metadata"].get("labels") or {}):
            yield f"namespace/{self.leaving} has left its line"


def _replicas(count: int) -> tuple[dict[str, Any], str]:
    return {"spec": {"replicas": count}}, "application/merge-patch+json"


def _node(name: str, mark: str) -> dict[str, Any]:
    capacity = {"cpu": "8", "memory": "32Gi", "pods": "110"}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": {_ONLY_LOAD: mark}, "annotations": {"kwok.x-k8s.io/node": "fake"}},
        "spec": {"taints": [{"key": _ONLY_LOAD, "value": mark, "effect": "NoSchedule"}]},
        "status": {"allocatable": capacity, "capacity": capacity},
    }


def _lease(namespace: str) -> dict[str, Any]:
    metadata = {"name": "leader", "namespace": namespace}
    return {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata}


def _config_map(namespace: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings", "namespace": namespace}}


def _workload(kind: str, name: str, namespace: str, replicas: int, placement: dict[str, Any]) -> dict[str, Any]:
    labels = {"app": name}
    spec = {"containers": [{"name": "shop", "image": "shop:v1"}], **placement}
    template = {"metadata": {"labels": labels}, "spec": spec}
    body: dict[str, Any] = {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template}
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": "apps/v1", "kind": kind, "metadata": metadata, "spec": body}
