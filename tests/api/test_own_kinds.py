"""Our own kinds on the wire: what was stamped reads back the same, what cannot be meant is refused."""

import copy
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cutline.api.admitted_changes import admitted_change, claim_of, undo_of
from cutline.api.fields import Fields
from cutline.api.policies import policies_of, policy_of
from cutline.api.proposals import end_of, kind_of_target, proposal_of
from cutline.api.signoffs import signoff_of
from cutline.domain.change import Change, Verb
from cutline.domain.decide import decide
from cutline.domain.difference import Field, apply
from cutline.domain.duration import MAX_VALID_FOR
from cutline.domain.effect import Action
from cutline.domain.errors import BadObject
from cutline.domain.kind import DEPLOYMENT, POD
from cutline.domain.live import live_of
from cutline.domain.narrowing import Narrowing
from cutline.domain.normal_form import content_of
from cutline.domain.policy import Enforcement, OnDeny
from cutline.domain.proposal import Emergency
from cutline.domain.signoff import Decision
from cutline.domain.tree import ABSENT
from tests import builders as make
from tests import strategies as some
from tests import wire
from tests.api.trees import proposal_tree, signoff_tree

Edit = Callable[[dict[str, Any]], Any]

# --- policies


def test_a_policy_reads_as_it_is_written() -> None:
    policy = policy_of(
        wire.make_policy_tree(
            lines=[
                wire.make_line_tree(
                    "payments",
                    objects={"matchExpressions": [{"key": "tier", "operator": "In", "values": ["payments"]}]},
                    require={
                        "approvals": 2,
                        "from": [{"userGroup": "sre"}],
                        "including": [{"userGroup": "seniors"}],
                    },
                    validFor="10m",
                    exemptions="Never",
                )
            ],
            exempt=[{"actions": ["ScaleDown"], "scaleDown": {"neverBelow": 10}}],
            onDeny="Draft",
        )
    )
    (line,) = policy.lines
    assert line.actions == {Action.SCALE_DOWN, Action.ROLLBACK}
    assert line.requirement == make.make_requirement(
        2, including=[("seniors", 1)], line="payments", valid_for=timedelta(minutes=10)
    )
    assert not line.takes_exemptions
    assert line.objects.accepts({"tier": "payments"})
    assert not line.objects.accepts({})
    assert (policy.enforcement, policy.on_deny) == (Enforcement.DENY, OnDeny.DRAFT)
    assert policy.cluster == {"Nodes", "Namespaces"}
    assert policy.exemptions[0].never_below == 10
    assert policy.selects_namespace(wire.LINE_LABELS)


def test_what_a_policy_leaves_out_is_the_safe_choice() -> None:
    policy = policy_of({"metadata": {"name": "p"}, "spec": {"where": {}, "lines": [wire.make_line_tree()]}})
    assert (policy.enforcement, policy.namespaces, policy.cluster) == (Enforcement.DENY, None, frozenset())
    assert policy.lines[0].takes_exemptions
    assert policy.lines[0].objects.accepts({})


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ({"lines": []}, "spec.lines"),
        ({"lines": None}, "spec.lines"),
        ({"lines": [wire.make_line_tree(), wire.make_line_tree()]}, "spec.lines"),
        ({"lines": [wire.make_line_tree(actions=["Everything"])]}, "spec.lines[0].actions"),
        ({"lines": [wire.make_line_tree(require={"from": []})]}, "spec.lines[0].require.from"),
        ({"lines": [wire.make_line_tree(require=None)]}, "spec.lines[0].require.from"),
        (
            {"lines": [wire.make_line_tree(require={"approvals": 0, "from": [{"userGroup": "a"}]})]},
            "spec.lines[0].require.approvals",
        ),
        (
            {"lines": [wire.make_line_tree(require={"approvals": True, "from": [{"userGroup": "a"}]})]},
            "spec.lines[0].require.approvals",
        ),
        ({"lines": [wire.make_line_tree(validFor="soon")]}, "spec.lines[0].validFor"),
        ({"lines": [wire.make_line_tree(exemptions="Sometimes")]}, "spec.lines[0].exemptions"),
        (
            {"lines": [wire.make_line_tree(objects={"matchExpressions": [{"key": "a", "operator": "Like"}]})]},
            "spec.lines[0].objects.matchExpressions[0].operator",
        ),
        ({"enforcement": "Block"}, "spec.enforcement"),
        ({"onDeny": "Shrug"}, "spec.onDeny"),
        ({"where": {"cluster": "Nodes"}}, "spec.where.cluster"),
        ({"where": {"namespaces": {"matchLabels": {"a": 1}}}}, "spec.where.namespaces.matchLabels"),
        ({"exempt": [{"actions": ["Everything"]}]}, "spec.exempt[0].actions"),
        ({"exempt": [{"actions": [], "scaleDown": {"neverBelow": "10"}}]}, "spec.exempt[0].scaleDown.neverBelow"),
    ],
)
def test_a_policy_that_cannot_be_meant_names_its_field(spec: dict[str, Any], field: str) -> None:
    with pytest.raises(BadObject) as refused:
        policy_of(wire.make_policy_tree(**spec))
    assert refused.value.field == field


def test_a_policy_that_cannot_be_read_is_broken_and_never_absent() -> None:
    policies = policies_of(
        (wire.make_policy_tree("b"), {"metadata": {"name": "torn"}}, wire.make_policy_tree("a"), {}), is_fresh=True
    )
    assert [policy.name for policy in policies.items] == ["a", "b"]
    assert policies.broken == ("?", "torn")


# --- proposals


proposals = st.builds(
    lambda entry_of, **fields: make.make_proposal(make.make_signed_change(*entry_of), **fields),
    some.gated_changes(),
    proposer=some.people,
    requirement=st.lists(some.requirements, max_size=2),
    decide_within=some.short_durations,
    valid_for=st.integers(1, 1800).map(lambda seconds: timedelta(seconds=seconds)),
    emergency=st.none() | st.just(Emergency("fire", "INC-1")),
)


@given(proposals)
def test_a_proposal_reads_as_it_was_stamped(proposal: Any) -> None:
    read = proposal_of(json.loads(json.dumps(proposal_tree(proposal))))
    assert read == proposal
    assert read.digest == read.stored_digest == proposal.digest


@given(proposals)
def test_the_end_of_a_stored_proposal_is_the_proposals(proposal: Any) -> None:
    latest = proposal.decide_by + MAX_VALID_FOR
    assert end_of(proposal_tree(proposal)) == proposal.ends == latest


@given(
    some.json_values,
    st.sampled_from(["High", "Low", "Certain", ""]),
    st.text(max_size=20),
)
def test_nothing_that_a_proposer_says_about_why_is_ever_read(evidence: Any, confidence: str, summary: str) -> None:
    told = proposal_tree(why={"summary": summary, "confidence": confidence, "evidence": evidence})
    told["status"] = {"phase": "Approved", "conditions": [{"type": "Approved", "status": "True"}]}
    told["metadata"]["labels"] = {"approved": "true"}
    assert proposal_of(told) == proposal_of(proposal_tree()) == make.make_proposal()


@pytest.mark.parametrize(
    ("edit", "field"),
    [
        (lambda tree: tree["spec"].pop("proposer"), "spec.proposer.username"),
        (lambda tree: tree["spec"].pop("nonce"), "spec.nonce"),
        (lambda tree: tree["spec"].pop("digest"), "spec.digest"),
        (lambda tree: tree["spec"].update(action="Everything"), "spec.action"),
        (lambda tree: tree["spec"].update(validFor="31m"), "spec.validFor"),
        (lambda tree: tree["spec"].update(decideWithin="25h"), "spec.decideWithin"),
        (lambda tree: tree["spec"].update(changes="all"), "spec.changes"),
        (lambda tree: tree["spec"]["changes"][0].update(effects=["Magic"]), "spec.changes[0].effects"),
        (lambda tree: tree["spec"]["changes"][0].update(canonical="{}"), "spec.changes[0].canonical"),
        (lambda tree: tree["spec"]["changes"][0].update(baseline={"a": 1}), "spec.changes[0].baseline"),
        (lambda tree: tree["spec"]["requirement"][0].update({"from": []}), "spec.requirement[0].from"),
        (lambda tree: tree["spec"].update(emergency={"reason": "x"}), "spec.emergency.ticket"),
        (lambda tree: tree["metadata"].pop("creationTimestamp"), "metadata.creationTimestamp"),
        (lambda tree: tree["metadata"].update(creationTimestamp="2026-03-01T12:00:00"), "metadata.creationTimestamp"),
        (lambda tree: tree.pop("spec"), "spec.action"),
    ],
)
def test_a_proposal_that_the_gate_did_not_stamp_is_refused(edit: Edit, field: str) -> None:
    tree = proposal_tree()
    edit(tree)
    with pytest.raises(BadObject) as refused:
        proposal_of(tree)
    assert refused.value.field == field


def test_a_target_that_the_gate_does_not_know_is_refused_with_those_that_it_knows() -> None:
    with pytest.raises(BadObject) as refused:
        kind_of_target(Fields({"group": "batch", "kind": "Job", "name": "report"}, "spec.target"))
    assert str(refused.value) == (
        "spec.target.kind: kind Job of group batch is not one the gate knows; known are CustomResourceDefinition, "
        "DaemonSet, Deployment, Namespace, Node, Pod, ReplicaSet, ReversibilityPolicy, StatefulSet"
    )
    assert kind_of_target(Fields({"kind": "Pod"})) is POD


def test_a_time_that_is_too_long_is_refused_with_the_longest() -> None:
    tree = proposal_tree()
    tree["spec"]["decideWithin"] = "25h"
    with pytest.raises(BadObject, match=r"^spec\.decideWithin: must be at most 24h$"):
        proposal_of(tree)


@pytest.mark.parametrize(
    "edit",
    [
        lambda spec: spec.update(nonce="f" * 32),
        lambda spec: spec.update(validFor="30m"),
        lambda spec: spec.update(executor="Operator"),
        lambda spec: spec.update(emergency={"reason": "fire", "ticket": "INC-1"}),
        lambda spec: spec["proposer"].update(username="mallory"),
        lambda spec: spec["requirement"].clear(),
        lambda spec: spec["requirement"][0].update(approvals=7),
        lambda spec: spec["changes"][0].update(effects=["ScaleDown", "Rollback"]),
        lambda spec: spec["changes"][0].update(baseline={"replicas": "9"}),
        lambda spec: spec["changes"][0].update(canonical=spec["changes"][0]["canonical"].replace('"new":3', '"new":0')),
    ],
)
def test_whatever_is_changed_afterwards_shows_in_the_digest(edit: Edit) -> None:
    tree = proposal_tree()
    edit(tree["spec"])
    read = proposal_of(tree)
    assert read.digest != read.stored_digest


# --- sign-offs


@given(st.sampled_from(Decision), some.people, st.just(Narrowing()) | some.narrowings)
def test_a_signoff_reads_as_it_was_stamped(decision: Decision, by: Any, narrowing: Narrowing) -> None:
    signoff = make.make_signoff(make.make_proposal(), by, decision, narrowing=narrowing)
    assert signoff_of(signoff_tree(signoff)) == signoff


@pytest.mark.parametrize(
    "edit",
    [
        lambda spec: spec.pop("by"),
        lambda spec: spec.pop("proposalUID"),
        lambda spec: spec.pop("digest"),
        lambda spec: spec.update(decision="Maybe"),
        lambda spec: spec.update(decision=None),
        lambda spec: spec.update(narrow={"replicas": "3"}),
        lambda spec: spec.update(narrow={"pods": "web-1"}),
        lambda spec: spec.update(narrow={"validFor": "later"}),
    ],
)
def test_a_signoff_that_cannot_be_read_is_refused_and_never_ignored(edit: Edit) -> None:
    tree = signoff_tree(make.make_signoff(make.make_proposal()))
    edit(tree["spec"])
    with pytest.raises(BadObject):
        signoff_of(tree)


# --- admitted changes


def record(change: Change | None = None, **world: Any) -> dict[str, Any]:
    world_ = make.make_world(**world)
    change = change or make.make_change(world_.live)
    verdict = decide(change, make.AGENT, make.signed_snapshot(change, world_))
    request = make.make_request(subresource="scale")
    tree = admitted_change(verdict, request, world_, namespace=make.SYSTEM, caller_is_verified=True)
    stored: dict[str, Any] = json.loads(json.dumps(tree))
    return stored


def test_a_record_is_read_back_as_the_claim_that_it_is() -> None:
    tree = record()
    tree["metadata"]["creationTimestamp"] = "2026-03-01T11:59:50Z"
    claim = claim_of(tree)
    proposal = make.make_proposal()
    expected = make.make_claim(proposal, make.make_change(), make.make_live())
    assert replace(claim, actor=expected.actor) == expected
    assert claim.actor.is_same_as(make.AGENT)


def test_a_record_says_who_did_what_to_what_signed_by_whom() -> None:
    tree = record()
    spec = tree["spec"]
    assert tree["metadata"] == {"name": tree["metadata"]["name"], "namespace": make.SYSTEM}
    assert spec["signedBy"] == "alice"
    assert spec["request"]["resource"] == "deployments.apps"
    assert (spec["action"], spec["effects"], spec["caller"]) == ("ScaleDown", ["ScaleDown"], "Verified")
    assert (spec["target"]["generation"], spec["target"]["resourceVersion"]) == (7, "100")
    assert spec["requirement"] == [dict(make.make_requirement().as_tree())]
    assert json.loads(spec["undo"]) == {"spec": {"replicas": 5}}


def test_what_was_not_signed_is_never_recorded() -> None:
    verdict = decide(make.make_change(), make.AGENT, make.make_snapshot())
    with pytest.raises(ValueError, match="signed"):
        admitted_change(
            verdict, make.make_request(), make.make_world(), namespace=make.SYSTEM, caller_is_verified=False
        )


def merge(tree: Any, patch: Any) -> Any:
    """RFC 7386."""
    if not isinstance(patch, dict):
        return patch
    result = dict(tree) if isinstance(tree, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merge(result.get(key), value)
    return result


@given(some.gated_changes())
def test_the_undo_of_a_change_takes_it_back(situation: tuple[Change, Any]) -> None:
    change, world = situation
    if change.removes_pod:
        assert undo_of(change, world.live) == ""
        return
    if change.verb is not Verb.UPDATE:
        made_again = live_of(world.live.kind, json.loads(undo_of(change, world.live)))
        assert made_again.target.is_named_like(world.live.target)
        assert {**made_again.content, "status": None} == {**world.live.content, "status": None}
        return
    after = apply(world.live.content, change.fields)
    restored = merge(copy.deepcopy(after), json.loads(undo_of(change, world.live)))
    assert content_of(world.live.kind, restored) == world.live.content


def test_an_undo_that_is_too_large_is_left_out() -> None:
    live = make.make_live()
    assert undo_of(make.make_change(live, Field("/spec/note", "x" * 70_000, ABSENT)), live) == ""


def test_nothing_takes_back_the_removal_of_a_pod() -> None:
    pod = make.make_live(POD)
    assert undo_of(make.make_change(pod, verb=Verb.EVICT), pod) == ""


def test_the_undo_of_a_first_label_removes_the_label_alone() -> None:
    change, live = make.update(DEPLOYMENT, wire.make_workload(labels={}), wire.make_workload(labels={"a": "b"}))
    # A patch that took all of `metadata` away would be taken by no API server.
    assert json.loads(undo_of(change, live)) == {"metadata": {"labels": None}}
