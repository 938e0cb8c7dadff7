"""What writes to pods really do where a kubelet runs them, and which of them the gate refuses.

Where no line is drawn each write is sent and its effect awaited; where one is, the same write is refused
and the pod is still the same. `OPEN` is what passes although it ends a container: docs/explanation/limits.md
says so, and a row goes away with the rule that closes it. The reviews of these and more are in tests/cases/.
"""

import json
import signal
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from cutline_testbed.images.provenance import version_of
from cutline_testbed.paths import checkout_root
from tests.cases.stage import KILL, STRATEGIC, pod_spec, scripted
from tests.e2e.cluster import Cluster, Outcome
from tests.e2e.login import MERGE, Answer
from tests.e2e.waiting import await_true

pytestmark = pytest.mark.node

_NODE = "real-2"
_CONTAINER = {
    **scripted(),
    "resources": {"requests": {"memory": "16Mi"}, "limits": {"cpu": "50m", "memory": "64Mi"}},
    "resizePolicy": [{"resourceName": "memory", "restartPolicy": "RestartContainer"}],
}
_STAYS = {"key": "example.org/maintenance", "operator": "Exists", "effect": "NoExecute"}


@dataclass(frozen=True, slots=True)
class Victim:
    """A running pod of one container, as it was before."""

    cluster: Cluster
    namespace: str
    name: str
    uid: str
    restarts: int

    @staticmethod
    def of(cluster: Cluster, namespace: str, name: str) -> "Victim":
        await_true(lambda: _runs(cluster.get("pod", name, namespace)), f"{name} ran")
        pod = cluster.get("pod", name, namespace)
        return Victim(cluster, namespace, name, pod["metadata"]["uid"], _status(pod)["restartCount"])

    @property
    def path(self) -> str:
        return f"/api/v1/namespaces/{self.namespace}/pods/{self.name}"

    def patch(self, body: dict[str, Any], subresource: str = "", kind: str = MERGE) -> Answer:
        return self.cluster.send("mallory", "PATCH", f"{self.path}/{subresource}".rstrip("/"), body, kind)

    def exec(self, *command: str) -> Outcome:
        return self.cluster.kubectl("mallory", "exec", self.name, "-n", self.namespace, "--", *command)

    def now(self) -> dict[str, Any]:
        return self.cluster.get("pod", self.name, self.namespace)

    def await_restart(self) -> None:
        """Another container, in the same pod."""
        await_true(lambda: _status(self.now())["restartCount"] > self.restarts, f"{self.name} was restarted")
        assert self.now()["metadata"]["uid"] == self.uid

    def await_end(self) -> None:
        """Its containers ended for good, or it was deleted and perhaps made again."""

        def is_over() -> bool:
            pod = self.now()
            if not pod or pod["metadata"]["uid"] != self.uid:
                return True
            return pod["status"]["phase"] in ("Failed", "Succeeded") and "terminated" in _status(pod)["state"]

        await_true(is_over, f"{self.name} was over")

    def must_be_unharmed(self) -> None:
        pod = self.now()
        assert pod["metadata"]["uid"] == self.uid
        assert "deletionTimestamp" not in pod["metadata"]
        assert _runs(pod)
        assert _status(pod)["restartCount"] == self.restarts


def _status(pod: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = next(iter(pod.get("status", {}).get("containerStatuses") or [{"restartCount": 0}]))
    return found


def _runs(pod: dict[str, Any]) -> bool:
    return pod.get("status", {}).get("phase") == "Running" and "running" in _status(pod).get("state", {})


@pytest.fixture(scope="module", autouse=True)
def _script_image(standing_cluster: Cluster) -> None:
    """The only image on these nodes with an interpreter in it, by the name that the pods here use."""
    nodes = standing_cluster.testbed.real_nodes
    assert nodes is not None
    for node in nodes.nodes:
        node.tag_image(
            f"docker.io/library/cutline-webhook:{version_of(checkout_root())}", "docker.io/library/script:v1"
        )


@pytest.fixture
def free(cluster: Cluster) -> str:
    """A namespace in which no line is drawn."""
    return cluster.namespace(line=None)


@pytest.fixture
def gated(cluster: Cluster) -> str:
    return cluster.namespace()


def pod_in(cluster: Cluster, namespace: str, name: str = "web", **spec: Any) -> Victim:
    spec = pod_spec(containers=[_CONTAINER], **spec)
    tree = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": namespace}, "spec": spec}
    cluster.apply("admin", tree).must_pass()
    return Victim.of(cluster, namespace, name)


def stateful_pod_in(cluster: Cluster, namespace: str) -> Victim:
    labels = {"app": "db"}
    template = {"metadata": {"labels": labels}, "spec": pod_spec(containers=[_CONTAINER])}
    spec = {"replicas": 1, "serviceName": "db", "selector": {"matchLabels": labels}, "template": template}
    metadata = {"name": "db", "namespace": namespace}
    cluster.apply(
        "admin", {"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": metadata, "spec": spec}
    ).must_pass()
    return Victim.of(cluster, namespace, "db-0")


# What restarts a container. None of it is gated yet.


def _new_image(pod: Victim) -> None:
    image = {"spec": {"containers": [{"name": "main", "image": f"cutline-webhook:{version_of(checkout_root())}"}]}}
    pod.patch(image, kind=STRATEGIC).must_pass()


def _less_memory(pod: Victim) -> None:
    less = {"containers": [{"name": "main", "resources": {"limits": {"memory": "48Mi"}}}]}
    pod.patch({"spec": less}, "resize", STRATEGIC).must_pass()


def _kill_by_exec(pod: Victim) -> None:
    done = pod.exec("python3", "-c", KILL)
    # What kills the container's first process is mostly killed with it.
    assert done.code in (0, 128 + signal.SIGKILL), done.output


def _kill_by_ephemeral_container(pod: Victim) -> None:
    debugger = {**scripted("debugger", KILL), "targetContainerName": "main"}
    pod.patch({"spec": {"ephemeralContainers": [debugger]}}, "ephemeralcontainers", STRATEGIC).must_pass()


def _kill_through_the_kubelet(pod: Victim) -> None:
    node = pod.now()["spec"]["nodeName"]
    url = f"/api/v1/nodes/{node}/proxy/run/{pod.namespace}/{pod.name}/main?cmd=python3+-c+{KILL}"
    pod.cluster.kubectl("mallory", "create", "--raw", url, "-f", "/dev/null")


OPEN = [_new_image, _less_memory, _kill_by_exec, _kill_by_ephemeral_container, _kill_through_the_kubelet]


@pytest.mark.parametrize("act", OPEN, ids=lambda act: act.__name__.strip("_"))
def test_what_restarts_a_container_passes_even_where_a_line_is_drawn(
    cluster: Cluster, gated: str, act: Callable[[Victim], None]
) -> None:
    pod = pod_in(cluster, gated)
    act(pod)
    pod.await_restart()


# What ends a pod. All of it is gated.


def _deadline(pod: Victim) -> Answer:
    return pod.patch({"spec": {"activeDeadlineSeconds": 1}})


def _reported_failed(pod: Victim) -> Answer:
    return pod.patch({"status": {"phase": "Failed"}}, "status")


def _reported_succeeded(pod: Victim) -> Answer:
    return pod.patch({"status": {"phase": "Succeeded"}}, "status")


def _eviction(pod: Victim) -> Answer:
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod.name}}
    return pod.cluster.send("mallory", "POST", f"{pod.path}/eviction", eviction)


def _deletion(pod: Victim) -> Answer:
    return pod.cluster.send("mallory", "DELETE", pod.path)


ENDS = [_deadline, _reported_failed, _reported_succeeded, _eviction, _deletion]
each_end = pytest.mark.parametrize("act", ENDS, ids=lambda act: act.__name__.strip("_"))


@each_end
def test_a_pod_is_ended_where_no_line_is_drawn(cluster: Cluster, free: str, act: Callable[[Victim], Answer]) -> None:
    pod = stateful_pod_in(cluster, free)
    act(pod).must_pass()
    pod.await_end()


@each_end
def test_and_is_not_where_one_is(cluster: Cluster, gated: str, act: Callable[[Victim], Answer]) -> None:
    pod = stateful_pod_in(cluster, gated)
    act(pod).must_be_refused("PodRemoval of pod/db-0")
    pod.must_be_unharmed()


def test_a_pod_reported_failed_and_written_to_is_ended_by_its_own_kubelet(cluster: Cluster, free: str) -> None:
    """Without a controller that believes the report it takes a second write, before the kubelet has put it right."""
    pod = pod_in(cluster, free)

    def is_over() -> bool:
        now = pod.now()
        if "terminated" in _status(now)["state"]:
            return True
        _reported_failed(pod).must_pass()
        pod.patch({"metadata": {"annotations": {"touched": now["metadata"]["resourceVersion"]}}}).must_pass()
        return False

    await_true(is_over, "the kubelet ended what is said to have failed")


def test_a_time_limit_before_the_toleration_by_which_a_pod_stays_is_refused(cluster: Cluster, gated: str) -> None:
    pod = pod_in(cluster, gated, tolerations=[_STAYS])
    stays = pod.now()["spec"]["tolerations"]
    limited = _STAYS | {"tolerationSeconds": 1}
    pod.patch({"spec": {"tolerations": [limited, *stays]}}).must_be_refused("PodRemoval of pod/web")
    pod.patch({"spec": {"tolerations": [*stays, limited]}}).must_pass()
    pod.must_be_unharmed()


def test_a_node_is_reported_lost_by_its_own_kubelet_alone(cluster: Cluster) -> None:
    conditions = cluster.get("node", _NODE)["status"]["conditions"]
    lost = [one | {"status": "False"} if one["type"] == "Ready" else one for one in conditions]
    path = f"/api/v1/nodes/{_NODE}/status"
    cluster.send("mallory", "PATCH", path, {"status": {"conditions": lost}}, MERGE).must_be_refused(
        f"Drain of node/{_NODE}"
    )
    pressed = [one | {"reason": "Noticed"} if one["type"] == "PIDPressure" else one for one in conditions]
    cluster.send("mallory", "PATCH", path, {"status": {"conditions": pressed}}, MERGE).must_pass()


def test_a_kubelet_reports_the_end_of_its_pods_where_a_line_is_drawn(cluster: Cluster, gated: str) -> None:
    """One that ends by itself, and one that is ended by a deadline it was made with."""
    job = {"template": {"spec": pod_spec(restartPolicy="Never", containers=[scripted(script="pass")])}}
    metadata = {"name": "report", "namespace": gated}
    late = {"metadata": {"name": "late", "namespace": gated}, "spec": pod_spec(activeDeadlineSeconds=1)}
    cluster.apply(
        "admin",
        {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": job},
        {"apiVersion": "v1", "kind": "Pod", **late},
    ).must_pass()
    await_true(lambda: cluster.get("job", "report", gated)["status"].get("succeeded") == 1, "the job was done")
    await_true(lambda: cluster.get("pod", "late", gated)["status"]["phase"] == "Failed", "the pod was over")
    writes = [event for event in cluster.audit(f"/namespaces/{gated}/pods/") if "/status" in event["requestURI"]]
    assert any(event["user"]["username"].startswith("system:node:") for event in writes)
    assert all(event["responseStatus"]["code"] in (200, 404, 409) for event in writes), json.dumps(writes)
