"""The gate's conditions and rules, evaluated by a real API server.

Nobody serves the webhook here: a request that the conditions let through to it fails, one that they
skip passes. So each test sees which of the two a request is, and that no expression errs.
"""

import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from cutline.domain.exempt import BUILT_IN
from cutline.process.clock import utc_now
from cutline_operator.certificates import make_authority
from cutline_operator.owner import Owner
from cutline_operator.webhook_address import WebhookAddress
from cutline_operator.webhook_configurations import Connection, gate
from tests.operator.api_server import Answer, ApiServer, api_server

pytestmark = pytest.mark.e2e

CONFIGURATIONS = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations"
NAME = "conditions-under-test"
NODE = "conditions-node"
CONTROLLERS = "system:serviceaccounts:kube-system"
CREDENTIAL = "JTI=some-token"
SHARES = [f"deployment.kubernetes.io/{name}-replicas" for name in ("desired", "max")]
CRDS = Path(__file__).parents[2] / "crds"


def controller(name: str) -> str:
    return f"system:serviceaccount:kube-system:{name}"


def await_gate(server: ApiServer, scope: str, *, stands: bool) -> None:
    """API servers learn of a configuration, and of its end, after a moment."""
    deadline = time.monotonic() + 20
    while removal(server, scope, "pod-probe", dry_run=True).asked_a_webhook is not stands:
        assert time.monotonic() < deadline, "the configuration did not take effect"
        time.sleep(0.2)


def configuration() -> dict[str, Any]:
    """The gate's configuration, pointing to where nobody listens."""
    authority = make_authority(utc_now())
    address = WebhookAddress("https://127.0.0.1:1", "cutline-webhook", 443, "cutline-system")
    owner = Owner("v1", "Namespace", "default", "unused")
    tree = gate(Connection(address, "0" * 32, authority.certificate_pem), owner, BUILT_IN)
    tree["metadata"] = {"name": NAME}
    return tree


def workload(name: str, kind: str = "Deployment", replicas: int | None = 3) -> dict[str, Any]:
    """Labelled by its kind, too: no Deployment adopts a ReplicaSet of the same name."""
    labels = {"app": name, "kind": kind}
    template = {
        "metadata": {"labels": labels},
        "spec": {"containers": [{"name": "c", "image": "registry.example/app:1"}], "schedulerName": "nobody"},
    }
    spec: dict[str, Any] = {"selector": {"matchLabels": labels}, "template": template}
    if replicas is not None:
        spec["replicas"] = replicas
    if kind == "StatefulSet":
        spec["serviceName"] = name
    return {"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": name, "labels": labels}, "spec": spec}


def pod(name: str, node: str = NODE) -> dict[str, Any]:
    spec = {
        "containers": [{"name": "c", "image": "registry.example/app:1"}],
        "nodeName": node,
        "terminationGracePeriodSeconds": 0,
        "automountServiceAccountToken": False,
    }
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": {"app": name}}, "spec": spec}


def removal(server: ApiServer, scope: str, name: str, *, dry_run: bool) -> Answer:
    return server.send("DELETE", f"/api/v1/namespaces/{scope}/pods/{name}", {"dryRun": ["All"] if dry_run else []})


def create(server: ApiServer, path: str, tree: dict[str, Any]) -> None:
    answer = server.send("POST", path, tree)
    assert answer.code in (201, 409), answer


def create_owned(server: ApiServer, scope: str) -> None:
    """A ReplicaSet with a controller that leaves it alone, and with its share of pods noted."""
    owner = server.send("POST", f"/api/v1/namespaces/{scope}/configmaps", {"metadata": {"name": "owner"}})
    reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": owner.body["metadata"]["uid"]}
    tree = workload("owned", "ReplicaSet")
    tree["metadata"] |= {"annotations": {SHARES[0]: "3"}, "ownerReferences": [{**reference, "controller": True}]}
    create(server, f"/apis/apps/v1/namespaces/{scope}/replicasets", tree)


@pytest.fixture(scope="module")
def server(bare_admin_kubeconfig: Path) -> ApiServer:
    return api_server(bare_admin_kubeconfig)


@pytest.fixture(scope="module")
def scope(server: ApiServer) -> Iterator[str]:
    """A gated namespace with one object of each kind, behind a gate that nobody serves."""
    name = f"conditions-{uuid.uuid4().hex[:8]}"
    create(server, "/api/v1/namespaces", {"metadata": {"name": name, "labels": {"cutline.dev/line": "production"}}})
    create(server, "/api/v1/nodes", {"metadata": {"name": NODE}})
    create(server, f"/api/v1/namespaces/{name}/serviceaccounts", {"metadata": {"name": "default"}})
    for kind in ("Deployment", "StatefulSet", "ReplicaSet"):
        create(server, f"/apis/apps/v1/namespaces/{name}/{kind.lower()}s", workload("web", kind))
    create(server, f"/apis/apps/v1/namespaces/{name}/daemonsets", workload("web", "DaemonSet", None))
    create_owned(server, name)
    for pod_name in ("pod-probe", "pod-kubelet", "pod-controller"):
        create(server, f"/api/v1/namespaces/{name}/pods", pod(pod_name))
    create(server, CONFIGURATIONS, configuration())
    try:
        await_gate(server, name, stands=True)
        yield name
    finally:
        server.send("DELETE", f"{CONFIGURATIONS}/{NAME}")
        await_gate(server, name, stands=False)
        server.send("DELETE", f"/api/v1/namespaces/{name}")
        server.send("DELETE", f"/api/v1/nodes/{NODE}")


RESOURCES = ("deployments", "statefulsets", "replicasets")


@pytest.mark.parametrize("resource", RESOURCES)
@pytest.mark.parametrize(
    ("patch", "is_asked"),
    [
        ({"spec": {"replicas": 2}}, True),
        ({"spec": {"replicas": 0}}, True),
        ({"spec": {"replicas": 5}}, False),
        ({"metadata": {"annotations": {"note": "x"}}}, False),
        ({}, False),
        ({"metadata": {"labels": {"tier": "payments"}}}, True),
        ({"metadata": {"labels": {"app": None}}}, True),
        ({"metadata": {"labels": None}}, True),
        ({"spec": {"replicas": 9, "minReadySeconds": 7}}, True),
        ({"spec": {"minReadySeconds": 7}}, True),
        ({"spec": {"replicas": 9, "revisionHistoryLimit": None}}, False),
    ],
    ids=str,
)
def test_asks_about_workloads_only_what_may_be_gated(
    server: ApiServer, scope: str, resource: str, patch: dict[str, Any], is_asked: bool
) -> None:
    answer = server.patch(f"/apis/apps/v1/namespaces/{scope}/{resource}/web?dryRun=All", patch)
    assert answer.asked_a_webhook is is_asked, answer
    assert is_asked or answer.code == 200, answer


def test_asks_about_a_new_template_of_a_daemon_set(server: ApiServer, scope: str) -> None:
    path = f"/apis/apps/v1/namespaces/{scope}/daemonsets/web?dryRun=All"
    template = {"spec": {"template": {"spec": {"nodeSelector": {"disk": "ssd"}}}}}
    assert server.patch(path, template).asked_a_webhook
    assert server.patch(path, {"metadata": {"annotations": {"a": "b"}}}).code == 200


@pytest.mark.parametrize("resource", RESOURCES)
@pytest.mark.parametrize(("replicas", "is_asked"), [(0, True), (2, True), (3, False), (4, False)])
def test_asks_about_scales_only_downwards(
    server: ApiServer, scope: str, resource: str, replicas: int, is_asked: bool
) -> None:
    path = f"/apis/apps/v1/namespaces/{scope}/{resource}/web/scale?dryRun=All"
    answer = server.patch(path, {"spec": {"replicas": replicas}})
    # A Scale does not say whose it is: of a ReplicaSet more replicas may be a rollback.
    assert answer.asked_a_webhook is (is_asked or (resource == "replicasets" and replicas == 4)), answer


@pytest.mark.parametrize(
    ("patch", "is_asked"),
    [
        ({"spec": {"replicas": 4}}, True),
        ({"spec": {"replicas": 2}}, True),
        ({"metadata": {"annotations": {"note": "x"}}}, False),
        ({"metadata": {"annotations": {SHARES[0]: "3"}}}, False),  # as it is
        ({"metadata": {"annotations": {SHARES[0]: "999"}}}, True),
        ({"metadata": {"annotations": {SHARES[0]: ""}}}, True),
        ({"metadata": {"annotations": {SHARES[1]: ""}}}, True),
        ({"metadata": {"annotations": {SHARES[1]: "9"}}}, True),
        ({"metadata": {"annotations": {SHARES[0]: None}}}, True),
        ({"metadata": {"annotations": None}}, True),
        ({}, False),
    ],
    ids=str,
)
def test_asks_about_replicas_and_shares_of_a_replica_set_with_a_controller(
    server: ApiServer, scope: str, patch: dict[str, Any], is_asked: bool
) -> None:
    sets = f"/apis/apps/v1/namespaces/{scope}/replicasets"
    answer = server.patch(f"{sets}/owned?dryRun=All", patch)
    assert answer.asked_a_webhook is is_asked, answer
    # Its status lets metadata through, and nothing of its spec.
    answer = server.patch(f"{sets}/owned/status?dryRun=All", patch)
    assert answer.asked_a_webhook is (is_asked and "metadata" in patch), answer
    shares = {"metadata": {"annotations": dict.fromkeys(SHARES, "9")}}
    assert server.patch(f"{sets}/web?dryRun=All", shares).code == 200
    assert server.patch(f"{sets}/web/status?dryRun=All", shares).code == 200


def test_asks_about_removals_of_pods_and_their_labels(server: ApiServer, scope: str) -> None:
    path = f"/api/v1/namespaces/{scope}/pods"
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "pod-probe"}}
    assert removal(server, scope, "pod-probe", dry_run=True).asked_a_webhook
    assert server.send("POST", f"{path}/pod-probe/eviction?dryRun=All", eviction).asked_a_webhook
    assert server.send("DELETE", f"{path}?dryRun=All").asked_a_webhook  # a collection
    assert server.patch(f"{path}/pod-probe?dryRun=All", {"metadata": {"labels": {"app": "x"}}}).asked_a_webhook
    assert server.patch(f"{path}/pod-probe?dryRun=All", {"metadata": {"annotations": {"a": "b"}}}).code == 200
    assert server.patch(f"{path}/pod-probe/status?dryRun=All", {"status": {"message": "x"}}).code == 200
    assert server.patch(f"{path}/pod-probe/status?dryRun=All", {"status": {"phase": "Running"}}).code == 200
    for phase in ("Succeeded", "Failed"):
        ended = {"status": {"phase": phase}}
        assert server.patch(f"{path}/pod-probe/status?dryRun=All", ended).asked_a_webhook
    known = server.send("GET", f"{path}/pod-probe").body["spec"].get("tolerations", [])
    limited = {"operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 1}
    stays = {"spec": {"tolerations": [limited, *known]}}
    assert server.patch(f"{path}/pod-probe?dryRun=All", stays).asked_a_webhook
    assert server.send("POST", f"{path}?dryRun=All", pod("another")).code == 201


def test_does_not_ask_outside_the_scope(server: ApiServer, scope: str) -> None:
    name = f"{scope}-free"
    create(server, "/api/v1/namespaces", {"metadata": {"name": name}})
    create(server, f"/apis/apps/v1/namespaces/{name}/deployments", workload("web"))
    try:
        path = f"/apis/apps/v1/namespaces/{name}/deployments/web"
        assert server.patch(path, {"spec": {"replicas": 0}}).code == 200
        assert server.send("DELETE", path).code == 200
    finally:
        server.send("DELETE", f"/api/v1/namespaces/{name}")


@pytest.mark.parametrize(
    ("patch", "is_asked"),
    [
        ({"spec": {"unschedulable": True}}, True),
        ({"spec": {"taints": [{"key": "k", "effect": "NoExecute"}]}}, True),
        ({"metadata": {"labels": {"pool": "x"}}}, True),
        ({"metadata": {"annotations": {"a": "b"}}}, False),
    ],
    ids=str,
)
def test_asks_about_nodes_but_not_their_heartbeats(
    server: ApiServer, scope: str, patch: dict[str, Any], is_asked: bool
) -> None:
    answer = server.patch(f"/api/v1/nodes/{NODE}?dryRun=All", patch)
    assert answer.asked_a_webhook is is_asked, answer
    assert server.patch(f"/api/v1/nodes/{NODE}/status?dryRun=All", {"status": {"phase": "Running"}}).code == 200
    assert server.send("DELETE", f"/api/v1/nodes/{NODE}?dryRun=All").asked_a_webhook


def test_no_label_comes_through_a_status_unasked(server: ApiServer, scope: str) -> None:
    """Some statuses keep labels as they were, others let them pass: those are asked about."""
    paths = [f"/apis/apps/v1/namespaces/{scope}/{resource}/web" for resource in (*RESOURCES, "daemonsets")]
    paths += [f"/api/v1/namespaces/{scope}/pods/pod-probe", f"/api/v1/nodes/{NODE}", f"/api/v1/namespaces/{scope}"]
    asked = 0
    for path in paths:
        answer = server.patch(f"{path}/status?dryRun=All", {"metadata": {"labels": {"tier": "x"}}})
        asked += answer.asked_a_webhook
        assert answer.asked_a_webhook or "tier" not in answer.body["metadata"].get("labels", {}), answer
        assert server.patch(f"{path}/status?dryRun=All", {"status": {}}).code == 200, path
    assert asked


def test_kubelets_keep_the_labels_of_their_own_node(server: ApiServer, scope: str) -> None:
    kubelet = server.acting_as(f"system:node:{NODE}", "system:nodes", "system:masters")
    answer = kubelet.patch(f"/api/v1/nodes/{NODE}/status?dryRun=All", {"metadata": {"labels": {"tier": "x"}}})
    assert not answer.asked_a_webhook, answer


def test_asks_when_a_namespace_loses_its_label(server: ApiServer, scope: str) -> None:
    path = f"/api/v1/namespaces/{scope}?dryRun=All"
    assert server.patch(path, {"metadata": {"labels": {"cutline.dev/line": None}}}).asked_a_webhook
    assert server.patch(path, {"metadata": {"annotations": {"a": "b"}}}).code == 200


def test_asks_about_definitions_of_cutline_alone(server: ApiServer, scope: str) -> None:
    definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    name = "signoffs.cutline.dev"
    made = server.send("POST", definitions, yaml.safe_load((CRDS / f"{name}.yaml").read_text()))
    assert made.code in (201, 409), made  # other tests of this cluster make it, too
    path = f"{definitions}/{name}?dryRun=All"
    assert server.send("DELETE", path).asked_a_webhook
    assert server.patch(path, {"spec": {"names": {"shortNames": ["xyz"]}}}).asked_a_webhook
    assert server.patch(path, {"metadata": {"annotations": {"a": "b"}}}).code == 200


def test_kubelets_remove_only_pods_of_their_own_node(server: ApiServer, scope: str) -> None:
    path = f"/api/v1/namespaces/{scope}/pods/pod-kubelet?dryRun=All"
    master = "system:masters"  # so that authorization is not what decides
    other = server.acting_as("system:node:other", "system:nodes", master)
    nameless = server.acting_as(f"system:node:{NODE}", master)
    kubelet = server.acting_as(f"system:node:{NODE}", "system:nodes", master)
    assert other.send("DELETE", path).asked_a_webhook or other.send("DELETE", path).code == 403
    assert nameless.send("DELETE", path).asked_a_webhook
    assert not kubelet.send("DELETE", path).asked_a_webhook


def test_kubelets_report_unasked_what_ends_on_their_own_node(server: ApiServer, scope: str) -> None:
    master = "system:masters"  # so that authorization is not what decides
    nameless = server.acting_as(f"system:node:{NODE}", master)
    kubelet = server.acting_as(f"system:node:{NODE}", "system:nodes", master)
    pod_path = f"/api/v1/namespaces/{scope}/pods/pod-kubelet/status?dryRun=All"
    ended = {"status": {"phase": "Failed"}}
    assert nameless.patch(pod_path, ended).asked_a_webhook
    assert kubelet.patch(pod_path, ended).code == 200
    node_path = f"/api/v1/nodes/{NODE}/status"
    ready, lost = ({"status": {"conditions": [{"type": "Ready", "status": status}]}} for status in ("True", "Unknown"))
    assert server.patch(node_path, ready).code == 200
    assert server.patch(f"{node_path}?dryRun=All", ready).code == 200
    silent: dict[str, Any] = {"status": {"conditions": []}}
    # The API server keeps both, and the node controller believes the first.
    twice = {"status": {"conditions": lost["status"]["conditions"] + ready["status"]["conditions"]}}
    for report in (lost, silent, twice):
        assert nameless.patch(f"{node_path}?dryRun=All", report).asked_a_webhook
        assert kubelet.patch(f"{node_path}?dryRun=All", report).code == 200


@pytest.mark.parametrize(
    ("user", "groups", "credential", "is_asked"),
    [
        (controller("replicaset-controller"), (CONTROLLERS,), CREDENTIAL, False),
        (controller("replicaset-controller"), (CONTROLLERS,), "", True),
        (controller("replicaset-controller"), (), CREDENTIAL, True),
        (controller("replicaset-controller-2"), (CONTROLLERS,), CREDENTIAL, True),
        (controller("deployment-controller"), (CONTROLLERS,), CREDENTIAL, True),
        ("system:kube-scheduler", (), CREDENTIAL, False),
        ("system:kube-scheduler", (), "", True),
        ("system:admin", (), CREDENTIAL, True),
    ],
)
def test_exempts_exactly_the_controllers_that_remove_pods(
    server: ApiServer, scope: str, user: str, groups: tuple[str, ...], credential: str, is_asked: bool
) -> None:
    somebody = server.acting_as(user, "system:masters", *groups, credential=credential)
    answer = somebody.send("DELETE", f"/api/v1/namespaces/{scope}/pods/pod-controller?dryRun=All")
    assert answer.asked_a_webhook is is_asked, answer
    assert is_asked or answer.code == 200, answer


def test_exempts_the_deployment_controller_for_replica_sets_alone(server: ApiServer, scope: str) -> None:
    somebody = server.acting_as(
        controller("deployment-controller"), "system:masters", CONTROLLERS, credential=CREDENTIAL
    )
    fewer = {"spec": {"replicas": 0}}
    path = f"/apis/apps/v1/namespaces/{scope}"
    assert somebody.patch(f"{path}/replicasets/web?dryRun=All", fewer).code == 200
    assert somebody.patch(f"{path}/deployments/web?dryRun=All", fewer).asked_a_webhook


def test_a_large_object_stays_within_the_cost_limit(server: ApiServer, scope: str) -> None:
    large = workload("large")
    container = large["spec"]["template"]["spec"]["containers"][0]
    container["env"] = [{"name": f"V{index}", "value": "x" * 200} for index in range(3000)]
    create(server, f"/apis/apps/v1/namespaces/{scope}/deployments", large)
    path = f"/apis/apps/v1/namespaces/{scope}/deployments/large?dryRun=All"
    assert server.patch(path, {"spec": {"replicas": 4}}).code == 200
    assert server.patch(path, {"spec": {"replicas": 1}}).asked_a_webhook
