"""What the chart renders: what must be in a release, and what must never be.

The neighbours test_chart_*.py look at single aspects and use the fixtures and helpers of this one.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
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
FORMS = pytest.mark.parametrize("values", [DEFAULT, OUTSIDE], ids=["default", "outside"])

ACTIONS = ["Restart", "Drain", "Rollback", "CutTraffic", "ScaleDown", "DisableFeature", "Delete"]


@pytest.fixture(scope="session")
def helm(request: pytest.FixtureRequest) -> str:
    """The helm that the suite provides; else the one of the environment."""
    try:
        return str(request.getfixturevalue("helm_path"))
    except pytest.FixtureLookupError:
        found = os.environ.get("CUTLINE_HELM") or shutil.which("helm")
        return found or pytest.skip("needs helm: set CUTLINE_HELM or put it on PATH")


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


@pytest.fixture(scope="session")
def render(helm: str) -> Render:
    def manifests(*values: str) -> list[Manifest]:
        return [document for document in yaml.safe_load_all(rendered(helm, values)) if document]

    return manifests


def of_kind(manifests: list[Manifest], kind: str) -> dict[str, Manifest]:
    return {m["metadata"]["name"]: m for m in manifests if m["kind"] == kind}


def config_of(manifests: list[Manifest]) -> Manifest:
    text = of_kind(manifests, "ConfigMap")["cutline-config"]["data"]["config.yaml"]
    config: Manifest = yaml.safe_load(text)
    return config


# --- the release as a whole


def test_lint_finds_nothing(helm: str) -> None:
    result = run(helm, "lint", "--strict", str(CHART))
    assert result.returncode == 0, result.stdout + result.stderr


@FORMS
def test_release_holds_no_objects_of_our_own_kinds(render: Render, values: tuple[str, ...]) -> None:
    # Helm builds the whole release before it creates the first object: it would know no such kind.
    assert not [m for m in render(*values) if m["apiVersion"].startswith("cutline.dev/")]


@FORMS
def test_release_holds_no_webhook_configurations(render: Render, values: tuple[str, ...]) -> None:
    # The operator creates them once the webhook answers; earlier, they would stop the cluster.
    assert not [m for m in render(*values) if m["apiVersion"].startswith("admissionregistration.k8s.io/")]


@FORMS
def test_release_holds_no_hooks_and_no_secrets(render: Render, values: tuple[str, ...]) -> None:
    manifests = render(*values)
    assert not [m for m in manifests if "helm.sh/hook" in m["metadata"].get("annotations", {})]
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


def test_webhook_outside_leaves_nothing_that_would_stand_in_for_it(render: Render) -> None:
    manifests = render(*OUTSIDE)
    for kind in ("Deployment", "Service", "PodDisruptionBudget", "NetworkPolicy"):
        assert "cutline-webhook" not in of_kind(manifests, kind)
    assert "cutline-webhook" in of_kind(manifests, "ServiceAccount")
    assert of_kind(manifests, "Deployment")["cutline-operator"]["spec"]["replicas"] == 0


def test_notes_name_the_commands_that_come_next(helm: str) -> None:
    arguments = ["install", "cutline", str(CHART), "-n", NAMESPACE, "--dry-run=client"]
    result = run(helm, *arguments, "--set", "starterPolicy.approverGroups={sre,night shift}")
    assert result.returncode == 0, result.stderr
    notes = result.stdout.partition("\nNOTES:\n")[2]
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
    assert service["ports"] == [{"name": "https", "port": 443, "targetPort": "https", "protocol": "TCP"}]


def test_single_replica_has_no_budget_that_would_block_drains(render: Render) -> None:
    assert of_kind(render(), "PodDisruptionBudget")
    assert not of_kind(render("webhook.replicas=1"), "PodDisruptionBudget")


def test_digest_wins_over_tag(render: Render) -> None:
    def image(*values: str) -> str:
        template = of_kind(render(*values), "Deployment")["cutline-webhook"]["spec"]["template"]
        return str(template["spec"]["containers"][0]["image"])

    version = yaml.safe_load((CHART / "Chart.yaml").read_text("utf-8"))["appVersion"]
    digest = "sha256:" + "0123456789abcdef" * 4
    assert image() == f"cutline-webhook:{version}"
    assert image("webhook.image.tag=v9") == "cutline-webhook:v9"
    assert image("webhook.image.tag=v9", f"webhook.image.digest={digest}") == f"cutline-webhook@{digest}"


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


# --- traffic


def test_network_policies_let_through_what_is_needed(render: Render) -> None:
    policies = of_kind(render("networkPolicy.metricsNamespaces={monitoring}"), "NetworkPolicy")
    webhook, operator = (policies[f"cutline-{name}"]["spec"] for name in ("webhook", "operator"))

    def ports(peers: list[Manifest]) -> list[list[Any]]:
        return [[port["port"] for port in peer["ports"]] for peer in peers]

    assert ports(webhook["ingress"]) == [["https"], ["metrics"]]
    assert "from" not in webhook["ingress"][0]  # API servers are on no pod network
    assert ports(operator["ingress"]) == [["metrics"]]
    assert ports(webhook["egress"]) == [[443, 6443], [53, 53]]
    assert ports(operator["egress"]) == [[443, 6443], [53, 53], ["https"]]


@pytest.mark.parametrize(("url", "port"), [("https://gate.example:9443/x", 9443), ("https://[fd00::1]/x", 443)])
def test_operator_reaches_a_webhook_outside(render: Render, url: str, port: int) -> None:
    policy = of_kind(render(f"webhook.externalURL={url}"), "NetworkPolicy")["cutline-operator"]["spec"]
    assert policy["egress"][-1] == {"ports": [{"port": port, "protocol": "TCP"}]}


def test_requests_of_the_gate_do_not_queue_behind_those_that_wait_for_it(render: Render) -> None:
    manifests = render()
    schema = of_kind(manifests, "FlowSchema")["cutline"]["spec"]
    assert schema["priorityLevelConfiguration"]["name"] in of_kind(manifests, "PriorityLevelConfiguration")
    assert schema["matchingPrecedence"] < 9000  # the default schema for service accounts
    (rule,) = schema["rules"]
    names = [subject["serviceAccount"]["name"] for subject in rule["subjects"]]
    assert names == ["cutline-webhook", "cutline-operator"]


@pytest.mark.parametrize("switch", ["networkPolicy", "flowControl"])
def test_traffic_rules_can_be_left_out(render: Render, switch: str) -> None:
    kinds = {"networkPolicy": ["NetworkPolicy"], "flowControl": ["FlowSchema", "PriorityLevelConfiguration"]}
    manifests = render(f"{switch}.enabled=false")
    assert not [kind for kind in kinds[switch] if of_kind(manifests, kind)]
