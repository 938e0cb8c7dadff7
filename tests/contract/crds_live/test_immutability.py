"""What was said stays said: no way of writing changes a spec."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.contract.crd_cases import IMMUTABLE, members, merge, pointer, replaced, shown
from tests.contract.crds_live.api_server import Api, Kubectl
from tests.contract.crds_live.cases import CASES

pytestmark = pytest.mark.e2e


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
