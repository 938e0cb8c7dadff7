"""What people write to workloads and to what pods use, and what controllers then do."""

from collections.abc import Iterator

from tests.cases.case import Case, Ends
from tests.cases.stage import Stage
from tests.cases.trimming import trimmed_object

_RESTART = "Restart is recognised as the removal of a pod only"
_JOB = "ScaleDown is not recognised in Jobs"
_DELETE = "Delete is recognised of pods and nodes only"
_MARK = {"spec": {"template": {"metadata": {"annotations": {"example.org/restarted": "now"}}}}}


def rolling(stage: Stage) -> Iterator[Case]:
    for kind, more in (
        ("Deployment", {"replicas": 1}),
        ("DaemonSet", {}),
        ("StatefulSet", {"replicas": 1, "serviceName": "db"}),
    ):
        pod = stage.workload(kind, f"rolling-{kind.lower()}", **more)
        stage.send("PATCH", f"{stage.path_of(kind)}/rolling-{kind.lower()}", _MARK)
        yield stage.case(
            f"{kind.lower()}-template",
            f"Another annotation in the template of a {kind}: a rolling restart.",
            f"PATCH {kind.lower()}s/NAME: spec.template",
            stage.seen("UPDATE", f"{kind.lower()}s"),
            pod.fate(Ends.POD),
            open_=_RESTART,
        )


def partition(stage: Stage) -> Iterator[Case]:
    held = {"type": "RollingUpdate", "rollingUpdate": {"partition": 1}}
    pod = stage.workload("StatefulSet", "held-back", replicas=1, serviceName="db", updateStrategy=held)
    path = f"{stage.path_of('StatefulSet')}/held-back"
    stage.send("PATCH", path, _MARK)
    pod.fate(Ends.NOTHING)
    stage.send("PATCH", path, {"spec": {"updateStrategy": {"rollingUpdate": {"partition": 0}}}})
    yield stage.case(
        "statefulset-partition",
        "The partition that held an update back is lowered.",
        "PATCH statefulsets/NAME: spec.updateStrategy.rollingUpdate.partition",
        stage.seen("UPDATE", "statefulsets"),
        pod.fate(Ends.POD),
        open_=_RESTART,
    )


def scaling(stage: Stage) -> Iterator[Case]:
    pod = stage.workload("Deployment", "scaled", replicas=1)
    path = f"{stage.path_of('Deployment')}/scaled"
    target = stage.get(path)
    assert target is not None
    stage.send("PATCH", f"{path}/scale", {"spec": {"replicas": 0}})
    yield stage.case(
        "deployment-scale-to-zero",
        "A Deployment is scaled to zero.",
        "PATCH deployments/NAME/scale",
        stage.seen("UPDATE", "deployments", "scale"),
        pod.fate(Ends.POD),
        target=trimmed_object(target),
    )
    yield stage.case(
        "pod-deleted-by-replica-set-controller",
        "The ReplicaSet controller deletes a pod that is one too many.",
        "DELETE pods/NAME by the controller",
        stage.seen("DELETE", "pods", by="system:serviceaccount:kube-system:replicaset-controller"),
        pod.fate(Ends.POD),
    )
    pod = stage.workload("Deployment", "deleted", replicas=1)
    stage.send("DELETE", f"{stage.path_of('Deployment')}/deleted")
    yield stage.case(
        "deployment-delete",
        "A Deployment is deleted.",
        "DELETE deployments/NAME",
        stage.seen("DELETE", "deployments"),
        pod.fate(Ends.POD),
        open_=_DELETE,
    )


def jobs(stage: Stage) -> Iterator[Case]:
    for name, what, spec in (
        ("suspended", "A running Job is suspended.", {"suspend": True}),
        ("overdue", "A running Job is given a deadline that has passed.", {"activeDeadlineSeconds": 1}),
        ("narrowed", "A running Job may run fewer pods at a time: none.", {"parallelism": 0}),
    ):
        pod = stage.workload("Job", name, "batch", pod={"restartPolicy": "Never"})
        stage.send("PATCH", f"{stage.path_of('Job', 'batch')}/{name}", {"spec": spec})
        yield stage.case(
            f"job-{name}",
            what,
            f"PATCH jobs/NAME: spec.{next(iter(spec))}",
            stage.seen("UPDATE", "jobs"),
            pod.fate(Ends.POD),
            open_=_JOB,
        )


def what_a_pod_uses(stage: Stage) -> Iterator[Case]:
    core = f"/api/v1/namespaces/{stage.namespace}"
    stage.create(f"{core}/configmaps", {"metadata": {"name": "settings"}, "data": {"mode": "fast"}})
    stage.create(f"{core}/serviceaccounts", {"metadata": {"name": "user"}})
    source = {"configMapKeyRef": {"name": "settings", "key": "mode"}}
    container = {
        "name": "main",
        "image": "shop:v1",
        "env": [{"name": "MODE", "valueFrom": source}],
        "volumeMounts": [{"name": "settings", "mountPath": "/settings"}],
    }
    volume = {"name": "settings", "configMap": {"name": "settings"}}
    pod = stage.pod("user", containers=[container], volumes=[volume], serviceAccountName="user")
    stage.send("PATCH", f"{core}/configmaps/settings", {"data": {"mode": "slow"}})
    yield stage.case(
        "configmap-in-use",
        "A ConfigMap changes that a running pod has mounted and in its environment.",
        "PATCH configmaps/NAME",
        stage.seen("UPDATE", "configmaps"),
        pod.fate(Ends.NOTHING),
    )
    stage.send("DELETE", f"{core}/serviceaccounts/user")
    yield stage.case(
        "serviceaccount-in-use",
        "The service account of a running pod is deleted.",
        "DELETE serviceaccounts/NAME",
        stage.seen("DELETE", "serviceaccounts"),
        pod.fate(Ends.NOTHING),
    )


SCENARIOS = (rolling, partition, scaling, jobs, what_a_pod_uses)
