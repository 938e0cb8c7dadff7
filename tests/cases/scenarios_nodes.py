"""What people write to nodes, and what becomes of the pods there."""

from collections.abc import Iterator
from typing import Any

from tests.cases.case import Case, Ends
from tests.cases.stage import Stage
from tests.e2e.waiting import await_true

_INSIDE = "what happens inside a container is not the API server's to judge"
_NODE = "real-1"
_PATH = f"/api/v1/nodes/{_NODE}"
_CONTROLLER = "system:serviceaccount:kube-system:node-controller"
_TAINT = {"key": "example.org/maintenance", "effect": "NoExecute"}
_TOLERATES = {**_TAINT, "operator": "Exists"}
_NOT_READY = {"key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute"}


def tolerations(stage: Stage) -> Iterator[Case]:
    front, behind = (stage.pod(f"tolerates-{name}", _NODE, tolerations=[_TOLERATES]) for name in ("front", "behind"))
    stage.testbed.api().request("PATCH", _PATH, {"spec": {"taints": [_TAINT]}}, "application/merge-patch+json")
    limited = _TOLERATES | {"tolerationSeconds": 1}
    behind.patch({"spec": {"tolerations": [*behind.before["spec"]["tolerations"], limited]}})
    yield stage.case(
        "pod-toleration-behind",
        "A toleration with a time limit is put behind the one by which a pod stays on a tainted node.",
        "PATCH pods/NAME: spec.tolerations",
        stage.seen("UPDATE", "pods"),
        behind.fate(Ends.NOTHING),
    )
    front.patch({"spec": {"tolerations": [limited, *front.before["spec"]["tolerations"]]}})
    yield stage.case(
        "pod-toleration-in-front",
        "A toleration with a time limit is put before the one by which a pod stays on a tainted node.",
        "PATCH pods/NAME: spec.tolerations",
        stage.seen("UPDATE", "pods"),
        front.fate(Ends.POD),
    )
    stage.testbed.api().request("PATCH", _PATH, {"spec": {"taints": None}}, "application/merge-patch+json")


def marks(stage: Stage) -> Iterator[Case]:
    pod = stage.pod("marked", _NODE)
    stage.send("PATCH", _PATH, {"spec": {"unschedulable": True}})
    yield stage.case(
        "node-cordon",
        "A node is cordoned.",
        "PATCH nodes/NAME: spec.unschedulable",
        stage.seen("UPDATE", "nodes"),
        pod.fate(Ends.NOTHING),
    )
    stage.send("PATCH", _PATH, {"metadata": {"labels": {"example.org/zone": "a"}}, "spec": {"unschedulable": None}})
    yield stage.case(
        "node-label",
        "A node is given a label and may be used again.",
        "PATCH nodes/NAME: metadata.labels, spec.unschedulable",
        stage.seen("UPDATE", "nodes"),
        pod.fate(Ends.NOTHING),
    )
    stage.send("PATCH", _PATH, {"spec": {"taints": [_TAINT]}})
    yield stage.case(
        "node-taint-no-execute",
        "A node is given a NoExecute taint.",
        "PATCH nodes/NAME: spec.taints",
        stage.seen("UPDATE", "nodes"),
        pod.fate(Ends.POD),
    )
    yield stage.case(
        "pod-deleted-by-taint-eviction",
        "The taint-eviction controller deletes a pod that does not tolerate a taint.",
        "DELETE pods/NAME by the controller",
        stage.seen("DELETE", "pods", by=_CONTROLLER),
        pod.fate(Ends.POD),
    )
    stage.send("PATCH", _PATH, {"spec": {"taints": None}})


def reports(stage: Stage) -> Iterator[Case]:
    patient = stage.pod("patient", _NODE)
    hasty = stage.pod("hasty", _NODE, tolerations=[_NOT_READY | {"tolerationSeconds": 0}])
    _say_ready(stage, "False")
    yield stage.case(
        "node-status-not-ready",
        "Somebody reports that a node is not ready; before its kubelet puts that right, the node is tainted.",
        "PATCH nodes/NAME/status: status.conditions",
        stage.seen("UPDATE", "nodes", "status"),
        hasty.fate(Ends.POD),
    )
    yield stage.case(
        "node-tainted-by-its-controller",
        "The node controller taints a node that is said not to be ready.",
        "PATCH nodes/NAME by the controller",
        stage.seen("UPDATE", "nodes", by=_CONTROLLER, which=_evicts),
        patient.fate(Ends.NOTHING),
    )
    yield stage.case(
        "node-ready-by-its-kubelet",
        "The kubelet puts right what somebody reported of its node.",
        "PATCH nodes/NAME/status by its kubelet",
        stage.seen("UPDATE", "nodes", "status", by=f"system:node:{_NODE}", which=_becomes_ready),
        patient.fate(Ends.NOTHING),
    )
    stage.send("PATCH", f"{_PATH}/status", {"status": {"allocatable": {"pods": "0"}}})
    yield stage.case(
        "node-status-allocatable",
        "Somebody reports that a node has room for no pod; until its kubelet puts that right, it takes none.",
        "PATCH nodes/NAME/status: status.allocatable",
        stage.seen("UPDATE", "nodes", "status"),
        patient.fate(Ends.NOTHING),
    )
    await_true(lambda: _room(stage) > 0, "the kubelet put right for how many pods there is room")


def _room(stage: Stage) -> int:
    node = stage.get(_PATH)
    return int(node["status"]["allocatable"]["pods"]) if node else 0


def _say_ready(stage: Stage, status: str) -> None:
    node = stage.get(_PATH)
    assert node is not None
    for condition in node["status"]["conditions"]:
        if condition["type"] == "Ready":
            condition["status"] = status
    stage.send("PATCH", f"{_PATH}/status", {"status": {"conditions": node["status"]["conditions"]}})


def _evicts(request: dict[str, Any]) -> bool:
    return any(taint["effect"] == "NoExecute" for taint in request["object"]["spec"].get("taints") or ())


def _becomes_ready(request: dict[str, Any]) -> bool:
    return _is_ready(request["object"]) and not _is_ready(request["oldObject"])


def _is_ready(node: dict[str, Any]) -> bool:
    return any(one["type"] == "Ready" and one["status"] == "True" for one in node["status"]["conditions"])


def through_the_kubelet(stage: Stage) -> Iterator[Case]:
    pod = stage.script("through-the-kubelet", _NODE)
    command = "python3+-c+__import__('os').kill(1,15)"
    stage.connect(f"{_PATH}/proxy/run/{stage.namespace}/{pod.name}/main?cmd={command}")
    yield stage.case(
        "node-proxy-run",
        "A command in a container by way of the kubelet's own API, which kills its first process.",
        "POST nodes/NAME/proxy/run/NAMESPACE/POD/CONTAINER",
        stage.seen("CONNECT", "nodes", "proxy"),
        pod.fate(Ends.CONTAINER),
        open_=_INSIDE,
    )


def deletion(stage: Stage) -> Iterator[Case]:
    pod = stage.pod("on-a-deleted-node", _NODE)
    stage.send("DELETE", _PATH)
    seen = stage.seen("DELETE", "nodes")
    yield stage.case(
        "node-delete",
        "A node is deleted whose kubelet is alive and does not register it again before it is restarted.",
        "DELETE nodes/NAME",
        seen,
        fate := pod.fate(Ends.POD),
    )
    yield stage.case(
        "pod-failed-by-garbage-collector",
        "The pod garbage collector marks a pod as failed whose node is gone.",
        "PATCH pods/NAME/status by the controller",
        stage.seen("UPDATE", "pods", "status", by="system:serviceaccount:kube-system:pod-garbage-collector"),
        fate,
    )
    yield stage.case(
        "pod-deleted-by-garbage-collector",
        "The pod garbage collector deletes a pod whose node is gone.",
        "DELETE pods/NAME by the controller",
        stage.seen("DELETE", "pods", by="system:serviceaccount:kube-system:pod-garbage-collector"),
        fate,
    )
    stage.testbed.stop_component(f"kubelet-{_NODE}")
    stage.testbed.start_component(f"kubelet-{_NODE}")


SCENARIOS = (tolerations, marks, reports, through_the_kubelet, deletion)
