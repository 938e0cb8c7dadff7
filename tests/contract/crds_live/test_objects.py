"""Which objects the definitions accept and refuse, put before a real API server without any webhook."""

from __future__ import annotations

import json

import pytest

from tests.contract.crd_cases import CRDS, KINDS, BadCase, members, merge, root_schema, schema_path, without
from tests.contract.crds_live.api_server import Api, Kubectl
from tests.contract.crds_live.cases import CASES

pytestmark = pytest.mark.e2e


@pytest.mark.parametrize("plural", KINDS)
def test_definitions_are_accepted_without_a_warning(kubectl: Kubectl, plural: str) -> None:
    name = f"{plural}.cutline.dev"
    applied = kubectl("apply", "--server-side", "--dry-run=server", "-f", str(CRDS / f"{name}.yaml"))
    assert (applied.code, applied.err) == (0, "")
    conditions = json.loads(kubectl.ok("get", "crd", name, "-o", "json"))["status"]["conditions"]
    states = {condition["type"]: condition["status"] for condition in conditions}
    assert states["NamesAccepted"] == states["Established"] == "True"
    assert "NonStructuralSchema" not in states


@pytest.mark.parametrize(("plural", "name"), [(plural, name) for plural in KINDS for name in CASES[plural].good])
def test_good_objects_are_accepted(api: Api, plural: str, name: str) -> None:
    _, complaints = api.create(CASES[plural].good[name])
    assert complaints == []


@pytest.mark.parametrize(
    "case",
    [pytest.param(case, id=f"{plural}-{case.name}") for plural in KINDS for case in CASES[plural].bad],
)
def test_bad_objects_are_refused_in_words(api: Api, case: BadCase) -> None:
    _, complaints = api.create(case.object)
    assert [text for text in complaints if case.error in text and case.also in text], complaints
    assert (len(complaints) > 1) is case.several, complaints


@pytest.mark.parametrize("plural", KINDS)
def test_only_what_is_optional_can_be_left_out(api: Api, plural: str) -> None:
    cases, schema = CASES[plural], root_schema(plural)
    dispensable = set()
    for path, _ in members({"spec": cases.full["spec"]}):
        # A list may be shorter; what its items must have is what counts.
        if path and isinstance(path[-1], str) and api.create(without(cases.full, path))[1] == []:
            dispensable.add(schema_path(path, schema))
    # Labels are a map: each may be missing while others are there.
    assert {path for path in dispensable if not path.endswith("matchLabels{}")} == cases.optional


def test_defaults_are_filled_in(api: Api) -> None:
    least = CASES["remediationproposals"].good["as little as the gate completes"]
    spec = api.create(least)[0]["spec"]
    assert (spec["executor"], spec["decideWithin"], spec["validFor"]) == ("Requester", "1h", "15m")
    smallest = CASES["reversibilitypolicies"].good["the smallest"]
    spec = api.create(smallest)[0]["spec"]
    assert (spec["enforcement"], spec["onDeny"]) == ("Deny", "Refuse")
    assert (spec["lines"][0]["exemptions"], spec["lines"][0]["require"]["approvals"]) == ("Allowed", 1)


def test_the_largest_proposal_costs_no_more_than_rules_may(kubectl: Kubectl, api: Api) -> None:
    # The API server gives up on an object whose rules are too much work, also when only its labels change.
    full = CASES["remediationproposals"].full
    (change,), (requirement,) = full["spec"]["changes"], full["spec"]["requirement"]
    line = {**requirement, "from": [{"userGroup": f"{'g' * 250}{number}"} for number in range(16)]}
    spec = {
        "proposer": {"groups": ["x" * 128] * 1024},
        "changes": [{**change, "canonical": "c" * 512, "summary": "s" * 512}] * 512,
        "requirement": [line] * 64,
        "why": {"evidence": [{"source": "s" * 256, "claim": "c" * 1024, "link": "https://" + "l" * 2040}] * 20},
    }
    largest = merge(full, {"metadata": {"name": "largest"}, "spec": spec})
    assert api.create(largest)[1] == []
    kubectl.ok("create", "-f", "-", stdin=largest)
    kubectl.ok("label", "rprop", "largest", "seen=yes")
    kubectl.ok("delete", "rprop", "largest")
