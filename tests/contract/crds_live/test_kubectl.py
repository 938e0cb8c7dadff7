"""What people do with kubectl: edit a policy, look at it, select by fields."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.contract.crd_cases import merge
from tests.contract.crds_live.api_server import Kubectl
from tests.contract.crds_live.cases import CASES

pytestmark = pytest.mark.e2e


def test_a_policy_may_be_edited_but_not_into_nonsense(kubectl: Kubectl) -> None:
    name = f"{kubectl.namespace}-edited"
    policy = merge(CASES["reversibilitypolicies"].full, {"metadata": {"name": name}})
    kubectl.ok("create", "-f", "-", stdin=policy)
    try:
        kubectl.ok("patch", "revpol", name, "--type=merge", "-p", '{"spec":{"enforcement":"Audit"}}')
        answer = kubectl("patch", "revpol", name, "--type=merge", "-p", '{"spec":{"lines":[]}}')
        assert "spec.lines" in answer.err
        kubectl.ok("patch", "revpol", name, "--subresource=status", "--type=merge", "-p", READY)
        assert kubectl.ok("get", "revpol", name, "--no-headers").split()[:5] == [name, "Audit", "Draft", "3", "True"]
    finally:
        kubectl.ok("delete", "revpol", name)


READY = json.dumps(
    {
        "status": {
            "selectedNamespaces": 3,
            "conditions": [
                {
                    "type": "Ready",
                    "status": "True",
                    "reason": "InForce",
                    "message": "",
                    "lastTransitionTime": "2026-01-01T00:00:00Z",
                }
            ],
        }
    }
)


@pytest.mark.parametrize(
    ("plural", "selector"),
    [
        ("remediationproposals", "spec.action=Rollback,spec.target.kind=Deployment,spec.target.name=checkout"),
        ("signoffs", "spec.proposal=checkout-back-to-41,spec.decision=Approve"),
        ("admittedchanges", "spec.proposal.uid=7b0ce5c0,spec.target.uid=9e107d9d"),
    ],
)
def test_fields_select(kubectl: Kubectl, existing: dict[str, dict[str, Any]], plural: str, selector: str) -> None:
    name = existing[plural]["metadata"]["name"]
    assert f"/{name}\n" in kubectl.ok("get", plural, f"--field-selector={selector}", "-o", "name")
    assert kubectl.ok("get", plural, f"--field-selector={selector}x", "-o", "name") == ""
