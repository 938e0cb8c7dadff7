"""How a status is written, and in which words."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.contract.crd_cases import merge
from tests.contract.crds_live.api_server import Kubectl
from tests.contract.crds_live.cases import CASES

pytestmark = pytest.mark.e2e

_MISLEADING = {
    "type": "Ready",
    "status": "True",
    "reason": "Said",
    "message": "not\u202e approved",
    "lastTransitionTime": "2026-03-01T12:00:00Z",
}


@pytest.mark.parametrize("plural", ["remediationproposals", "admittedchanges"])
def test_status_is_written_through_its_own_door_only(kubectl: Kubectl, plural: str) -> None:
    status = {"remediationproposals": {"phase": "Approved"}, "admittedchanges": {"state": "Settled"}}[plural]
    obj = merge(CASES[plural].full, {"metadata": {"name": "door"}, "status": status})
    kubectl.ok("create", "-f", "-", stdin=obj)
    assert "status" not in kubectl.stored(plural, "door")

    patch = json.dumps({"status": status})
    kubectl.ok("patch", plural, "door", "--type=merge", "-p", patch)
    kubectl.ok("replace", "-f", "-", stdin=merge(kubectl.stored(plural, "door"), {"status": status}))
    assert "status" not in kubectl.stored(plural, "door")

    kubectl.ok("patch", plural, "door", "--subresource=status", "--type=merge", "-p", patch)
    assert kubectl.stored(plural, "door")["status"] == status


@pytest.mark.parametrize(
    ("plural", "status", "error"),
    [
        ("remediationproposals", {"phase": "Done"}, 'status.phase: Unsupported value: "Done"'),
        ("remediationproposals", {"missing": "1 approval\u202e"}, "status.missing: Invalid value"),
        ("admittedchanges", {"reason": "settled\u200b"}, "status.reason: Invalid value"),
        ("remediationproposals", {"conditions": [_MISLEADING]}, "status.conditions[0].message: Invalid value"),
        ("admittedchanges", {"state": "Lost"}, 'status.state: Unsupported value: "Lost"'),
        ("remediationproposals", {"conditions": [{"type": "Approved", "status": "Yes"}]}, "status.conditions[0]"),
    ],
)
def test_status_has_its_vocabulary_too(
    kubectl: Kubectl, existing: dict[str, dict[str, Any]], plural: str, status: dict[str, Any], error: str
) -> None:
    name = existing[plural]["metadata"]["name"]
    patch = json.dumps({"status": status})
    answer = kubectl("patch", plural, name, "--subresource=status", "--type=merge", "-p", patch)
    assert answer.code != 0
    assert error in answer.err
