"""The webhook configurations: what they ask about, and what counts as drift."""

import base64
import copy
from typing import Any

import pytest

from cutline.domain.exempt import BUILT_IN, additional
from cutline.domain.kind import KINDS, Role
from cutline_operator.match_conditions import exempt_identities, not_sent_by
from cutline_operator.owner import Owner
from cutline_operator.webhook_address import WebhookAddress
from cutline_operator.webhook_configurations import (
    Connection,
    bundles_of,
    drifts,
    gate,
    kinds_mutating,
    kinds_validating,
    was_edited,
)

ACCOUNT = "system:serviceaccount:cutline-system:cutline-webhook"
OWNER = Owner("rbac.authorization.k8s.io/v1", "ClusterRole", "cutline-operator", "owner-uid")
BY_URL = Connection(
    WebhookAddress("https://gate.example:8443/x", "cutline-webhook", 443, "cutline-system"), "ab", "PEM"
)
BY_SERVICE = Connection(WebhookAddress("", "cutline-webhook", 443, "cutline-system"), "ab", "PEM")

GATE = gate(BY_URL, OWNER, BUILT_IN)
ALL = (GATE, kinds_validating(BY_URL, OWNER, ACCOUNT), kinds_mutating(BY_URL, OWNER, ACCOUNT))


def webhooks(*configurations: dict[str, Any]) -> list[dict[str, Any]]:
    return [webhook for configuration in configurations for webhook in configuration["webhooks"]]


def asked() -> set[tuple[str, str, str]]:
    return {
        (rule["apiGroups"][0], resource, operation)
        for webhook in webhooks(GATE)
        for rule in webhook["rules"]
        for resource in rule["resources"]
        for operation in rule["operations"]
    }


def test_every_webhook_fails_closed_and_soon() -> None:
    for webhook in webhooks(*ALL):
        assert webhook["failurePolicy"] == "Fail"
        assert webhook["timeoutSeconds"] <= 5
        assert webhook["matchPolicy"] == "Equivalent"
        assert webhook["sideEffects"] in ("None", "NoneOnDryRun")
        assert webhook["objectSelector"] == {}


def test_every_rule_pins_one_version_and_names_what_it_means() -> None:
    for webhook in webhooks(*ALL):
        for rule in webhook["rules"]:
            assert len(rule["apiGroups"]) == len(rule["apiVersions"]) == 1
            assert "*" not in str({key: value for key, value in rule.items() if key != "scope"})


def test_every_kind_that_the_gate_judges_is_asked_about() -> None:
    asked_resources = {(group, resource) for group, resource, _ in asked()}
    for kind in KINDS:
        assert (kind.group, kind.resource) in asked_resources
        assert ((kind.group, f"{kind.resource}/scale") in asked_resources) is kind.scales


def test_nothing_is_asked_about_that_keeps_clusters_alive() -> None:
    resources = {resource for _, resource, _ in asked()}
    never = {"leases", "events", "pods/binding", "endpoints", "endpointslices"}
    assert not resources & never
    assert ("", "pods", "CREATE") not in asked()
    assert ("", "pods/eviction", "CREATE") in asked()
    # In our own namespace we ask about more.
    everywhere = [webhook for webhook in webhooks(*ALL) if webhook["name"] != "installation.kinds.cutline.dev"]
    groups = {rule["apiGroups"][0] for webhook in everywhere for rule in webhook["rules"]}
    assert groups == {"apps", "", "cutline.dev", "apiextensions.k8s.io", "apiregistration.k8s.io"}


def test_a_status_is_asked_about_only_for_the_labels_it_lets_through() -> None:
    """Heartbeats, rollouts and every controller write statuses all the time."""
    for webhook in webhooks(GATE):
        resources = [resource for rule in webhook["rules"] for resource in rule["resources"]]
        if any(resource.endswith(("/status", "/finalize")) for resource in resources):
            assert "labels-differ" in [condition["name"] for condition in webhook["matchConditions"]], resources


def test_only_namespaced_resources_are_limited_to_the_scope() -> None:
    namespaced = {kind.resource for kind in KINDS if kind.namespaced}
    for webhook in webhooks(GATE):
        in_scope = webhook["namespaceSelector"] != {}
        for rule in webhook["rules"]:
            assert all((resource.partition("/")[0] in namespaced) is in_scope for resource in rule["resources"])


def test_names_are_unique() -> None:
    names = [webhook["name"] for webhook in webhooks(GATE)]
    assert len(names) == len(set(names))
    assert all(name.endswith(".gate.cutline.dev") for name in names)


def test_connects_by_url_or_through_the_service() -> None:
    bundle = base64.b64encode(b"PEM").decode()
    assert GATE["webhooks"][0]["clientConfig"] == {"caBundle": bundle, "url": "https://gate.example:8443/x/ab/gate"}
    service = gate(BY_SERVICE, OWNER, ())["webhooks"][0]["clientConfig"]["service"]
    assert service == {"name": "cutline-webhook", "namespace": "cutline-system", "path": "/ab/gate", "port": 443}
    assert set(bundles_of(GATE)) == {"PEM"}


def test_each_exemption_is_where_its_resource_is_and_nowhere_else() -> None:
    row = additional({"username": "karpenter", "operation": "DELETE", "resource": "nodes", "group": ""})
    found = {
        webhook["name"]
        for webhook in webhooks(gate(BY_URL, OWNER, (*BUILT_IN, row)))
        if "'karpenter'" in str(webhook.get("matchConditions"))
    }
    assert found == {"nodes.gate.cutline.dev"}


def test_built_in_rows_reach_a_webhook_each() -> None:
    """A row that no rule asks about would exempt nobody from anything."""
    conditions = str([webhook.get("matchConditions") for webhook in webhooks(GATE)])
    for row in BUILT_IN:
        assert row.username in conditions, row


def test_names_cannot_break_out_of_an_expression() -> None:
    row = additional({"username": "a' || true || 'b\\", "operation": "DELETE", "resource": "pods"})
    assert "'a\\' || true || \\'b\\\\'" in exempt_identities((row,)).expression
    with pytest.raises(ValueError, match="cannot be part"):
        not_sent_by("a\nb")


def test_no_exemptions_are_no_condition() -> None:
    for webhook in webhooks(gate(BY_URL, OWNER, ())):
        assert "exempt-identities" not in [condition["name"] for condition in webhook.get("matchConditions", [])]


def test_stored_as_written_is_no_drift() -> None:
    stored = copy.deepcopy(GATE)
    stored["metadata"] |= {"uid": "u", "resourceVersion": "1", "generation": 1}
    stored["metadata"]["labels"]["team"] = "platform"
    assert drifts(stored, GATE) == ()
    assert not was_edited(stored)


@pytest.mark.parametrize(
    ("edit", "found"),
    [
        (lambda tree: tree["webhooks"][0].update(failurePolicy="Ignore"), ("workloads.gate.cutline.dev",)),
        (lambda tree: tree["webhooks"][0]["rules"][0]["resources"].pop(), ("workloads.gate.cutline.dev",)),
        (lambda tree: tree["webhooks"].pop(0), ("workloads.gate.cutline.dev",)),
        (lambda tree: tree["webhooks"].append({"name": "z"}), ("z",)),
        (lambda tree: tree["metadata"].pop("ownerReferences"), ("metadata.ownerReferences",)),
        (lambda tree: tree["metadata"].pop("annotations"), ("metadata.annotations",)),
    ],
)
def test_edits_are_found_and_told_from_upgrades(edit: Any, found: tuple[str, ...]) -> None:
    stored = copy.deepcopy(GATE)
    edit(stored)
    assert drifts(stored, GATE) == found
    assert was_edited(stored) is ("metadata.ownerReferences" not in found)


def test_an_upgrade_is_no_edit() -> None:
    older = gate(BY_URL, OWNER, ())
    assert drifts(older, GATE)
    assert not was_edited(older)


def test_workloads_are_all_kinds_of_that_role() -> None:
    workloads = {kind.resource for kind in KINDS if kind.role is Role.WORKLOAD}
    assert {resource for group, resource, _ in asked() if group == "apps" and "/" not in resource} == workloads


def test_our_own_objects_are_guarded_in_our_namespace_alone() -> None:
    [guard] = [w for w in ALL[1]["webhooks"] if w["name"] == "installation.kinds.cutline.dev"]
    assert guard["namespaceSelector"] == {
        "matchExpressions": [{"key": "kubernetes.io/metadata.name", "operator": "In", "values": ["cutline-system"]}]
    }
    asked_here = {
        (resource, operation)
        for rule in guard["rules"]
        for resource in rule["resources"]
        for operation in rule["operations"]
    }
    # A drain empties our node, too, and the kubelet reports on our pods.
    assert not {("pods", "DELETE"), ("pods/eviction", "CREATE"), ("pods/status", "UPDATE")} & asked_here
    assert {("deployments", "UPDATE"), ("pods", "CREATE"), ("pods/exec", "CONNECT")} <= asked_here


def test_whoever_may_end_the_gate_is_not_asked() -> None:
    [guard] = [w for w in ALL[1]["webhooks"] if w["name"] == "installation.kinds.cutline.dev"]
    expressions = {condition["name"]: condition["expression"] for condition in guard["matchConditions"]}
    assert "name('cutline-gate').check('delete').allowed()" in expressions["could-not-end-the-gate"]
