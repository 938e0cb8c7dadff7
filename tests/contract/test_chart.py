"""What the chart renders: what must be in a release, and what must never be, across its templates.

What a single template decides is tested in charts/cutline/tests (test_chart_tools.py runs them). The
neighbours test_chart_*.py look at single aspects and use the fixtures and helpers of this one.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

Manifest = dict[str, Any]
Render = Callable[..., list[Manifest]]

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "charts" / "cutline"
NAMESPACE = "cutline-system"

DEFAULT: tuple[str, ...] = ()
OUTSIDE = ("webhook.replicas=0", "webhook.externalURL=https://10.0.0.7:9443/", "operator.replicas=0")
# Every switch off, every list empty.
LEAST = (
    "crds.enabled=false",
    "starterPolicy.enabled=false",
    "webhook.replicas=1",
    "webhook.preStopSeconds=0",
    "webhook.priorityClassName=",
    "operator.priorityClassName=",
    "networkPolicy.enabled=false",
    "flowControl.enabled=false",
)
# Everything that can be added.
MOST = (
    "commonLabels.team=platform",
    "selftest.podLabels.team=gate",
    "selftest.resources.limits.cpu=1",
    "webhook.ports.https=9443",
    "webhook.serviceAnnotations.team=platform",
    "exempt[0].username=kwok",
    "exempt[0].operation=DELETE",
    "exempt[0].resource=pods",
    "imagePullSecrets[0].name=registry",
    "listenAddress=[::]",
    "webhook.clientCA=-----BEGIN CERTIFICATE-----",
    "webhook.clientNames={kube-apiserver}",
    f"webhook.image.digest=sha256:{'0' * 64}",
    "networkPolicy.metricsNamespaces={monitoring}",
    *(
        f"{process}.{value}"
        for process in ("webhook", "operator")
        for value in (
            "image.tag=v9",
            "nodeSelector.role=control",
            "tolerations[0].operator=Exists",
            "podLabels.team=gate",
            "podAnnotations.team=platform",
            "deploymentAnnotations.team=platform",
            "serviceAccountAnnotations.team=platform",
            "revisionHistoryLimit=3",
            "affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].weight=1",
            "affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].preference."
            "matchExpressions[0].key=role",
            "affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].preference."
            "matchExpressions[0].operator=Exists",
            "topologySpreadConstraints[0].maxSkew=1",
            "topologySpreadConstraints[0].topologyKey=rack",
            "topologySpreadConstraints[0].whenUnsatisfiable=DoNotSchedule",
            "resources.requests.ephemeral-storage=1Mi",
        )
    ),
)
# What needs more than the restricted level of Pod Security.
ON_NODES = ("webhook.hostNetwork=true", "webhook.ports.https=10260", "webhook.ports.metrics=10261")
# What needs kinds of others.
MONITORED = ("metrics.podMonitor.enabled=true", "metrics.podMonitor.labels.release=prometheus")
CERT_MANAGER = ("certificates.from=CertManager",)
BROUGHT = ("certificates.from=Secret", "certificates.secretName=ours", "operator.replicas=0")
FORMS = pytest.mark.parametrize(
    "values",
    [DEFAULT, OUTSIDE, LEAST, MOST, ON_NODES, MONITORED, CERT_MANAGER, BROUGHT],
    ids=["default", "outside", "least", "most", "on-nodes", "monitored", "cert-manager", "brought"],
)

ACTIONS = ["Restart", "Drain", "Rollback", "CutTraffic", "ScaleDown", "DisableFeature", "Delete"]


@pytest.fixture(scope="session")
def helm(helm_path: Path) -> str:
    """Helm at its pinned version."""
    return str(helm_path)


def run(helm: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    # An address that answers nobody: nothing here may depend on a cluster.
    environment = {**os.environ, "KUBECONFIG": os.devnull}
    return subprocess.run([helm, *arguments], capture_output=True, text=True, check=False, timeout=60, env=environment)


@cache
def rendered(helm: str, values: tuple[str, ...]) -> str:
    sets = [part for value in values for part in ("--set", value)]
    result = run(helm, "template", "cutline", str(CHART), "--namespace", NAMESPACE, *sets)
    assert result.returncode == 0, result.stderr
    return result.stdout


@cache
def _parsed(helm: str, values: tuple[str, ...]) -> list[Manifest]:
    return [document for document in yaml.safe_load_all(rendered(helm, values)) if document]


@pytest.fixture(scope="session")
def render(helm: str) -> Render:
    def manifests(*values: str) -> list[Manifest]:
        return deepcopy(_parsed(helm, values))

    return manifests


def of_kind(manifests: list[Manifest], kind: str) -> dict[str, Manifest]:
    return {m["metadata"]["name"]: m for m in manifests if m["kind"] == kind}


def config_of(manifests: list[Manifest]) -> Manifest:
    text = of_kind(manifests, "ConfigMap")["cutline-config"]["data"]["config.yaml"]
    config: Manifest = yaml.safe_load(text)
    return config


# --- the release as a whole


@FORMS
def test_release_holds_no_objects_of_our_own_kinds(render: Render, values: tuple[str, ...]) -> None:
    # Helm builds the whole release before it creates the first object: it would know no such kind.
    assert not [m for m in render(*values) if m["apiVersion"].startswith("cutline.dev/")]


@FORMS
def test_release_holds_no_webhook_configurations(render: Render, values: tuple[str, ...]) -> None:
    # The operator creates them once the webhook answers; earlier, they would stop the cluster.
    assert not [m for m in render(*values) if m["apiVersion"].startswith("admissionregistration.k8s.io/")]


@FORMS
def test_release_holds_no_secrets_and_no_hooks_but_its_test(render: Render, values: tuple[str, ...]) -> None:
    manifests = render(*values)
    for manifest in manifests:
        hook = manifest["metadata"].get("annotations", {}).get("helm.sh/hook", "")
        assert hook == ("test" if manifest["metadata"]["name"] == "cutline-selftest" else ""), manifest
    assert not of_kind(manifests, "Secret")


@FORMS
def test_every_object_says_what_it_belongs_to(render: Render, values: tuple[str, ...]) -> None:
    expected = {"app.kubernetes.io/name": "cutline", "app.kubernetes.io/instance": "cutline"}
    for manifest in render(*values):
        if manifest["kind"] == "CustomResourceDefinition":
            continue  # the text of crds/, to the letter
        labels = manifest["metadata"]["labels"]
        assert expected.items() <= labels.items(), manifest["metadata"]["name"]
        assert "app.kubernetes.io/managed-by" in labels


def test_labels_of_the_installation_are_on_every_object_and_in_no_selector(render: Render) -> None:
    for manifest in render(*MOST):
        if manifest["kind"] != "CustomResourceDefinition":
            team = "gate" if manifest["kind"] == "Pod" else "platform"
            assert manifest["metadata"]["labels"]["team"] == team, manifest["metadata"]["name"]
        assert all("team" not in selector for selector in _selectors(manifest)), manifest["metadata"]["name"]


def _selectors(node: Any) -> Iterator[Manifest]:
    """Whatever selects by labels, anywhere in an object."""
    if isinstance(node, list):
        for part in node:
            yield from _selectors(part)
    if isinstance(node, dict):
        for key, part in node.items():
            if key in ("matchLabels", "selector") and isinstance(part, dict):
                yield part
            yield from _selectors(part)


def _notes(helm: str, *values: str) -> str:
    sets = [part for value in values for part in ("--set", value)]
    result = run(helm, "install", "cutline", str(CHART), "-n", NAMESPACE, "--dry-run=client", *sets)
    assert result.returncode == 0, result.stderr
    return result.stdout.partition("\nNOTES:\n")[2]


def test_notes_ask_for_no_more_than_the_pods_of_a_release_meet(helm: str) -> None:
    assert "pod-security.kubernetes.io/enforce=restricted" in _notes(helm)
    notes = _notes(helm, *ON_NODES)
    assert "restricted" not in notes
    assert "\nprivileged level of Pod Security" in notes


def test_notes_say_when_nobody_may_read_what_is_monitored(helm: str) -> None:
    assert "networkPolicy.metricsNamespaces" in _notes(helm, *MONITORED)
    assert "metricsNamespaces" not in _notes(helm, *MONITORED, "networkPolicy.metricsNamespaces={monitoring}")
    assert "metricsNamespaces" not in _notes(helm)


def test_notes_name_the_commands_that_come_next(helm: str) -> None:
    notes = _notes(helm, "starterPolicy.approverGroups={sre,night shift}")
    assert "covers those labelled so, and all nodes:\n" in notes
    assert "kubectl label namespace shop cutline.dev/line=production" in notes
    assert "--clusterrole=cutline-approver --group='sre' --group='night shift'\n" in notes


# --- pods


@pytest.mark.parametrize("process", ["webhook", "operator"])
def test_pods_meet_the_restricted_level(render: Render, process: str) -> None:
    pod = of_kind(render(), "Deployment")[f"cutline-{process}"]["spec"]["template"]["spec"]
    assert not {"hostNetwork", "hostPID", "hostIPC"} & pod.keys()
    assert pod["securityContext"] == {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    assert all(set(volume) <= {"name", "configMap", "emptyDir"} for volume in pod["volumes"])
    (container,) = pod["containers"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert all("hostPort" not in port for port in container["ports"])


@pytest.mark.parametrize("process", ["webhook", "operator"])
def test_pods_carry_a_token_and_other_users_of_the_account_do_not(render: Render, process: str) -> None:
    manifests = render()
    account = of_kind(manifests, "ServiceAccount")[f"cutline-{process}"]
    pod = of_kind(manifests, "Deployment")[f"cutline-{process}"]["spec"]["template"]["spec"]
    assert account["automountServiceAccountToken"] is False
    assert pod["automountServiceAccountToken"] is True
    assert pod["serviceAccountName"] == f"cutline-{process}"


@pytest.mark.parametrize("process", ["webhook", "operator"])
def test_pods_are_probed_where_they_listen(render: Render, process: str) -> None:
    pod = of_kind(render(), "Deployment")[f"cutline-{process}"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    arguments = dict(zip(container["args"][::2], container["args"][1::2], strict=True))
    assert arguments["--config"] == "/etc/cutline/config.yaml"
    assert arguments["--metrics-listen"] == f"0.0.0.0:{ports['metrics']}"
    assert arguments.get("--listen") == ("0.0.0.0:8443" if process == "webhook" else None)
    for probe, path in (("startup", "/livez"), ("liveness", "/livez"), ("readiness", "/readyz")):
        assert container[f"{probe}Probe"]["httpGet"] == {"path": path, "port": "metrics"}


@pytest.mark.parametrize("process", ["webhook", "operator"])
def test_pods_restart_when_the_configuration_changes(render: Render, process: str) -> None:
    def checksum(*values: str) -> str:
        template = of_kind(render(*values), "Deployment")[f"cutline-{process}"]["spec"]["template"]
        return str(template["metadata"]["annotations"]["checksum/config"])

    assert checksum() != checksum("humans.userGroups={people}")
    assert checksum() == checksum("flowControl.enabled=false")


def test_service_and_budget_select_the_webhook_alone(render: Render) -> None:
    manifests = render()
    labels = {
        name: deployment["spec"]["template"]["metadata"]["labels"].items()
        for name, deployment in of_kind(manifests, "Deployment").items()
    }
    service = of_kind(manifests, "Service")["cutline-webhook"]["spec"]
    budget = of_kind(manifests, "PodDisruptionBudget")["cutline-webhook"]["spec"]
    for selector in (service["selector"].items(), budget["selector"]["matchLabels"].items()):
        assert [name for name, found in labels.items() if selector <= found] == ["cutline-webhook"]


# --- configuration


def test_configuration_has_the_keys_that_the_processes_read(render: Render) -> None:
    config = config_of(render())
    assert {key: set(value) if isinstance(value, dict) else value for key, value in config.items()} == {
        "namespace": NAMESPACE,
        "webhookServiceAccount": "cutline-webhook",
        "operatorServiceAccount": "cutline-operator",
        "humans": {"userGroups"},
        "exempt": [],
        "webhook": {"externalURL", "service", "clientCA", "clientNames"},
        "certificates": {"from", "secretName", "caBundle", "announceFor", "trustFormerFor", "renewBefore"},
        "owner": {"apiVersion", "kind", "name"},
        "starterPolicy": {"enabled", "name", "spec"},
        "retention": {"finishedProposals", "admittedChanges"},
    }
    assert config["webhook"]["service"] == {"name": "cutline-webhook", "port": 443}


def test_starter_policy_is_the_seed_line(render: Render) -> None:
    starter = config_of(render("starterPolicy.approverGroups={sre,leads}", "starterPolicy.approvals=2"))[
        "starterPolicy"
    ]
    assert starter["name"] == "production"
    assert starter["spec"] == {
        "enforcement": "Deny",
        "where": {
            "namespaces": {"matchLabels": {"cutline.dev/line": "production"}},
            "cluster": ["Nodes", "Namespaces"],
        },
        "lines": [
            {
                "name": "seed-line",
                "actions": ACTIONS,
                "require": {"approvals": 2, "from": [{"userGroup": "sre"}, {"userGroup": "leads"}]},
            }
        ],
        "onDeny": "Draft",
    }


def test_values_reach_the_configuration_unharmed(render: Render) -> None:
    pem = "-----BEGIN CERTIFICATE-----\\nMII: {{x}} #\\n-----END CERTIFICATE-----\\n".replace("\\n", "\n")
    config = config_of(render(f"webhook.clientCA={pem}", "webhook.clientNames={kube-apiserver}", *OUTSIDE))
    assert config["webhook"]["clientCA"] == pem
    assert config["webhook"]["clientNames"] == ["kube-apiserver"]
    assert config["webhook"]["externalURL"] == "https://10.0.0.7:9443"
