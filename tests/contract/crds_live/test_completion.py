"""A proposal as little as people write reaches who completes it, and can be applied again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.contract.crds_live.api_server import Api, Kubectl, eventually
from tests.contract.crds_live.cases import CASES, STAMPED

pytestmark = pytest.mark.e2e


def _stand_in(namespace: str) -> list[dict[str, Any]]:
    """A policy that completes proposals in one namespace, as the gate does, without a webhook."""
    spec = CASES["remediationproposals"].full["spec"]
    patches = ",\n".join(
        f'JSONPatch{{op: "add", path: "/spec/{name}", value: {_cel(spec[name])}}}'
        for name in STAMPED["remediationproposals"]
    )
    meta = {"name": f"stand-in-{namespace}"}
    return [
        {
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "MutatingAdmissionPolicy",
            "metadata": meta,
            "spec": {
                "matchConstraints": {
                    "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
                    "resourceRules": [
                        {
                            "apiGroups": ["cutline.dev"],
                            "apiVersions": ["v1alpha1"],
                            "operations": ["CREATE"],
                            "resources": ["remediationproposals"],
                        }
                    ],
                },
                "matchConditions": [{"name": "asked", "expression": 'object.metadata.name.startsWith("bare-")'}],
                "reinvocationPolicy": "Never",
                "mutations": [{"patchType": "JSONPatch", "jsonPatch": {"expression": f"[{patches}]"}}],
            },
        },
        {
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "MutatingAdmissionPolicyBinding",
            "metadata": meta,
            "spec": {"policyName": meta["name"]},
        },
    ]


def _cel(value: Any) -> str:
    """A value as a CEL literal whose members may be of different types."""
    match value:
        case dict():
            return "{" + ", ".join(f"{json.dumps(k)}: dyn({_cel(v)})" for k, v in value.items()) + "}"
        case list():
            return "[" + ", ".join(f"dyn({_cel(item)})" for item in value) + "]"
        case _:
            return json.dumps(value)


@pytest.fixture
def completing(kubectl: Kubectl, api: Api) -> Iterator[None]:
    policy, binding = _stand_in(kubectl.namespace)
    kubectl.ok("create", "-f", "-", stdin=policy)
    kubectl.ok("create", "-f", "-", stdin=binding)
    eventually(lambda: not api.create(_minimal("bare-probe"))[1], seconds=30)
    yield
    kubectl.ok("delete", "mutatingadmissionpolicybinding,mutatingadmissionpolicy", policy["metadata"]["name"])


def _minimal(name: str) -> dict[str, Any]:
    full = CASES["remediationproposals"].full
    return {
        "apiVersion": full["apiVersion"],
        "kind": full["kind"],
        "metadata": {"name": name},
        "spec": {key: full["spec"][key] for key in ("action", "target", "why")},
    }


@pytest.mark.usefixtures("completing")
@pytest.mark.parametrize("how", [(), ("--server-side",)], ids=["client-side", "server-side"])
def test_a_minimal_proposal_reaches_who_completes_it_and_can_be_applied_again(
    kubectl: Kubectl, how: tuple[str, ...]
) -> None:
    minimal = _minimal(f"bare-{len(how)}")
    kubectl.ok("apply", *how, "-f", "-", stdin=minimal)
    stored = kubectl.stored("remediationproposals", minimal["metadata"]["name"])
    assert set(STAMPED["remediationproposals"]) <= set(stored["spec"])

    kubectl.ok("apply", *how, "-f", "-", stdin=minimal)
    assert kubectl.stored("remediationproposals", minimal["metadata"]["name"])["spec"] == stored["spec"]
