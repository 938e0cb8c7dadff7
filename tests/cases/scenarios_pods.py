"""What people write to pods, and to their subresources."""

from collections.abc import Callable, Iterator
from typing import Any

from tests.cases.case import Case, Ends
from tests.cases.stage import KILL, STRATEGIC, Stage, scripted
from tests.cases.trimming import trimmed_object

_RESTART = "Restart is recognised as the removal of a pod only"
_INSIDE = "what happens inside a container is not the API server's to judge"
_FORGED = {"status": {"phase": "Failed"}}
_LIMITS = {"requests": {"cpu": "10m", "memory": "16Mi"}, "limits": {"cpu": "50m", "memory": "64Mi"}}


def new_image(stage: Stage) -> Iterator[Case]:
    pod = stage.pod("new-image")
    pod.patch({"spec": {"containers": [{"name": "main", "image": "shop:v2"}]}}, content_type=STRATEGIC)
    yield stage.case(
        "pod-image",
        "Another image for the container of a running pod.",
        "PATCH pods/NAME: spec.containers[0].image",
        stage.seen("UPDATE", "pods"),
        pod.fate(Ends.CONTAINER),
        open_=_RESTART,
    )


def resize(stage: Stage) -> Iterator[Case]:
    policy = [
        {"resourceName": "cpu", "restartPolicy": "NotRequired"},
        {"resourceName": "memory", "restartPolicy": "RestartContainer"},
    ]
    container = {"name": "main", "image": "shop:v1", "resources": _LIMITS, "resizePolicy": policy}
    for part, amount, ends in (("cpu", "20m", Ends.NOTHING), ("memory", "32Mi", Ends.CONTAINER)):
        pod = stage.pod(f"resize-{part}", containers=[container])
        less = {"containers": [{"name": "main", "resources": {"limits": {part: amount}}}]}
        pod.patch({"spec": less}, "resize", STRATEGIC)
        says = "that is to be restarted for it" if ends is Ends.CONTAINER else "that need not be restarted for it"
        yield stage.case(
            f"pod-resize-{part}",
            f"Less {part} for a container {says} (resizePolicy).",
            f"PATCH pods/NAME/resize: limits.{part}",
            stage.seen("UPDATE", "pods", "resize"),
            pod.fate(ends),
            open_=_RESTART if ends is Ends.CONTAINER else "",
        )


def deadline(stage: Stage) -> Iterator[Case]:
    pod = stage.pod("deadline")
    pod.patch({"spec": {"activeDeadlineSeconds": 1}})
    what, sent = "A deadline that has passed, for a running pod", "PATCH pods/NAME: spec.activeDeadlineSeconds"
    seen, fate = stage.seen("UPDATE", "pods"), pod.fate(Ends.POD)
    yield stage.case("pod-deadline", f"{what}.", sent, seen, fate)
    signed = {"action": "Restart", "approvedBy": ["alice"]}
    yield stage.case(
        "pod-deadline-signed", f"{what}, and a person has approved of it.", sent, seen, fate, proposal=signed
    )
    yield stage.case(
        "pod-failed-by-its-kubelet",
        "The kubelet reports that a pod has ended.",
        "PATCH pods/NAME/status by the kubelet of its node",
        stage.seen("UPDATE", "pods", "status", by=f"system:node:{pod.node}", which=_says_failed),
        fate,
    )


def _says_failed(request: dict[str, Any]) -> bool:
    return bool(request["object"]["status"].get("phase") == "Failed")


def _is_about(name: str) -> Callable[[dict[str, Any]], bool]:
    return lambda request: bool(request.get("name") == name)


def _is_first_about(name: str) -> Callable[[dict[str, Any]], bool]:
    """A forced deletion is asked about again when the first part of it is done."""
    return lambda request: request.get("name") == name and "deletionTimestamp" not in request["oldObject"]["metadata"]


def ephemeral_containers(stage: Stage) -> Iterator[Case]:
    for name, script, ends in (("looks", "pass", Ends.NOTHING), ("kills", KILL, Ends.CONTAINER)):
        pod = stage.script(f"debug-{name}")
        debugger = {**scripted("debugger", script), "targetContainerName": "main"}
        pod.patch({"spec": {"ephemeralContainers": [debugger]}}, "ephemeralcontainers", STRATEGIC)
        yield stage.case(
            f"pod-ephemeral-container-{name}",
            f"An ephemeral container that {name} at the processes of a running one."
            if name == "looks"
            else "An ephemeral container that kills the first process of a running one.",
            "PATCH pods/NAME/ephemeralcontainers",
            stage.seen("UPDATE", "pods", "ephemeralcontainers"),
            pod.fate(ends),
            open_=_INSIDE if ends is Ends.CONTAINER else "",
        )


def connections(stage: Stage) -> Iterator[Case]:
    pod = stage.script("exec")
    stage.kubectl("exec", "exec", "-n", stage.namespace, "--", "python3", "-c", KILL)
    yield stage.case(
        "pod-exec-kill",
        "A command in a container that kills its first process.",
        "kubectl exec NAME -- kill 1",
        stage.seen("CONNECT", "pods", "exec"),
        pod.fate(Ends.CONTAINER),
        open_=_INSIDE,
    )
    pod = stage.script("attach")
    for subresource, query in (("attach", "?container=main&stdout=true"), ("portforward", "?ports=80")):
        stage.connect(f"{pod.path}/{subresource}{query}")
        yield stage.case(
            f"pod-{subresource}",
            f"A connection with a container ({subresource}).",
            f"POST pods/NAME/{subresource}",
            stage.seen("CONNECT", "pods", subresource),
            pod.fate(Ends.NOTHING),
        )


def forged_ends(stage: Stage) -> Iterator[Case]:
    sent = "PATCH pods/NAME/status: status.phase by somebody else than the kubelet"
    pod = stage.pod("reported")
    pod.patch(_FORGED, "status")
    yield stage.case(
        "pod-status-failed",
        "Somebody reports that a pod without a controller has failed; its kubelet puts that right.",
        sent,
        stage.seen("UPDATE", "pods", "status"),
        pod.fate(Ends.NOTHING),
    )
    yield stage.case(
        "pod-running-by-its-kubelet",
        "The kubelet puts right what somebody reported of its pod.",
        "PATCH pods/NAME/status by the kubelet of its node",
        stage.seen("UPDATE", "pods", "status", by=f"system:node:{pod.node}"),
        pod.fate(Ends.NOTHING),
    )
    pod = stage.pod("reported-and-touched")
    pod.patch(_FORGED, "status")
    seen = stage.seen("UPDATE", "pods", "status")
    pod.patch({"metadata": {"annotations": {"touched": "yes"}}})
    yield stage.case(
        "pod-status-failed-and-touched",
        "Somebody reports that a pod has failed, and writes to it before its kubelet can put that right.",
        f"{sent}; then PATCH pods/NAME: an annotation",
        seen,
        pod.fate(Ends.POD),
    )
    pod = stage.workload("StatefulSet", "reported-db", serviceName="db", replicas=1)
    pod.patch(_FORGED, "status")
    yield stage.case(
        "pod-status-failed-of-stateful-set",
        "Somebody reports that a pod of a StatefulSet has failed; its controller believes it.",
        sent,
        stage.seen("UPDATE", "pods", "status"),
        fate := pod.fate(Ends.POD),
    )
    yield stage.case(
        "pod-deleted-by-stateful-set-controller",
        "The StatefulSet controller deletes a pod that is said to have failed.",
        "DELETE pods/NAME by the controller",
        stage.seen("DELETE", "pods", by="system:serviceaccount:kube-system:statefulset-controller"),
        fate,
    )


def removals(stage: Stage) -> Iterator[Case]:
    for name, what, options in (
        ("pod-delete", "A running pod is deleted.", {}),
        ("pod-delete-force", "A running pod is deleted by force.", {"gracePeriodSeconds": 0}),
    ):
        pod = stage.pod(name)
        stage.send("DELETE", pod.path, {"kind": "DeleteOptions", "apiVersion": "v1", **options}, "application/json")
        fate, seen = pod.fate(Ends.POD), stage.seen("DELETE", "pods", which=_is_first_about(name))
        yield stage.case(name, what, f"DELETE pods/NAME {options or ''}".strip(), seen, fate)
    yield stage.case(
        "pod-deleted-by-its-kubelet",
        "The kubelet deletes a pod whose containers have ended.",
        "DELETE pods/NAME by the kubelet of its node",
        stage.seen("DELETE", "pods", by="system:node:real-2", which=_is_about("pod-delete")),
        fate,
    )
    pod = stage.pod("evicted")
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "evicted"}}
    stage.send("POST", f"{pod.path}/eviction", eviction)
    yield stage.case(
        "pod-eviction",
        "A running pod is evicted.",
        "POST pods/NAME/eviction",
        stage.seen("CREATE", "pods", "eviction"),
        pod.fate(Ends.POD),
        target=trimmed_object({"apiVersion": "v1", "kind": "Pod", **pod.before}),
    )
    pod = stage.pod("collected")
    stage.send("DELETE", f"{stage.pods}?labelSelector=app%3Dcollected")
    yield stage.case(
        "pod-delete-collection",
        "Running pods are deleted as a collection.",
        "DELETE pods",
        stage.seen("DELETE", "pods", which=lambda one: not one.get("name")),
        pod.fate(Ends.POD),
    )


def ownership(stage: Stage) -> Iterator[Case]:
    pod = stage.pod("given-away")
    nobody = {"apiVersion": "v1", "kind": "ConfigMap", "name": "nobody", "uid": "0b4a1a52-0000-4000-8000-000000000000"}
    pod.patch({"metadata": {"ownerReferences": [nobody]}})
    yield stage.case(
        "pod-owner-that-never-was",
        "A pod is given an owner that does not exist; the garbage collector deletes it.",
        "PATCH pods/NAME: metadata.ownerReferences",
        stage.seen("UPDATE", "pods"),
        pod.fate(Ends.POD),
    )
    pod = stage.workload("Deployment", "let-go", replicas=1)
    pod.patch({"metadata": {"labels": {"app": "nobodys"}}})
    yield stage.case(
        "pod-label-of-its-controller",
        "A pod is given another label than its ReplicaSet selects; it is let go, and another made in its place.",
        "PATCH pods/NAME: metadata.labels",
        stage.seen("UPDATE", "pods"),
        pod.fate(Ends.NOTHING),
    )
    pod.patch({"metadata": {"annotations": {"note": "x"}, "finalizers": ["example.org/hold"]}})
    yield stage.case(
        "pod-annotation-and-finalizer",
        "A pod is given an annotation and a finalizer.",
        "PATCH pods/NAME: metadata.annotations, metadata.finalizers",
        stage.seen("UPDATE", "pods"),
        pod.fate(Ends.NOTHING),
    )
    pod.patch({"metadata": {"finalizers": None}})
    yield stage.case(
        "pod-finalizer-taken-away",
        "The finalizer of a running pod is taken away.",
        "PATCH pods/NAME: metadata.finalizers",
        stage.seen("UPDATE", "pods"),
        pod.fate(Ends.NOTHING),
    )


SCENARIOS = (new_image, resize, deadline, ephemeral_containers, connections, forged_ends, removals, ownership)
