"""The release's life with real Helm: upgraded under load, edited by hand, uninstalled, installed again."""

import base64
import gzip
import json
from collections.abc import Iterator
from typing import Any

import pytest

from cutline_testbed import install
from cutline_testbed.helm import chart
from cutline_testbed.install import ensure_installed
from tests.e2e.cluster import SYSTEM, Cluster
from tests.e2e.load import Load
from tests.e2e.login import JSON_PATCH, MERGE
from tests.e2e.manifests import CHECKOUT, scale_down
from tests.e2e.waiting import await_true

pytestmark = [pytest.mark.e2e, pytest.mark.processes]

_GATE = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/cutline-gate"
_CONFIGURATIONS = (
    ("validatingwebhookconfiguration", "cutline-gate"),
    ("validatingwebhookconfiguration", "cutline-kinds"),
    ("mutatingwebhookconfiguration", "cutline-kinds"),
)
_RELEASE = ("cutline", "-n", SYSTEM)


@pytest.fixture
def installed(cluster: Cluster) -> Iterator[Cluster]:
    """Whatever a test did to the release, the next one finds it as it was."""
    yield cluster
    ensure_installed(cluster.testbed)


def _path(namespace: str, name: str = "checkout") -> str:
    return f"/apis/apps/v1/namespaces/{namespace}/deployments/{name}"


def _scale(namespace: str, replicas: int) -> tuple[str, ...]:
    return ("scale", "deployment/checkout", "-n", namespace, f"--replicas={replicas}")


def _standing(cluster: Cluster) -> list[str]:
    return [name for kind, name in _CONFIGURATIONS if cluster.get(kind, name)]


def test_helm_has_nothing_to_say_against_the_chart(cluster: Cluster) -> None:
    done = cluster.run("admin", "helm", "lint", "--strict", str(chart())).must_pass()
    assert "0 chart(s) failed" in done.output


def test_a_deleted_configuration_is_made_again_and_told_of(cluster: Cluster) -> None:
    ns = cluster.namespace()
    cluster.deployment(ns)
    cluster.kubectl("admin", "delete", "validatingwebhookconfiguration", "cutline-gate").must_pass()
    cluster.processes.await_gate()
    _await_judged(cluster, ns)
    await_true(lambda: "created again after it was deleted" in _drift_events(cluster), "an event told of it")


def test_an_edited_configuration_is_put_right(cluster: Cluster) -> None:
    before = _content(cluster)
    edits = [
        {"op": "replace", "path": "/webhooks/0/failurePolicy", "value": "Ignore"},
        {"op": "replace", "path": "/webhooks/1/namespaceSelector", "value": {"matchLabels": {"no": "such"}}},
        {"op": "add", "path": "/webhooks/2/matchConditions/0", "value": {"name": "never", "expression": "false"}},
        {"op": "replace", "path": "/webhooks/3/clientConfig/url", "value": "https://127.0.0.1:1/"},
        {"op": "remove", "path": "/webhooks/4"},
        {"op": "remove", "path": "/metadata/ownerReferences"},
    ]
    # What the edit made of it: by the time it is read again the operator may have put it right.
    assert _content_of(cluster.send("admin", "PATCH", _GATE, edits, JSON_PATCH).must_pass()) != before
    await_true(lambda: _content(cluster) == before, "the operator had put it right")


def _content(cluster: Cluster) -> tuple[Any, Any]:
    return _content_of(cluster.send("admin", "GET", _GATE).must_pass())


def _content_of(stored: dict[str, Any]) -> tuple[Any, Any]:
    return stored["webhooks"], stored["metadata"].get("ownerReferences")


def _drift_events(cluster: Cluster) -> str:
    events = cluster.items("events", "-A", "--field-selector=reason=ConfigurationDrift")
    return " ".join(event["message"] for event in events)


def _await_judged(cluster: Cluster, ns: str) -> None:
    """The API server learns of a configuration within a moment."""
    await_true(
        lambda: "needs a signed proposal" in cluster.kubectl("agent", *_scale(ns, 2), "--dry-run=server").output,
        "the gate decided",
    )


def test_an_upgrade_under_load_lets_nothing_unsigned_through_and_holds_up_nothing_else(cluster: Cluster) -> None:
    gated, free = cluster.namespace(), cluster.namespace(line=None)
    for ns in (gated, free):
        cluster.deployment(ns)
    cluster.deployment(gated, "idle", replicas=0)
    agent, robot, numbers = cluster.login("agent"), cluster.login("robot"), iter(range(10**9))
    load = Load()
    load.keep("gated", lambda: agent.send("PATCH", _path(gated) + "/scale", {"spec": {"replicas": 2}}, MERGE))
    load.keep("asked and let pass", lambda: robot.send("PATCH", _path(gated, "idle"), _new(next(numbers)), MERGE))
    load.keep(
        "elsewhere",
        lambda: robot.send("PATCH", _path(free) + "/scale", {"spec": {"replicas": next(numbers) % 3}}, MERGE),
    )
    with load:
        for hours in (200, 168):
            load.await_more("gated", 403)
            _upgrade(cluster, f"retention.finishedProposals={hours}h")
            load.await_more("asked and let pass", 200)
    assert {name: set(statuses) for name, statuses in load.statuses.items()} == {
        "gated": {403},
        "asked and let pass": {200},
        "elsewhere": {200},
    }
    assert cluster.replicas(gated) == 4
    assert "finishedProposals: 168h" in cluster.get("configmap", "cutline-config", SYSTEM)["data"]["config.yaml"]


def _new(number: int) -> dict[str, Any]:
    return {"spec": {"template": {"metadata": {"annotations": {"number": str(number)}}}}}


def _upgrade(cluster: Cluster, setting: str) -> None:
    command = ("helm", "upgrade", *_RELEASE, str(chart()), "--reuse-values", "--set", setting)
    cluster.run("admin", *command).must_pass()


def test_an_uninstall_takes_the_gate_along_and_leaves_the_records(installed: Cluster) -> None:
    """With the webhook dead, for who wants to be rid of us must not need us for it; with the operator
    alive, which makes nothing again.
    """
    cluster = installed
    ns = cluster.namespace()
    cluster.deployment(ns)
    used = cluster.signed("agent", ns, "ScaleDown", CHECKOUT, **scale_down(3))
    cluster.kubectl("agent", *_scale(ns, 3)).must_pass()
    cluster.kubectl("agent", *_scale(ns, 4)).must_pass()
    before = _records(cluster, ns)
    cluster.processes.webhook.kill()
    cluster.run("admin", "helm", "uninstall", *_RELEASE).must_pass()
    await_true(lambda: not _standing(cluster), "the configurations were collected with their owner")
    said = len(cluster.log_lines("cutline-operator"))
    await_true(lambda: len(cluster.log_lines("cutline-operator")) >= said + 3, "the operator had tried what it could")
    assert not _standing(cluster)
    assert _records(cluster, ns) == before
    assert len(cluster.admitted(used)) == 1
    cluster.kubectl("agent", *_scale(ns, 1), "--dry-run=server").must_pass()
    # Installed again, the gate knows what was used before.
    install(cluster.testbed)
    assert _standing(cluster) == [name for _, name in _CONFIGURATIONS]
    cluster.kubectl("agent", *_scale(ns, 3)).must_be_refused("was used already")
    cluster.signed("agent", ns, "ScaleDown", CHECKOUT, **scale_down(2))
    cluster.kubectl("agent", *_scale(ns, 2)).must_pass()


def _records(cluster: Cluster, ns: str) -> set[str]:
    """The uids of what of ours concerns one namespace."""
    own = [item for kind in ("rprop", "signoffs") for item in cluster.items(kind, "-n", ns)]
    everybodys = [*cluster.items("admitted", "-n", SYSTEM), *cluster.items("revpol")]
    return {item["metadata"]["uid"] for item in (*own, *everybodys)}


def test_the_release_holds_no_secret_of_ours(cluster: Cluster) -> None:
    """Keys are made in the cluster: Helm keeps everything that it renders."""
    command = ("-n", SYSTEM, "-l", "owner=helm,name=cutline,status=deployed")
    release = cluster.items("secrets", *command)[-1]["data"]["release"]
    rendered = gzip.decompress(base64.b64decode(base64.b64decode(release))).decode()
    assert "kind: ConfigMap" in json.loads(rendered)["manifest"]
    secret = cluster.get("secret", "cutline-webhook-tls", SYSTEM)["data"]
    assert "PRIVATE KEY" not in rendered
    assert base64.b64decode(secret["path"]).decode() not in rendered
