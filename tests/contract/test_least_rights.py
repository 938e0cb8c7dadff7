"""The comparison of rights with their use, on rules and audit events written down here; and the chart's own rules."""

import json
from typing import Any

import pytest

from tests.contract import test_chart as chart
from tests.contract.test_chart import FORMS, NAMESPACE, Render
from tests.least_rights import Account, Right, Unclear, granted, not_granted, not_used, requests_of

helm = chart.helm
render = chart.render

OURS = Account("ours", "robot")
THEIRS = Account("ours", "robot-2")
RULES: list[dict[str, Any]] = [
    {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list"]},
    {"apiGroups": ["apps"], "resources": ["deployments", "deployments/scale"], "verbs": ["patch"]},
    {"apiGroups": [""], "resources": ["secrets"], "resourceNames": ["tls", "ca"], "verbs": ["update"]},
]


def manifests(
    rules: list[dict[str, Any]], kind: str = "ClusterRole", account: Account = OURS, **ref: str
) -> list[dict[str, Any]]:
    """A role, and its binding to an account."""
    metadata = {"name": "robot", **({"namespace": "ours"} if kind == "Role" else {})}
    subject = {"kind": "ServiceAccount", "name": account.name, "namespace": account.namespace}
    binding = {"kind": f"{kind}Binding", "metadata": metadata, "roleRef": {"kind": kind, "name": "robot", **ref}}
    return [{"kind": kind, "metadata": metadata, "rules": rules}, {**binding, "subjects": [subject]}]


def event(
    verb: str, resource: str, *, decision: str = "allow", code: int = 200, user: str = OURS.username, **about: str
) -> str:
    """A line of an audit log."""
    return json.dumps(
        {
            "verb": verb,
            "user": {"username": user},
            "objectRef": {"resource": resource, **about},
            "responseStatus": {"code": code},
            "requestReceivedTimestamp": "2026-11-23T10:00:00.123456Z",
            "annotations": {"authorization.k8s.io/decision": decision},
        }
    )


def test_a_rule_is_taken_apart_into_single_rights() -> None:
    assert granted(manifests(RULES), OURS) == {
        Right("get", "", "pods"),
        Right("list", "", "pods"),
        Right("patch", "apps", "deployments"),
        Right("patch", "apps", "deployments/scale"),
        Right("update", "", "secrets", "tls"),
        Right("update", "", "secrets", "ca"),
    }


def test_a_role_grants_in_its_own_namespace_and_to_who_is_bound_only() -> None:
    rules = RULES[:1]
    assert granted(manifests(rules, "Role"), OURS) == {
        Right("get", "", "pods", namespace="ours"),
        Right("list", "", "pods", namespace="ours"),
    }
    assert granted(manifests(rules), THEIRS) == frozenset()


@pytest.mark.parametrize("field", ["verbs", "apiGroups", "resources", "resourceNames"])
def test_wildcards_are_refused(field: str) -> None:
    for wild in ("*", "*/scale"):
        with pytest.raises(Unclear, match="robot has a wildcard"):
            granted(manifests([{**RULES[0], field: [wild]}]), OURS)


def test_paths_and_roles_of_others_are_refused() -> None:
    with pytest.raises(Unclear, match="robot grants paths"):
        granted(manifests([{"nonResourceURLs": ["/metrics"], "verbs": ["get"]}]), OURS)
    with pytest.raises(Unclear, match="not of the chart"):
        granted(manifests(RULES, name="cluster-admin"), OURS)


@pytest.mark.parametrize(
    ("line", "right"),
    [
        (event("get", "pods", name="a", namespace="x"), Right("get", "", "pods")),
        (event("list", "pods"), Right("list", "", "pods")),
        (
            event("patch", "deployments", apiGroup="apps", name="a", namespace="x"),
            Right("patch", "apps", "deployments"),
        ),
        (
            event("patch", "deployments", apiGroup="apps", subresource="scale", name="a", namespace="x"),
            Right("patch", "apps", "deployments/scale"),
        ),
        (event("update", "secrets", name="ca", namespace="x"), Right("update", "", "secrets", "ca")),
    ],
    ids=["one", "all", "of a group", "subresource", "by name"],
)
def test_a_request_uses_the_right_that_covers_it_and_no_other(line: str, right: Right) -> None:
    rights = granted(manifests(RULES), OURS)
    requests = list(requests_of([line], OURS))
    assert not not_granted(rights, requests)
    assert not_used(rights, requests) == rights - {right}


@pytest.mark.parametrize(
    "line",
    [
        event("watch", "pods"),
        event("get", "deployments", apiGroup="apps"),
        event("patch", "deployments", apiGroup="extensions"),
        event("get", "pods", subresource="log", name="a"),
        event("update", "secrets", name="other"),
        event("deletecollection", "pods"),
    ],
)
@pytest.mark.parametrize("decision", ["allow", "forbid"])
def test_what_no_right_covers_is_told_even_where_it_passed(line: str, decision: str) -> None:
    told = line.replace('"allow"', f'"{decision}"')
    rights = granted(manifests(RULES), OURS)
    requests = list(requests_of([told], OURS))
    assert not_granted(rights, requests) == {requests[0].asked}
    assert not_used(rights, requests) == rights


def test_a_role_is_of_no_use_in_another_namespace() -> None:
    rights = granted(manifests(RULES[:1], "Role"), OURS)
    requests = list(requests_of([event("get", "pods", namespace="theirs"), event("list", "pods")], OURS))
    assert not_granted(rights, requests) == {Right("get", "", "pods", "", "theirs"), Right("list", "", "pods")}
    assert not_used(rights, requests) == rights


def test_a_creation_is_asked_for_before_it_has_a_name() -> None:
    by_name = granted(
        manifests([{"apiGroups": [""], "resources": ["secrets"], "resourceNames": ["tls"], "verbs": ["create"]}]), OURS
    )
    requests = list(requests_of([event("create", "secrets", name="tls", namespace="x")], OURS))
    assert not_granted(by_name, requests)
    assert not_used(by_name, requests) == by_name
    # That of a subresource has one: it is its object's.
    eviction = {"apiGroups": [""], "resources": ["pods/eviction"], "resourceNames": ["a"], "verbs": ["create"]}
    requests = list(requests_of([event("create", "pods", subresource="eviction", name="a")], OURS))
    assert not not_used(granted(manifests([eviction]), OURS), requests)


def test_a_right_that_was_only_refused_was_not_used() -> None:
    """So it is for a moment while a role or its binding is not there yet, or no more."""
    rights = granted(manifests(RULES[:1]), OURS)
    requests = list(requests_of([event("get", "pods", decision="forbid", code=403)], OURS))
    assert not not_granted(rights, requests)
    assert not_used(rights, requests) == rights


def test_a_right_was_used_though_admission_refused_the_request() -> None:
    rights = granted(manifests(RULES[:1]), OURS)
    lines = [event("get", "pods", code=404), event("list", "pods", code=403)]
    assert not not_used(rights, requests_of(lines, OURS))


def test_others_and_discovery_are_left_out() -> None:
    discovery = json.dumps({"user": {"username": OURS.username}, "verb": "get", "requestURI": "/apis"})
    impersonated = json.dumps({"user": {"username": "admin"}, "impersonatedUser": {"username": OURS.username}})
    lines = [event("get", "pods", user=THEIRS.username), event("get", "pods", user="admin"), discovery, impersonated]
    assert not list(requests_of(lines, OURS))


@FORMS
@pytest.mark.parametrize("name", ["cutline-webhook", "cutline-operator"])
def test_every_rule_of_ours_can_be_compared(render: Render, values: tuple[str, ...], name: str) -> None:
    rights = granted(render(*values), Account(NAMESPACE, name))
    assert len(rights) > 10
    assert not [right for right in rights if right.verb == "create" and right.name], "no creation is asked for by name"
