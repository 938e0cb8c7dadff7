"""The definitions in `crds/`, put before a real API server without any of Cutline's webhooks."""

from __future__ import annotations

import http.client
import json
import re
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.contract.crd_cases import (
    CRDS,
    IMMUTABLE,
    KINDS,
    NAMESPACED,
    ROOT,
    BadCase,
    load_cases,
    members,
    merge,
    pointer,
    replaced,
    root_schema,
    schema_path,
    shown,
    walk,
    without,
)

pytestmark = pytest.mark.e2e

CASES = {plural: load_cases(plural) for plural in KINDS}
PAGE = ROOT / "docs" / "reference" / "kinds.md"
PLURAL_OF = {CASES[plural].full["kind"]: plural for plural in KINDS}
# What the gate adds to an object that a person wrote.
STAMPED = {
    "remediationproposals": ("proposer", "nonce", "changes", "requirement", "digest"),
    "signoffs": ("by", "proposalUID"),
}
DECEIVING = {
    "escape": "\x1b",
    "carriage return": "\r",
    "next line": "\x85",
    "left-to-right mark": "\u200e",
    "right-to-left mark": "\u200f",
    "Arabic letter mark": "\u061c",
    "right-to-left embedding": "\u202b",
    "right-to-left override": "\u202e",
    "isolate": "\u2067",
    "pop isolate": "\u2069",
    "zero-width space": "\u200b",
    "zero-width joiner": "\u200d",
    "word joiner": "\u2060",
    "byte order mark": "\ufeff",
    "soft hyphen": "\u00ad",
    "line separator": "\u2028",
    "tag letter": "\U000e0041",
}


# What the API server adds when it did not get to the rules, because the form itself is wrong.
UNCHECKED = "some validation rules were not checked"


@dataclass(frozen=True, slots=True)
class Answer:
    code: int
    out: str
    err: str


@dataclass(frozen=True, slots=True)
class Api:
    """Requests as they are, without kubectl's start-up time, through one `kubectl proxy`."""

    port: int
    namespace: str

    def create(self, obj: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
        """The object as it would be stored, or the complaints about it; and nothing is stored."""
        plural = PLURAL_OF[obj["kind"]]
        query = "?dryRun=All&fieldValidation=Strict"
        return self._send("POST", self._path(plural) + query, "application/json", obj)

    def patch(self, plural: str, name: str, patch: list[dict[str, Any]]) -> tuple[dict[str, Any], list[str]]:
        """What a JSON patch would lead to, or the complaints about it; and nothing is stored."""
        path = f"{self._path(plural)}/{name}?dryRun=All&fieldValidation=Strict"
        return self._send("PATCH", path, "application/json-patch+json", patch)

    def _path(self, plural: str) -> str:
        place = f"/namespaces/{self.namespace}" if plural in NAMESPACED else ""
        return f"/apis/cutline.dev/v1alpha1{place}/{plural}"

    def _send(self, method: str, path: str, content_type: str, body: Any) -> tuple[dict[str, Any], list[str]]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request(method, path, json.dumps(body), {"Content-Type": content_type})
        response = connection.getresponse()
        answer: dict[str, Any] = json.loads(response.read())
        connection.close()
        if response.status < 400:
            return answer, []
        causes = answer.get("details", {}).get("causes", [])
        complaints = [f"{cause.get('field')}: {cause['message']}" for cause in causes] or [answer["message"]]
        return {}, [complaint for complaint in complaints if UNCHECKED not in complaint]


@dataclass(frozen=True, slots=True)
class Kubectl:
    binary: str
    kubeconfig: Path
    namespace: str

    def __call__(self, *args: str, stdin: Any = None) -> Answer:
        done = subprocess.run(
            [self.binary, f"--kubeconfig={self.kubeconfig}", f"--namespace={self.namespace}", *args],
            input=None if stdin is None else json.dumps(stdin),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return Answer(done.returncode, done.stdout, done.stderr)

    def ok(self, *args: str, stdin: Any = None) -> str:
        answer = self(*args, stdin=stdin)
        assert answer.code == 0, answer.err
        return answer.out

    def stored(self, plural: str, name: str) -> dict[str, Any]:
        obj: dict[str, Any] = json.loads(self.ok("get", f"{plural}.cutline.dev", name, "-o", "json"))
        return obj


@pytest.fixture(scope="session")
def kubectl(bare_admin_kubeconfig: Path, kubectl_path: Path) -> Iterator[Kubectl]:
    """kubectl as an administrator in a namespace of its own, with the definitions in force."""
    run = Kubectl(str(kubectl_path), bare_admin_kubeconfig, f"crd-{uuid.uuid4().hex[:8]}")
    run.ok("apply", "--server-side", "--force-conflicts", "-f", str(CRDS))
    names = [f"{plural}.cutline.dev" for plural in KINDS]
    run.ok("wait", "--for=condition=Established", "--timeout=30s", "crd", *names)
    run.ok("create", "namespace", run.namespace)
    yield run
    run.ok("delete", "namespace", run.namespace, "--wait=false")


@pytest.fixture(scope="session")
def api(kubectl: Kubectl) -> Iterator[Api]:
    args = [kubectl.binary, f"--kubeconfig={kubectl.kubeconfig}", "proxy", "--port=0"]
    with subprocess.Popen(args, stdout=subprocess.PIPE, text=True) as proxy:
        assert proxy.stdout is not None
        # "Starting to serve on 127.0.0.1:34567"
        port = int(proxy.stdout.readline().rpartition(":")[2])
        yield _in_force(Api(port, kubectl.namespace))
        proxy.terminate()


def _in_force(api: Api) -> Api:
    """The API server goes on with the old schema for a moment after a definition was changed."""
    for cases in CASES.values():
        _eventually(partial(_tells_apart, api, cases.full, cases.bad[-1].object))
    return api


def _tells_apart(api: Api, good: dict[str, Any], bad: dict[str, Any]) -> bool:
    return not api.create(good)[1] and bool(api.create(bad)[1])


def _eventually(check: Callable[[], bool], seconds: float = 15) -> None:
    deadline = time.monotonic() + seconds
    while not check():
        # If it never comes true, the test that follows says why.
        if time.monotonic() > deadline:
            return
        time.sleep(0.2)


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


def _strings(plural: str) -> list[tuple[tuple[str | int, ...], str]]:
    cases = CASES[plural]
    spec = {"spec": cases.full["spec"]}
    return [(path, value) for path, value in members(spec) if isinstance(value, str) and path not in cases.opaque]


@pytest.mark.parametrize("plural", KINDS)
@pytest.mark.parametrize("what", DECEIVING)
def test_deceiving_characters_are_refused_in_every_string(api: Api, plural: str, what: str) -> None:
    schema = root_schema(plural)
    nodes = dict(walk(schema))
    # Strings of a closed set refuse them anyhow, and while they complain, no rule is looked at.
    places = [(path, value) for path, value in _strings(plural) if "enum" not in nodes[schema_path(path, schema)]]
    poisoned = CASES[plural].full
    for path, value in places:
        # The length stays, which matters for digests and nonces.
        poisoned = replaced(poisoned, path, value[:-1] + DECEIVING[what])
    _, complaints = api.create(poisoned)
    refused = {text.partition(": ")[0] for text in complaints}
    assert [shown(path) for path, _ in places if shown(path) not in refused] == []


@pytest.mark.parametrize("plural", KINDS)
def test_newlines_and_tabs_belong_in_prose_only(api: Api, plural: str) -> None:
    schema = root_schema(plural)
    nodes = dict(walk(schema))
    for path, value in _strings(plural):
        rules = str(nodes[schema_path(path, schema)].get("x-kubernetes-validations"))
        is_prose = "newlines and tabs are allowed" in rules
        for space in "\n\t":
            _, complaints = api.create(replaced(CASES[plural].full, path, value[:-1] + space))
            assert (complaints == []) is is_prose, f"{shown(path)}: {complaints}"


@pytest.fixture(scope="session")
def existing(kubectl: Kubectl) -> dict[str, dict[str, Any]]:
    """One stored object of each kind whose spec may not change."""
    stored = {}
    for plural in IMMUTABLE:
        full = CASES[plural].full
        obj = merge(full, {"metadata": {"name": "stored-" + full["metadata"]["name"]}})
        kubectl.ok("create", "-f", "-", stdin=obj)
        stored[plural] = kubectl.stored(plural, obj["metadata"]["name"])
    return stored


def _spec_paths(plural: str) -> list[tuple[str | int, ...]]:
    return [path for path, _ in members({"spec": CASES[plural].full["spec"]}) if path]


@pytest.mark.parametrize(
    ("plural", "path"),
    [pytest.param(kind, path, id=f"{kind}-{shown(path)}") for kind in IMMUTABLE for path in _spec_paths(kind)],
)
def test_nothing_can_be_removed_from_a_spec(
    api: Api, existing: dict[str, dict[str, Any]], plural: str, path: tuple[str | int, ...]
) -> None:
    # Removing first and adding something else afterwards is the way around rules on single members.
    old = existing[plural]
    patched, complaints = api.patch(plural, old["metadata"]["name"], [{"op": "remove", "path": pointer(path)}])
    if complaints == []:
        # A member that has its default comes back at once.
        assert patched["spec"] == old["spec"]
        return
    assert any("never changes" in text or "Required value" in text for text in complaints), complaints


@pytest.mark.parametrize("plural", IMMUTABLE)
def test_no_value_in_a_spec_can_be_replaced(api: Api, existing: dict[str, dict[str, Any]], plural: str) -> None:
    old = existing[plural]
    for path, value in members({"spec": old["spec"]}):
        if isinstance(value, str | int):
            other = value + 1 if isinstance(value, int) else ("a" if value != "a" else "b")
            patch = [{"op": "replace", "path": pointer(path), "value": other}]
            _, complaints = api.patch(plural, old["metadata"]["name"], patch)
            assert complaints, f"{shown(path)} could be changed"


def _attempts(old: dict[str, Any], path: tuple[str | int, ...], other: Any) -> dict[str, tuple[list[str], Any]]:
    """Ways to write another value to one member: what to give kubectl, and its standard input."""
    kind, name = old["kind"], old["metadata"]["name"]
    changed = replaced(old, path, other)
    minimal = {
        "apiVersion": old["apiVersion"],
        "kind": kind,
        "metadata": {"name": name},
        "spec": changed["spec"],
    }
    merge_patch: Any = other
    for part in reversed(path):
        merge_patch = {part: merge_patch}
    return {
        "replace": (["replace", "-f", "-"], changed),
        "client-side apply": (["apply", "-f", "-"], minimal),
        "server-side apply": (["apply", "--server-side", "--force-conflicts", "-f", "-"], minimal),
        "merge patch": (["patch", kind, name, "--type=merge", "-p", json.dumps(merge_patch)], None),
        "status": (
            ["patch", kind, name, "--subresource=status", "--type=merge", "-p", json.dumps(merge_patch)],
            None,
        ),
        "no spec": (["patch", kind, name, "--type=merge", "-p", '{"spec":null}'], None),
        "empty spec": (["patch", kind, name, "--type=merge", "-p", '{"spec":{}}'], None),
    }


CHANGES: dict[str, tuple[tuple[str | int, ...], Any]] = {
    "remediationproposals": (("spec", "emergency", "ticket"), "INC-9"),
    "signoffs": (("spec", "narrow", "replicas"), 1),
    "admittedchanges": (("spec", "signedBy"), "mallory"),
}


@pytest.mark.parametrize("how", _attempts(CASES["signoffs"].full, ("spec",), None))
@pytest.mark.parametrize("plural", IMMUTABLE)
def test_no_way_of_writing_changes_a_spec(
    kubectl: Kubectl, existing: dict[str, dict[str, Any]], plural: str, how: str
) -> None:
    old = existing[plural]
    args, stdin = _attempts(old, *CHANGES[plural])[how]
    answer = kubectl(*args, stdin=stdin)
    # The status subresource drops what is not status, and an empty patch changes nothing; the others are refused.
    if how not in ("status", "empty spec"):
        assert answer.code != 0, answer.out
        assert "never changes" in answer.err or "spec: Required value" in answer.err
    assert kubectl.stored(plural, old["metadata"]["name"])["spec"] == old["spec"]


@pytest.mark.parametrize("plural", IMMUTABLE)
def test_what_was_left_out_cannot_be_added_later(kubectl: Kubectl, plural: str) -> None:
    (_, member, *_), _ = CHANGES[plural]
    name = f"without-{str(member).lower()}"
    obj = merge(CASES[plural].full, {"metadata": {"name": name}, "spec": {member: None}})
    kubectl.ok("create", "-f", "-", stdin=obj)
    added = CASES[plural].full["spec"][member]
    patch = json.dumps({"spec": {member: added}})
    answer = kubectl("patch", plural, name, "--type=merge", "-p", patch)
    assert "never changes" in answer.err


@pytest.mark.parametrize("plural", IMMUTABLE)
def test_metadata_may_still_be_written(kubectl: Kubectl, existing: dict[str, dict[str, Any]], plural: str) -> None:
    # Whose labels and owners may be touched is the webhook's to say, not the schema's.
    kubectl.ok("label", "--overwrite", plural, existing[plural]["metadata"]["name"], "seen=yes")


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


def test_defaults_are_filled_in(api: Api) -> None:
    least = CASES["remediationproposals"].good["as little as the gate completes"]
    spec = api.create(least)[0]["spec"]
    assert (spec["executor"], spec["decideWithin"], spec["validFor"]) == ("Requester", "1h", "15m")
    smallest = CASES["reversibilitypolicies"].good["the smallest"]
    spec = api.create(smallest)[0]["spec"]
    assert (spec["enforcement"], spec["onDeny"]) == ("Deny", "Refuse")
    assert (spec["lines"][0]["exemptions"], spec["lines"][0]["require"]["approvals"]) == ("Allowed", 1)


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
    _eventually(lambda: not api.create(_minimal("bare-probe"))[1], seconds=30)
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


def _examples() -> list[dict[str, Any]]:
    blocks = re.findall(r"^```yaml\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    return [obj for block in blocks for obj in yaml.safe_load_all(block)]


def test_the_page_has_an_example_of_each_kind() -> None:
    assert {example["kind"] for example in _examples()} == set(PLURAL_OF)


@pytest.mark.parametrize("example", _examples(), ids=lambda example: str(example["kind"]))
def test_examples_on_the_page_are_valid(api: Api, example: dict[str, Any]) -> None:
    plural = PLURAL_OF[example["kind"]]
    stamp = {name: CASES[plural].full["spec"][name] for name in STAMPED.get(plural, ())}
    # People write none of what the gate adds.
    assert not stamp.keys() & example["spec"].keys()
    # In the test's own namespace, and apart from a policy of that name that may be there.
    own = {"name": f"{api.namespace}-{example['metadata']['name']}", "namespace": None}
    _, complaints = api.create(merge(example, {"metadata": own, "spec": stamp}))
    assert complaints == []
