"""Proposals at the webhook: completed by the gate, refused where they cannot be meant or were tampered with."""

from dataclasses import replace
from datetime import timedelta

import pytest

from cutline.api.proposals import proposal_of
from cutline.domain.change import Verb
from cutline.domain.difference import Field
from cutline.domain.errors import BadObject
from cutline.domain.kind import NAMESPACE, POD
from cutline.domain.policy import Enforcement, Policies
from cutline.domain.request import Operation
from cutline_webhook.guarding import MOST_BYTES
from cutline_webhook.proposing import MOST_LIVE, MOST_STORED
from cutline_webhook.refusal import Refused
from tests import builders as make
from tests import wire
from tests.api.trees import proposal_tree
from tests.webhook.own_kinds import Edit, Tree, by_hand, check, created, request, stamped
from tests.webhook.test_gate import cluster


def test_a_proposal_written_by_hand_is_completed_and_stands() -> None:
    proposal = proposal_of(created(cluster(), "remediationproposals", make.AGENT, by_hand()))
    assert proposal.digest == proposal.stored_digest
    assert proposal.proposer.is_same_as(make.AGENT)
    assert [entry.change for entry in proposal.changes] == [make.make_change()]
    assert proposal.requirement == (make.make_requirement(),)


def test_a_change_from_a_denial_is_taken_as_it_is() -> None:
    brought = by_hand(changes=[{"canonical": make.make_change().canonical}])
    proposal = proposal_of(created(cluster(), "remediationproposals", make.AGENT, brought))
    assert proposal.changes[0].change == make.make_change()


def test_two_proposals_of_the_same_have_two_digests() -> None:
    world = cluster()
    one, other = (stamped(world, "remediationproposals", make.AGENT, by_hand()) for _ in range(2))
    assert one["spec"]["digest"] != other["spec"]["digest"]


@pytest.mark.parametrize("key", ["proposer", "nonce", "requirement", "digest"])
def test_what_the_gate_says_is_never_taken_from_a_client(key: str) -> None:
    with pytest.raises(Refused, match=f"spec.{key}"):
        stamped(cluster(), "remediationproposals", make.AGENT, by_hand(**{key: "mine"}))


@pytest.mark.parametrize("key", ["effects", "baseline", "digest", "summary", "target"])
def test_of_a_change_only_its_text_is_brought(key: str) -> None:
    entry = {"canonical": make.make_change().canonical, key: "mine"}
    with pytest.raises(Refused, match=key):
        stamped(cluster(), "remediationproposals", make.AGENT, by_hand(changes=[entry]))


@pytest.mark.parametrize(
    ("tree", "problem"),
    [
        (by_hand(action="Everything"), "spec.action"),
        (by_hand(action="Rollback"), "spec.rollback.toRevision"),
        (by_hand(scaleDown={"replicas": 5}), "spec.scaleDown.replicas"),
        (by_hand(target={"group": "apps", "kind": "Deployment", "name": "nobody"}), "spec.target"),
        (by_hand(target={"group": "batch", "kind": "Job", "name": "report"}), "spec.target.kind"),
        (by_hand(target={"kind": "Node", "name": "node-1"}, action="Drain"), "metadata.namespace"),
        (by_hand(executor="Operator"), "spec.executor"),
        (by_hand(validFor="31m"), "spec.validFor"),
        (by_hand(emergency={"reason": "fire", "ticket": "INC-1"}), "spec.emergency"),
        (by_hand(changes=[{"canonical": "{}"}]), "spec.changes[0].canonical"),
        (by_hand(changes=[{"canonical": make.make_change().canonical}] * 65), "spec.changes"),
    ],
)
def test_a_proposal_that_cannot_be_meant_names_its_field(tree: Tree, problem: str) -> None:
    with pytest.raises(BadObject) as refused:
        stamped(cluster(), "remediationproposals", make.AGENT, tree)
    assert refused.value.field == problem


def many_lines(*groups: str) -> Policies:
    """Three policies that draw between them a line for each of these groups."""
    drawn = [
        make.make_line(f"line-{number}", requirement=make.make_requirement(groups=[group], line=f"line-{number}"))
        for number, group in enumerate(groups)
    ]
    return make.make_policies(*(make.make_policy(*drawn[part::3], name=f"policy-{part}") for part in range(3)))


def test_lines_that_ask_the_same_are_pinned_once_under_the_first_name() -> None:
    tree = stamped(cluster(), "remediationproposals", make.AGENT, by_hand(), many_lines(*["sre"] * 40, *["dba"] * 60))
    pinned = [(one["line"], one["from"][0]["userGroup"]) for one in tree["spec"]["requirement"]]
    assert pinned == [("line-0", "sre"), ("line-40", "dba")]


def test_more_demands_than_a_proposal_can_hold_are_refused_by_their_count() -> None:
    groups = [f"team-{number}" for number in range(64)]
    tree = stamped(cluster(), "remediationproposals", make.AGENT, by_hand(), many_lines(*groups, *groups))
    assert len(tree["spec"]["requirement"]) == 64
    with pytest.raises(BadObject, match=r"spec\.requirement: .* 65 "):
        stamped(cluster(), "remediationproposals", make.AGENT, by_hand(), many_lines(*groups, "one-more"))


def test_what_the_proposer_may_not_read_is_not_rendered_for_him() -> None:
    world = cluster()
    world.may = lambda attributes: attributes["verb"] != "get"
    with pytest.raises(BadObject, match="may not get"):
        stamped(world, "remediationproposals", make.AGENT, by_hand())


def test_a_change_of_another_namespace_is_proposed_there() -> None:
    tree = by_hand(changes=[{"canonical": make.make_change().canonical}])
    tree["metadata"]["namespace"] = "elsewhere"
    with pytest.raises(BadObject, match="propose it"):
        stamped(cluster(), "remediationproposals", make.AGENT, tree)


@pytest.mark.parametrize("allowed", [True, False])
def test_an_emergency_is_for_humans_who_hold_the_verb(allowed: bool) -> None:
    world = cluster()
    world.may = lambda attributes: attributes["verb"] != "emergency" or allowed
    tree = by_hand(emergency={"reason": "fire", "ticket": "INC-1"})
    if allowed:
        created(world, "remediationproposals", make.ALICE, tree)
        return
    with pytest.raises(BadObject, match="may not emergency"):
        stamped(world, "remediationproposals", make.ALICE, tree)


@pytest.mark.parametrize(
    "edit",
    [
        lambda spec: spec["proposer"].update(username="mallory"),
        lambda spec: spec["proposer"].update(groups=["sre"]),
        lambda spec: spec.update(nonce="f" * 31),
        lambda spec: spec.update(nonce="f" * 32),
        lambda spec: spec["requirement"][0].update(approvals=9),
        lambda spec: spec.update(requirement=[]),
        lambda spec: spec.update(digest="sha256:0"),
        lambda spec: spec["changes"][0].update(baseline={}),
        lambda spec: spec.update(emergency={"reason": "fire", "ticket": "INC-1"}),
    ],
)
def test_what_comes_between_the_two_webhooks_is_noticed(edit: Edit) -> None:
    world = cluster()
    tree = stamped(world, "remediationproposals", make.AGENT, by_hand())
    edit(tree["spec"])
    with pytest.raises((Refused, BadObject)):
        check(world, request("remediationproposals", Operation.CREATE, make.AGENT, new=tree))


def test_a_drain_is_rendered_whole_and_asks_for_each_namespace() -> None:
    world = cluster()
    world.add("nodes", wire.make_node())
    world.add("pods", wire.make_pod())
    tree = by_hand(action="Drain", target={"kind": "Node", "name": "node-1"}, scaleDown=None, drain={})
    tree["metadata"]["namespace"] = make.SYSTEM
    proposal = proposal_of(created(world, "remediationproposals", make.AGENT, tree))
    assert [entry.change.verb for entry in proposal.changes] == [Verb.UPDATE, Verb.EVICT]
    world.may = lambda attributes: attributes["resource"] != POD.resource
    with pytest.raises(BadObject, match="may not get pods"):
        stamped(world, "remediationproposals", make.AGENT, tree)


@pytest.mark.parametrize(
    ("number", "age", "refusal"),
    [
        (MOST_LIVE - 1, timedelta(0), ""),
        (MOST_LIVE, timedelta(0), "withdraw unsigned ones"),
        (MOST_LIVE, timedelta(days=2), ""),
        (MOST_STORED - 1, timedelta(days=2), ""),
        (MOST_STORED, timedelta(days=2), "delete some that are over"),
    ],
)
def test_one_proposer_has_so_many_in_a_namespace_and_no_more(number: int, age: timedelta, refusal: str) -> None:
    world = cluster()
    for index in range(number):
        proposal = make.make_proposal(name=f"p-{index}", uid=f"uid-{index}", created=make.NOW - age)
        world.add("remediationproposals", proposal_tree(proposal))
    created(world, "remediationproposals", make.ALICE, by_hand())
    if not refusal:
        stamped(world, "remediationproposals", make.AGENT, by_hand())
        return
    with pytest.raises(BadObject, match=refusal):
        stamped(world, "remediationproposals", make.AGENT, by_hand())


def test_who_has_too_many_is_told_when_the_oldest_goes() -> None:
    world = cluster()
    for index in range(MOST_STORED):
        created_at = make.NOW - timedelta(days=2, minutes=-index)
        proposal = make.make_proposal(name=f"p-{index}", uid=f"uid-{index}", created=created_at)
        world.add("remediationproposals", proposal_tree(proposal))
    goes = make.NOW - timedelta(days=2) + proposal.decide_within + timedelta(days=7, minutes=30)
    with pytest.raises(BadObject, match=f"at {goes:%Y-%m-%d %H:%M:%SZ}"):
        stamped(world, "remediationproposals", make.AGENT, by_hand())


def test_the_largest_drain_that_people_may_be_asked_to_judge_is_not_too_large() -> None:
    world = cluster()
    world.add("nodes", wire.make_node())
    for index in range(340):
        world.add("pods", wire.make_pod(f"checkout-service-7d4b9c5f6d-{index:05}"))
    tree = by_hand(action="Drain", target={"kind": "Node", "name": "node-1"}, scaleDown=None, drain={})
    tree["metadata"] |= {"namespace": make.SYSTEM, "annotations": {"note": "x" * 40 * 1024}}
    proposal = proposal_of(created(world, "remediationproposals", make.AGENT, tree))
    assert sum(len(entry.change.canonical) for entry in proposal.changes) > 60 * 1024
    tree["metadata"]["annotations"] = {"note": "x" * MOST_BYTES}
    with pytest.raises(Refused, match=r"metadata\.annotations"):
        created(world, "remediationproposals", make.AGENT, tree)


@pytest.mark.parametrize("said", [{"scaleDown": {"replicas": 4}}, {"rollback": {"toRevision": 1}}, {"restart": {}}])
def test_parameters_say_nothing_beside_the_changes_that_are_signed(said: Tree) -> None:
    tree = by_hand(changes=[{"canonical": make.make_change().canonical}], **said)
    with pytest.raises(BadObject, match="must be left out beside"):
        stamped(cluster(), "remediationproposals", make.AGENT, tree)


def test_one_object_is_changed_once_in_a_proposal() -> None:
    changes = [make.make_change(None, Field("/spec/replicas", 5, replicas)) for replicas in (3, 2)]
    tree = by_hand(changes=[{"canonical": change.canonical} for change in changes])
    with pytest.raises(BadObject, match="changes one object twice"):
        stamped(cluster(), "remediationproposals", make.AGENT, tree)


@pytest.mark.parametrize("enforcement", [Enforcement.AUDIT, Enforcement.WARN])
def test_a_policy_on_trial_demands_nothing(enforcement: Enforcement) -> None:
    strict = make.make_line("strict", requirement=make.make_requirement(3, line="strict"))
    trial = make.make_policy(strict, name="trial", enforcement=enforcement)
    tree = stamped(
        cluster(), "remediationproposals", make.AGENT, by_hand(), make.make_policies(make.make_policy(), trial)
    )
    assert [one["approvals"] for one in tree["spec"]["requirement"]] == [1]
    with pytest.raises(BadObject, match="just do it"):
        stamped(cluster(), "remediationproposals", make.AGENT, by_hand(), make.make_policies(trial))


def test_what_leaves_a_policys_reach_is_no_emergency() -> None:
    """It would stay outside when the quarter of an hour is over."""
    world = cluster()
    leaving, _ = make.update(NAMESPACE, wire.make_namespace(), wire.make_namespace(labels={}))
    tree = by_hand(
        action="Loosening",
        target={"group": "", "kind": "Namespace", "name": wire.SHOP},
        changes=[{"canonical": leaving.canonical}],
        emergency={"reason": "fire", "ticket": "INC-1"},
    )
    tree["metadata"]["namespace"] = make.SYSTEM
    with pytest.raises(BadObject, match="what leaves a policy"):
        stamped(world, "remediationproposals", make.ALICE, tree)


def test_a_service_account_that_was_made_again_has_no_more_room_than_before() -> None:
    world = cluster()
    for number in range(MOST_LIVE):
        tree = by_hand()
        tree["metadata"]["name"] = f"p-{number}"
        created(world, "remediationproposals", make.AGENT, tree)
    with pytest.raises(BadObject, match="withdraw unsigned ones"):
        stamped(world, "remediationproposals", replace(make.AGENT, uid="made-again"), by_hand())
