"""An occasion for every right that the chart grants to the webhook and the operator.

Each function brings about what makes one of the two ask the API server for something. None of them looks whether
it did: the audit log is read for that.
"""

import base64
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509

from cutline_operator.certificate_store import RENEW_ANNOTATION, SINCE_ANNOTATION
from cutline_operator.certificates import make_authority
from cutline_testbed.gate import GATE_PATH
from tests.e2e.cluster import POLICIES, SYSTEM, Cluster
from tests.e2e.login import MERGE
from tests.e2e.manifests import CHECKOUT, POLICY, line, scale_down
from tests.e2e.waiting import await_true

_ADMISSION = "/apis/admissionregistration.k8s.io/v1"
_CONFIGURATIONS = (
    GATE_PATH,
    f"{_ADMISSION}/validatingwebhookconfigurations/cutline-kinds",
    f"{_ADMISSION}/mutatingwebhookconfigurations/cutline-kinds",
)
_ROOT = Path(__file__).parents[2]
_OPERATOR = ("deployment/cutline-operator", "-n", SYSTEM)
_LABEL = "app.kubernetes.io/component=operator"


def workloads(cluster: Cluster, ns: str) -> None:
    """One of each kind that has a template, with the revisions that a rollback needs."""
    cluster.deployment(ns)
    template = {"metadata": {"labels": {"app": "db"}}, "spec": {"containers": [{"name": "db", "image": "db:v1"}]}}
    spec: dict[str, Any] = {"selector": {"matchLabels": {"app": "db"}}, "template": template}
    metadata = {"name": "db", "namespace": ns}
    daemons = {"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": metadata, "spec": spec}
    sized = [
        {"apiVersion": "apps/v1", "kind": kind, "metadata": metadata, "spec": {**spec, "replicas": 2}}
        for kind in ("StatefulSet", "ReplicaSet")
    ]
    cluster.apply("admin", daemons, *sized).must_pass()
    await_true(lambda: _revisions(cluster, ns) == 1, "the DaemonSet has a revision")
    cluster.kubectl("admin", "set", "image", "daemonset/db", "db=db:v2", "-n", ns).must_pass()
    await_true(lambda: _revisions(cluster, ns) == 2, "the DaemonSet has two revisions")


def _revisions(cluster: Cluster, ns: str) -> int:
    owners = (item["metadata"]["ownerReferences"][0]["kind"] for item in cluster.items("controllerrevisions", "-n", ns))
    return sum(kind == "DaemonSet" for kind in owners)


def proposals_about_every_kind(cluster: Cluster, ns: str) -> None:
    """The gate renders them, the operator looks whether the targets are still what they were."""
    for kind in ("Deployment", "StatefulSet", "ReplicaSet"):
        target = {"group": "apps", "kind": kind, "name": "checkout" if kind == "Deployment" else "db"}
        cluster.propose("agent", ns, "ScaleDown", target, **scale_down(1))
    cluster.propose("agent", ns, "Rollback", {"group": "apps", "kind": "DaemonSet", "name": "db"}, rollback={})
    pod = cluster.items("pods", "-n", ns, "-l", "app=checkout")[0]["metadata"]["name"]
    cluster.propose("agent", ns, "Restart", {"group": "", "kind": "Pod", "name": pod}, restart={})
    node = cluster.items("nodes")[0]["metadata"]["name"]
    cluster.propose("agent", SYSTEM, "Drain", {"group": "", "kind": "Node", "name": node}, drain={})
    definition = "customresourcedefinitions/signoffs.cutline.dev"
    loosenings = (
        ({"group": "", "kind": "Namespace", "name": ns}, "PATCH", f"/api/v1/namespaces/{ns}"),
        (POLICY | {"name": "production"}, "DELETE", f"{POLICIES}/production"),
        (
            {"group": "apiextensions.k8s.io", "kind": "CustomResourceDefinition", "name": "signoffs.cutline.dev"},
            "DELETE",
            f"/apis/apiextensions.k8s.io/v1/{definition}",
        ),
    )
    for target, method, path in loosenings:
        body = {"metadata": {"labels": {"cutline.dev/line": None}}} if method == "PATCH" else None
        changes = cluster.denied_change("mallory", method, path, body)
        cluster.propose("mallory", SYSTEM, "Loosening", target, changes=changes)


def drafts(cluster: Cluster, ns: str) -> None:
    """A denial becomes a draft; another one about the same target takes its place."""
    command = ("scale", "deployment/checkout", "-n", ns)
    before: set[str] = set()

    def drafted_anew(replicas: int) -> bool:
        # One that cannot be made in time is dropped, for who was denied will come again.
        cluster.kubectl("robot", *command, f"--replicas={replicas}").must_be_refused()
        listed = cluster.items("rprop", "-n", ns, "-l", "cutline.dev/draft-by")
        found = {str(one["metadata"]["uid"]) for one in listed} - before
        before.update(found)
        return bool(found)

    await_true(lambda: drafted_anew(3), "the denial was drafted")
    await_true(lambda: drafted_anew(2), "another draft took its place")


def used_proposal(cluster: Cluster, ns: str) -> str:
    """A proposal that was signed and used."""
    name = cluster.signed("agent", ns, "ScaleDown", CHECKOUT, **scale_down(3))
    cluster.kubectl("agent", "scale", "deployment/checkout", "-n", ns, "--replicas=3").must_pass()
    return name


def withdrawn_proposal(cluster: Cluster, ns: str) -> None:
    name = cluster.propose("agent", ns, "ScaleDown", CHECKOUT, **scale_down(1))
    cluster.kubectl("agent", "delete", "rprop", name, "-n", ns).must_pass()


def records_removed_in_time(cluster: Cluster, ns: str, used: str) -> None:
    """What is left of a used proposal once that is gone, and a proposal that ends by itself.

    Without the webhook configurations, for they keep all of it for as long as it could matter.
    """
    (claim,) = cluster.admitted(used)
    (signoff,) = [item for item in cluster.items("signoffs", "-n", ns) if item["spec"]["proposal"] == used]
    with _without_operator(cluster):
        for path in _CONFIGURATIONS:
            cluster.send("admin", "DELETE", path).must_pass()
        others = cluster.items("rprop", "-n", ns)
        # The API server asks the webhook until it has learned that it need not.
        delete = ("delete", "rprop", used, "-n", ns)
        await_true(lambda: cluster.kubectl("admin", *delete).passed, "nobody was asked about the proposal any more")
        with _next_year(cluster):
            await_true(lambda: not cluster.items("rprop", "-n", ns), f"{len(others)} proposals were removed")
            await_true(lambda: not cluster.get("signoff", signoff["metadata"]["name"], ns), "the sign-off was removed")
            await_true(lambda: not cluster.get("admitted", claim["metadata"]["name"], SYSTEM), "the claim was removed")
    await_true(lambda: all(cluster.send("admin", "GET", path).passed for path in _CONFIGURATIONS), "the gate stands")


@contextmanager
def _without_operator(cluster: Cluster) -> Iterator[None]:
    """Afterwards both have been started anew: lists and watches begin again."""
    if cluster.pods is None:
        cluster.processes.stop_operator()
        cluster.processes.restart_webhook()
        yield
        cluster.processes.start_operator()
        return
    cluster.kubectl("admin", "scale", *_OPERATOR, "--replicas=0").must_pass()
    cluster.kubectl("admin", "wait", "pod", "-n", SYSTEM, "-l", _LABEL, "--for=delete", "--timeout=60s").must_pass()
    cluster.kubectl("admin", "rollout", "restart", "deployment/cutline-webhook", "-n", SYSTEM).must_pass()
    cluster.rolled_out(SYSTEM, "deployment/cutline-webhook")
    yield
    cluster.kubectl("admin", "scale", *_OPERATOR, "--replicas=1").must_pass()
    cluster.rolled_out(SYSTEM, "deployment/cutline-operator")


@contextmanager
def _next_year(cluster: Cluster) -> Iterator[None]:
    folder = cluster.testbed.layout.cutline
    kubeconfig, config = folder / "next-year.kubeconfig", folder / "next-year.yaml"
    cluster.testbed.token_kubeconfig(kubeconfig, SYSTEM, "cutline-operator")
    config.write_text(cluster.get("configmap", "cutline-config", SYSTEM)["data"]["config.yaml"])
    environment = {**cluster.testbed.environment(), "KUBECONFIG": str(kubeconfig)}
    with (folder / "next-year.log").open("w") as log:
        command = (sys.executable, "-m", "tests.e2e.next_year", str(config))
        process = subprocess.Popen(command, env=environment, cwd=_ROOT, stdout=log, stderr=log)
        try:
            yield
        finally:
            process.kill()
            process.wait()


def policy_that_selects_nothing(cluster: Cluster) -> None:
    """Its author is warned of it, and the operator says how it stands."""
    with cluster.policy(line("nowhere", "ScaleDown")) as name:
        await_true(lambda: "status" in cluster.get("revpol", name), "the operator said how the policy stands")


def certificates_made_anew(cluster: Cluster) -> None:
    """A former authority is trusted no longer; then one is replaced on request, and another because it is lost."""
    stranger = x509.load_pem_x509_certificate(_trust_a_stranger(cluster).encode()).serial_number
    await_true(lambda: stranger in _trusted(cluster), "the configurations trust what the Secret says")
    _serve_since(cluster, datetime.now(UTC) - timedelta(days=1))
    await_true(lambda: stranger not in _trusted(cluster), "a former authority is trusted no longer")
    before = _secret(cluster, "cutline-ca")
    _change(cluster, "cutline-ca", {"metadata": {"annotations": {RENEW_ANNOTATION: "now"}}})
    await_true(lambda: _secret(cluster, "cutline-ca")["data"] != before["data"], "another authority was made")
    cluster.kubectl("admin", "delete", "secret", "cutline-ca", "-n", SYSTEM).must_pass()
    await_true(lambda: bool(_secret(cluster, "cutline-ca")), "the lost authority was replaced")


def _trust_a_stranger(cluster: Cluster) -> str:
    """An authority like one that was replaced a moment ago."""
    stranger = make_authority(datetime.now(UTC)).certificate_pem
    trusted = base64.b64decode(_secret(cluster, "cutline-webhook-tls")["data"]["ca.crt"])
    _serve_since(cluster, datetime.now(UTC))
    both = base64.b64encode(trusted + stranger.encode()).decode()
    _change(cluster, "cutline-webhook-tls", {"data": {"ca.crt": both}})
    return stranger


def _serve_since(cluster: Cluster, moment: datetime) -> None:
    annotations = {SINCE_ANNOTATION: moment.isoformat(timespec="seconds")}
    _change(cluster, "cutline-webhook-tls", {"metadata": {"annotations": annotations}})


def notes_made_anew(cluster: Cluster) -> None:
    """An operator without its notes takes the installation for a new one, and makes the starter policy."""
    cluster.kubectl("admin", "delete", "configmap", "cutline-operator-state", "-n", SYSTEM).must_pass()
    await_true(lambda: bool(cluster.get("configmap", "cutline-operator-state", SYSTEM)), "the notes were written again")


def _change(cluster: Cluster, secret: str, patch: dict[str, Any]) -> None:
    cluster.send("admin", "PATCH", f"/api/v1/namespaces/{SYSTEM}/secrets/{secret}", patch, MERGE).must_pass()


def _secret(cluster: Cluster, name: str) -> dict[str, Any]:
    return cluster.get("secret", name, SYSTEM)


def _trusted(cluster: Cluster) -> set[int]:
    """The serial numbers of the authorities that the gate's configuration trusts."""
    webhook = cluster.send("admin", "GET", GATE_PATH).must_pass()["webhooks"][0]
    bundle = base64.b64decode(webhook["clientConfig"]["caBundle"])
    return {certificate.serial_number for certificate in x509.load_pem_x509_certificates(bundle)}
