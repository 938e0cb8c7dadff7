"""The roles that the chart grants: to our own processes as little as they need, to people what was meant."""

from __future__ import annotations

from collections.abc import Iterator

from tests.contract import test_chart as chart
from tests.contract.test_chart import BROUGHT, CERT_MANAGER, FORMS, NAMESPACE, Manifest, Render, config_of, of_kind

helm = chart.helm
render = chart.render

READING = {"get", "list", "watch"}
# Secrets that are somebody else's: the certificate that the operator takes from there.
MADE_BY_OTHERS = {CERT_MANAGER: ["cutline-webhook-issued"], BROUGHT: ["ours"]}


def rules(manifests: list[Manifest]) -> Iterator[tuple[str, str, Manifest]]:
    """Every rule of every role, with the role's kind and name."""
    for kind in ("ClusterRole", "Role"):
        for name, role in of_kind(manifests, kind).items():
            for rule in role["rules"]:
                yield kind, name, rule


def granted(manifests: list[Manifest], role: str, resource: str, *, kind: str = "ClusterRole") -> set[str]:
    """The verbs that one role grants on one resource."""
    matching = [
        rule["verbs"] for k, n, rule in rules(manifests) if (k, n) == (kind, role) and resource in rule["resources"]
    ]
    return {verb for verbs in matching for verb in verbs}


@FORMS
def test_no_rule_has_wildcards(render: Render, values: tuple[str, ...]) -> None:
    for _, name, rule in rules(render(*values)):
        assert "nonResourceURLs" not in rule, name
        for field in ("apiGroups", "resources", "verbs"):
            assert "*" not in "".join(rule[field]), f"{name}: {rule}"


@FORMS
def test_no_rule_hands_on_power(render: Render, values: tuple[str, ...]) -> None:
    for _, name, rule in rules(render(*values)):
        assert not {"bind", "escalate", "impersonate"} & set(rule["verbs"]), name
        assert not {"serviceaccounts/token", "pods/exec", "nodes/proxy"} & set(rule["resources"]), name


@FORMS
def test_secrets_are_never_listed_and_read_by_name_only(render: Render, values: tuple[str, ...]) -> None:
    for kind, name, rule in rules(render(*values)):
        if "secrets" not in rule["resources"]:
            continue
        assert kind == "Role", name
        assert not {"list", "watch"} & set(rule["verbs"]), name
        if rule.get("resourceNames", []) == MADE_BY_OTHERS.get(values):
            assert (name, rule["verbs"]) == ("cutline-operator", ["get"])
        elif rule["verbs"] != ["create"]:
            assert set(rule["resourceNames"]) <= {"cutline-webhook-tls", "cutline-ca"}, name
            assert "cutline-ca" not in rule["resourceNames"] or name == "cutline-operator", name


def test_webhook_configurations_are_changed_by_name_only(render: Render) -> None:
    for _, name, rule in rules(render()):
        if "admissionregistration.k8s.io" not in rule["apiGroups"] or rule["verbs"] == ["get"]:
            continue
        assert name == "cutline-operator"
        if rule["verbs"] != ["create"]:
            assert rule["resourceNames"]
            assert set(rule["resourceNames"]) <= {"cutline-gate", "cutline-kinds"}


def test_gate_writes_claims_and_can_neither_change_nor_remove_them(render: Render) -> None:
    manifests = render()
    assert granted(manifests, "cutline-webhook", "admittedchanges", kind="Role") == {"get", "list", "create"}
    assert not granted(manifests, "cutline-webhook", "admittedchanges")
    assert not granted(manifests, "cutline-webhook", "admittedchanges/status", kind="Role")


def test_operator_decides_nothing(render: Render) -> None:
    manifests = render()
    assert granted(manifests, "cutline-operator", "signoffs") <= {*READING, "delete"}
    assert granted(manifests, "cutline-operator", "remediationproposals") <= {*READING, "delete"}
    assert "create" not in granted(manifests, "cutline-operator", "admittedchanges", kind="Role")
    assert not granted(manifests, "cutline-operator", "actions")


def test_gate_and_operator_change_no_workload(render: Render) -> None:
    ours = {"cutline.dev", "admissionregistration.k8s.io", "authorization.k8s.io", "events.k8s.io"}
    for kind, name, rule in rules(render()):
        if name not in {"cutline-webhook", "cutline-operator"} or kind == "Role" or ours & set(rule["apiGroups"]):
            continue
        assert set(rule["verbs"]) <= READING, f"{name}: {rule}"


def test_owner_of_the_webhook_configurations_is_part_of_the_release(render: Render) -> None:
    manifests = render()
    owner = config_of(manifests)["owner"]
    assert owner["name"] in of_kind(manifests, owner["kind"])
    assert of_kind(manifests, owner["kind"])[owner["name"]]["apiVersion"] == owner["apiVersion"]


def test_only_reading_flows_into_default_roles(render: Render) -> None:
    aggregated = {
        name: role
        for name, role in of_kind(render(), "ClusterRole").items()
        if any("aggregate-to" in label for label in role["metadata"]["labels"])
    }
    assert list(aggregated) == ["cutline-viewer"]
    assert "rbac.authorization.k8s.io/aggregate-to-view" in aggregated["cutline-viewer"]["metadata"]["labels"]
    assert all(set(rule["verbs"]) <= READING for rule in aggregated["cutline-viewer"]["rules"])


def test_roles_for_people_grant_what_their_names_say(render: Render) -> None:
    manifests = render()
    roles = [
        "cutline-viewer",
        "cutline-proposer",
        "cutline-approver",
        "cutline-emergency",
        "cutline-policy-author",
    ]
    writing = {"create", "update", "patch", "delete", "deletecollection"}

    def holders(resource: str, verbs: set[str]) -> list[str]:
        return [role for role in roles if granted(manifests, role, resource) & verbs]

    assert holders("actions", {"approve"}) == ["cutline-approver"]
    assert holders("actions", {"emergency"}) == ["cutline-emergency"]
    assert holders("signoffs", writing) == ["cutline-approver"]
    assert holders("remediationproposals", writing) == ["cutline-proposer", "cutline-emergency"]
    assert holders("reversibilitypolicies", writing) == ["cutline-policy-author"]
    assert holders("admittedchanges", writing) == []
    for role in roles[:-1]:
        for resource in ("remediationproposals", "signoffs", "admittedchanges", "reversibilitypolicies"):
            assert granted(manifests, role, resource) >= READING, (role, resource)


def test_nobody_is_bound_but_our_own_accounts(render: Render) -> None:
    manifests = render()
    for kind in ("ClusterRoleBinding", "RoleBinding"):
        for name, binding in of_kind(manifests, kind).items():
            assert binding["roleRef"]["name"] == name
            assert binding["subjects"] == [{"kind": "ServiceAccount", "name": name, "namespace": NAMESPACE}]


def test_the_test_of_a_release_may_do_what_it_tries_and_nothing_else(render: Render) -> None:
    manifests = render()
    may = {
        (kind, resource): set(rule["verbs"])
        for kind, name, rule in rules(manifests)
        if name == "cutline-selftest"
        for resource in rule["resources"]
    }
    assert may == {
        ("ClusterRole", "validatingwebhookconfigurations"): {"get"},
        ("ClusterRole", "mutatingwebhookconfigurations"): {"get"},
        ("ClusterRole", "reversibilitypolicies"): {"get", "patch", "delete"},
        ("Role", "remediationproposals"): {"create"},
        ("Role", "pods"): {"get"},
    }
    named = [rule for _, name, rule in rules(manifests) if name == "cutline-selftest" and rule["verbs"] != ["create"]]
    assert all(rule["resourceNames"] for rule in named)
