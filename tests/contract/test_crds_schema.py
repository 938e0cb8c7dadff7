"""The definitions in `crds/`, read as files: explained, bounded, and covered by cases."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.contract.crd_cases import (
    CRDS,
    IMMUTABLE,
    KINDS,
    load_cases,
    load_crd,
    members,
    root_schema,
    schema_path,
    version_of,
    walk,
)

# Short names that Kubernetes or widely installed projects use already; the API server would not complain.
TAKEN = {
    *("cm", "cs", "csr", "deploy", "ds", "ep", "ev", "hpa", "ing", "limits", "netpol", "no", "ns", "pdb", "po"),
    *("pc", "pv", "pvc", "quota", "rc", "rs", "sa", "sc", "sts", "svc", "cj", "crd", "crds", "rb", "crb"),
    *("so", "sj", "ta", "rp", "app", "apps", "vs", "dr", "gw", "pol", "cpol", "ap", "cert", "cr", "issuer"),
}
SHORT_NAMES = {
    "remediationproposals": ["rprop"],
    "signoffs": [],  # the singular is `signoff` already
    "admittedchanges": ["admitted"],
    "reversibilitypolicies": ["revpol"],
}
SELECTABLE = {
    "remediationproposals": [".spec.action", ".spec.target.kind", ".spec.target.name", ".status.phase"],
    "signoffs": [".spec.proposal", ".spec.proposalUID", ".spec.decision"],
    "admittedchanges": [".spec.proposal.uid", ".spec.target.uid"],
    "reversibilitypolicies": [],
}
COLUMNS = {
    "remediationproposals": "Action Kind Target Phase Signed Proposer Decide-By Age Incident Digest",
    "signoffs": "Proposal Decision By Reason Age Digest",
    "admittedchanges": "When Who Action Target Target-Namespace Signed-By State Kind Proposal",
    "reversibilitypolicies": "Enforcement On-Deny Namespaces Ready Age Nodes",
}
ACTIONS = "Rollback Drain ScaleDown Restart Loosening"
GATED = "Restart Drain Rollback CutTraffic ScaleDown DisableFeature Delete"
EFFECTS = f"{GATED} PodRemoval Loosening Custom"
STATES = "Claimed Settled NeverHappened"
SELECTOR_OPERATORS = "In NotIn Exists DoesNotExist"
# Kubernetes' own words for admission operations, which are in capitals.
OPERATIONS = "CREATE UPDATE DELETE CONNECT"
CLOSED = {
    "remediationproposals": {
        "spec.action": ACTIONS,
        "spec.target.kind": "Deployment StatefulSet DaemonSet ReplicaSet Node Pod Namespace ReversibilityPolicy "
        "CustomResourceDefinition",
        "spec.why.confidence": "Low Medium High",
        "spec.executor": "Requester",
        "spec.changes[].effects[]": EFFECTS,
        "status.phase": "Pending Approved Rejected Expired Stale Revoked Used Completed",
        "status.signers[].decision": "Approve Reject Revoke",
        "status.claims[].state": STATES,
        "status.conditions[].status": "True False Unknown",
    },
    "signoffs": {"spec.decision": "Approve Reject Revoke"},
    "admittedchanges": {
        "spec.action": ACTIONS,
        "spec.effects[]": EFFECTS,
        "spec.caller": "Verified Unverified",
        "spec.request.operation": OPERATIONS,
        "spec.removal.how": "Evict Delete",
        "status.state": STATES,
    },
    "reversibilitypolicies": {
        "spec.enforcement": "Deny Warn Audit",
        "spec.where.cluster[]": "Nodes Namespaces CustomResourceDefinitions PersistentVolumes",
        "spec.where.namespaces.matchExpressions[].operator": SELECTOR_OPERATORS,
        "spec.lines[].actions[]": GATED,
        "spec.lines[].objects.matchExpressions[].operator": SELECTOR_OPERATORS,
        "spec.lines[].exemptions": "Allowed Never",
        "spec.exempt[].actions[]": "ScaleDown",
        "spec.onDeny": "Refuse Draft",
        "status.conditions[].status": "True False Unknown",
    },
}

Node = dict[str, Any]
NODES = [(plural, path, node) for plural in KINDS for path, node in walk(root_schema(plural))]
each_kind = pytest.mark.parametrize("plural", KINDS)


def offenders(plural: str, wrong: Any) -> list[str]:
    return [path for kind, path, node in NODES if kind == plural and wrong(path, node)]


def test_there_is_one_file_for_each_kind() -> None:
    assert {path.name for path in CRDS.iterdir()} == {f"{plural}.cutline.dev.yaml" for plural in KINDS}


@each_kind
def test_names_are_as_promised(plural: str) -> None:
    crd = load_crd(plural)
    names = crd["spec"]["names"]
    assert crd["metadata"]["name"] == f"{plural}.cutline.dev"
    assert crd["spec"]["group"] == "cutline.dev"
    assert version_of(crd)["name"] == "v1alpha1"
    assert names["plural"] == plural
    assert names["categories"] == ["cutline"]
    assert names.get("shortNames", []) == SHORT_NAMES[plural]
    assert not TAKEN & {*names.get("shortNames", []), names["singular"]}


@each_kind
def test_only_policies_are_cluster_scoped(plural: str) -> None:
    expected = "Cluster" if plural == "reversibilitypolicies" else "Namespaced"
    assert load_crd(plural)["spec"]["scope"] == expected


@each_kind
def test_status_is_a_subresource_except_where_there_is_none(plural: str) -> None:
    version = version_of(load_crd(plural))
    has_status = "status" in root_schema(plural)["properties"]
    assert has_status is (plural != "signoffs")
    assert ("status" in version.get("subresources", {})) is has_status


@each_kind
def test_columns_and_selectable_fields_are_as_promised(plural: str) -> None:
    version = version_of(load_crd(plural))
    columns = [column["name"].replace(" ", "-") for column in version["additionalPrinterColumns"]]
    assert columns == COLUMNS[plural].split()
    assert [field["jsonPath"] for field in version.get("selectableFields", [])] == SELECTABLE[plural]


@each_kind
def test_dates_to_come_are_not_date_columns(plural: str) -> None:
    # kubectl prints a date column in the future as <invalid>.
    columns = version_of(load_crd(plural))["additionalPrinterColumns"]
    dates = {column["jsonPath"] for column in columns if column["type"] == "date"}
    assert dates <= {".metadata.creationTimestamp"}


@each_kind
def test_every_field_is_explained(plural: str) -> None:
    def unexplained(path: str, node: Node) -> bool:
        is_field = not path.endswith(("[]", "{}")) and path != "metadata"
        return is_field and len(node.get("description", "")) < 8

    assert offenders(plural, unexplained) == []


@each_kind
def test_defaults_are_named_in_the_explanation(plural: str) -> None:
    def silent(path: str, node: Node) -> bool:
        words = node.get("description", "")
        default = node.get("default")
        return default not in (None, "") and str(default) not in words

    assert offenders(plural, silent) == []


@each_kind
def test_every_string_list_and_map_is_bounded(plural: str) -> None:
    def unbounded(path: str, node: Node) -> bool:
        match node["type"]:
            case "string":
                return "enum" not in node and "maxLength" not in node
            case "array":
                return "maxItems" not in node or "x-kubernetes-list-type" not in node
            case "object":
                return "additionalProperties" in node and "maxProperties" not in node
            case "integer":
                return "minimum" not in node or "format" not in node
        return True

    assert offenders(plural, unbounded) == []


@each_kind
def test_nothing_unknown_is_kept(plural: str) -> None:
    loose = ("x-kubernetes-preserve-unknown-fields", "x-kubernetes-int-or-string", "nullable")
    assert offenders(plural, lambda path, node: any(key in node for key in loose)) == []


@each_kind
def test_closed_vocabularies_are_as_promised(plural: str) -> None:
    enums = {path: " ".join(node["enum"]) for kind, path, node in NODES if kind == plural and "enum" in node}
    assert enums == CLOSED[plural]


@each_kind
def test_enums_are_camel_case(plural: str) -> None:
    def odd(path: str, node: Node) -> bool:
        values = node.get("enum", [])
        return values != OPERATIONS.split() and not all(re.fullmatch(r"([A-Z][a-z]+)+", value) for value in values)

    assert offenders(plural, odd) == []


@each_kind
def test_rules_say_in_words_what_they_want(plural: str) -> None:
    def mute(path: str, node: Node) -> bool:
        rules = node.get("x-kubernetes-validations", [])
        return any(len(rule.get("message", "")) < 15 or rule["message"].endswith(".") for rule in rules)

    assert offenders(plural, mute) == []


@pytest.mark.parametrize("plural", IMMUTABLE)
def test_the_spec_is_required_and_compared_as_a_whole(plural: str) -> None:
    # On an optional member the rule would be passed by by removing it and adding another.
    schema = root_schema(plural)
    assert "spec" in schema["required"]
    rules = [rule["rule"] for rule in schema["properties"]["spec"]["x-kubernetes-validations"]]
    assert "self == oldSelf" in rules


@each_kind
def test_the_full_example_has_every_field(plural: str) -> None:
    cases = load_cases(plural)
    schema = root_schema(plural)
    present = {schema_path(path, schema) for path, _ in members({"spec": cases.full["spec"]})}
    described = {path for path, _ in walk(schema) if path.split(".")[0] == "spec"}
    assert described - present - {"spec"} == cases.elsewhere


@each_kind
def test_every_rule_has_a_case_that_it_refuses(plural: str) -> None:
    # The rules on deceiving characters are everywhere; test_crds_live tries each string of the full example.
    expected = [(case.error, case.also) for case in load_cases(plural).bad]

    def untried(path: str, node: Node) -> bool:
        if path.split(".")[0] == "status":
            return False
        messages = [rule["message"] for rule in node.get("x-kubernetes-validations", [])]
        return any(
            "zero-width" not in message
            and "never changes" not in message
            and not any(
                also in message if also else error.rpartition(": ")[2][:30] in message for error, also in expected
            )
            for message in messages
        )

    assert offenders(plural, untried) == []
