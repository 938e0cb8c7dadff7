"""Our own kinds at the webhook: stamped by the gate, refused when tampered with, kept while they matter."""

import asyncio
import copy
import json
from collections.abc import Callable, Collection
from datetime import timedelta
from typing import Any

import pytest

from cutline.api.proposals import proposal_of
from cutline.domain.change import Verb
from cutline.domain.errors import BadObject
from cutline.domain.kind import POD, POLICY, Kind, Role
from cutline.domain.request import Operation, Request
from cutline.domain.signoff import Decision
from cutline.domain.user import User
from cutline.kube.access import AccessReviewer
from cutline.kube.world import WorldReader
from cutline_webhook.guarding import Guard
from cutline_webhook.proposing import ProposalMaker
from cutline_webhook.refusal import Refused
from cutline_webhook.stamping import Stamper
from tests import builders as make
from tests import wire
from tests.api.cluster_in_memory import ClusterInMemory
from tests.api.trees import proposal_tree, signoff_tree
from tests.webhook.test_gate import cluster, settings, signed_cluster

Tree = dict[str, Any]
Edit = Callable[[Tree], Any]
OPERATOR = User("system:serviceaccount:cutline-system:cutline-operator", "o", ("system:serviceaccounts",))
EVERYBODY = pytest.mark.parametrize(
    "user", [make.AGENT, make.ALICE, OPERATOR, User("admin", "", ("system:masters",))], ids=lambda user: user.username
)


def kind(plural: str) -> Kind:
    return Kind("cutline.dev", "v1alpha1", plural, plural, Role.POLICY)


def request(
    plural: str,
    operation: Operation,
    user: User,
    *,
    new: Tree | None = None,
    old: Tree | None = None,
    subresource: str = "",
) -> Request:
    namespace = ((new or old or {}).get("metadata") or {}).get("namespace", "")
    return make.make_request(
        operation, kind=kind(plural), namespace=namespace, user=user, new=new, old=old, subresource=subresource
    )


def parts(world: ClusterInMemory) -> tuple[Stamper, Guard]:
    reader, reviewer = WorldReader(world.client(), make.SYSTEM), AccessReviewer(world.client())
    maker = ProposalMaker(settings(), reader, reviewer)
    stamper = Stamper(maker, reader, make.make_policies, world.clock)
    return stamper, Guard(settings(), reader, reviewer, world.clock)


def stamped(world: ClusterInMemory, plural: str, user: User, tree: Tree) -> Tree:
    """The object as the mutating webhook leaves it."""
    stamper, _ = parts(world)
    (step,) = asyncio.run(stamper.stamp(request(plural, Operation.CREATE, user, new=tree)))
    assert (step["op"], step["path"]) == ("replace", "/spec")
    return {**tree, "spec": json.loads(json.dumps(step["value"]))}


def check(world: ClusterInMemory, asked: Request) -> Collection[str]:
    _, guard = parts(world)
    return asyncio.run(guard.check(asked))


def created(world: ClusterInMemory, plural: str, user: User, tree: Tree) -> Tree:
    """Stamp, guard and store an object, as the API server would."""
    whole = stamped(world, plural, user, tree)
    check(world, request(plural, Operation.CREATE, user, new=whole))
    metadata = {"uid": f"{tree['metadata']['name']}-uid", "creationTimestamp": world.now.strftime("%Y-%m-%dT%H:%M:%SZ")}
    return world.add(plural, {**whole, "metadata": {**tree["metadata"], **metadata}})


def by_hand(**spec: Any) -> Tree:
    return {
        "metadata": {"name": "web-to-3", "namespace": wire.SHOP},
        "spec": {
            "action": "ScaleDown",
            "target": {"group": "apps", "kind": "Deployment", "name": "web"},
            "scaleDown": {"replicas": 3},
            "why": {"summary": "too many"},
            **spec,
        },
    }


def word(decision: str = "Approve", name: str = "mine", **spec: Any) -> Tree:
    digest = make.make_proposal().digest
    return {
        "metadata": {"name": name, "namespace": wire.SHOP},
        "spec": {"proposal": "web-to-3", "digest": digest, "decision": decision, **spec},
    }


# --- proposals


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


# --- sign-offs


def test_a_signoff_says_who_signed_what() -> None:
    world = signed_cluster()
    tree = created(world, "signoffs", make.BOB, word())
    assert tree["spec"]["by"]["username"] == "bob"
    assert tree["spec"]["proposalUID"] == "proposal-uid"


@pytest.mark.parametrize("key", ["by", "proposalUID"])
def test_who_signed_is_never_taken_from_a_client(key: str) -> None:
    with pytest.raises(Refused, match=f"spec.{key}"):
        stamped(signed_cluster(), "signoffs", make.BOB, word(**{key: "mine"}))


@pytest.mark.parametrize("decision", ["Approve", "Reject"])
@pytest.mark.parametrize(
    "user", [make.AGENT, make.ROBOT, User("admin", "", ("sre", "system:masters")), User("erin", "", ("other",))]
)
def test_only_people_sign(user: User, decision: str) -> None:
    world = signed_cluster()
    with pytest.raises(Refused, match="only people can"):
        created(world, "signoffs", user, word(decision))


def test_nobody_signs_what_he_proposed() -> None:
    proposal = make.make_proposal(proposer=make.BOB)
    world = signed_cluster(proposal)
    with pytest.raises(Refused, match="somebody else must"):
        created(world, "signoffs", make.BOB, word(digest=proposal.digest))


def test_a_signer_holds_the_verb_for_the_action() -> None:
    world = signed_cluster()
    seen: list[Tree] = []

    def may(attributes: Tree) -> bool:
        seen.append(attributes)
        return False

    world.may = may
    with pytest.raises(Refused, match=r"bob may not approve actions\.cutline\.dev/ScaleDown in namespace shop"):
        created(world, "signoffs", make.BOB, word())
    assert (seen[0]["user"], seen[0]["resource"], seen[0]["name"]) == ("bob", "actions", "ScaleDown")


@pytest.mark.parametrize(
    ("user", "tree", "problem"),
    [
        (make.BOB, word(digest="sha256:0"), "spec.digest"),
        (make.BOB, word("Revoke"), "no approval of yours"),
        (make.BOB, word(proposal="nothing"), "there is no proposal"),
    ],
)
def test_a_word_that_says_nothing_is_refused(user: User, tree: Tree, problem: str) -> None:
    with pytest.raises(Refused, match=problem):
        created(signed_cluster(), "signoffs", user, tree)


def test_an_approval_may_be_revoked_by_its_author() -> None:
    world = signed_cluster()
    world.pass_time(seconds=1)
    assert created(world, "signoffs", make.ALICE, word("Revoke"))["spec"]["decision"] == "Revoke"


@pytest.mark.parametrize(("decision", "allowed"), [("Approve", False), ("Reject", True)])
def test_after_the_time_to_decide_one_may_only_reject(decision: str, allowed: bool) -> None:
    world = signed_cluster()
    world.now = make.make_proposal().decide_by + timedelta(seconds=1)
    if allowed:
        created(world, "signoffs", make.BOB, word(decision))
        return
    with pytest.raises(Refused, match="the time to decide ended"):
        created(world, "signoffs", make.BOB, word(decision))


@pytest.mark.parametrize(
    "edit",
    [
        lambda spec: spec["by"].update(username="alice"),
        lambda spec: spec["by"].update(groups=["sre", "seniors"]),
        lambda spec: spec.update(proposalUID="another"),
    ],
)
def test_who_signed_cannot_be_changed_between_the_two_webhooks(edit: Edit) -> None:
    world = signed_cluster()
    tree = stamped(world, "signoffs", make.BOB, word())
    edit(tree["spec"])
    with pytest.raises(Refused):
        check(world, request("signoffs", Operation.CREATE, make.BOB, new=tree))


def test_an_approval_that_counts_for_nothing_is_warned_of() -> None:
    world = signed_cluster()
    tree = stamped(world, "signoffs", make.VISITOR, word())
    (warning,) = check(world, request("signoffs", Operation.CREATE, make.VISITOR, new=tree))
    assert "counts for nothing" in warning
    assert len(warning) <= 120


# --- what never changes, and who writes what


def stored() -> dict[str, Tree]:
    proposal = make.make_proposal()
    spec = {"proposal": {"namespace": wire.SHOP, "name": proposal.name, "uid": proposal.uid}}
    return {
        "remediationproposals": proposal_tree(proposal),
        "signoffs": signoff_tree(make.make_signoff(proposal)),
        "admittedchanges": {"metadata": {"name": "a", "namespace": make.SYSTEM}, "spec": spec},
    }


@pytest.mark.parametrize("plural", sorted(stored()))
@EVERYBODY
def test_a_spec_never_changes(plural: str, user: User) -> None:
    old = stored()[plural]
    new = copy.deepcopy(old)
    new["spec"]["more"] = "x"
    with pytest.raises(Refused, match="never changes"):
        check(signed_cluster(), request(plural, Operation.UPDATE, user, old=old, new=new))


@pytest.mark.parametrize("plural", [*stored(), "reversibilitypolicies"])
@EVERYBODY
def test_a_status_is_the_operators_alone(plural: str, user: User) -> None:
    tree = stored().get(plural, {})
    asked = request(plural, Operation.UPDATE, user, old=tree, new=tree, subresource="status")
    if user is OPERATOR:
        assert check(signed_cluster(), asked) == ()
        return
    with pytest.raises(Refused, match="operator alone"):
        check(signed_cluster(), asked)


@EVERYBODY
def test_a_record_is_written_by_nobody_but_the_gate(user: User) -> None:
    with pytest.raises(Refused, match="webhook alone"):
        check(cluster(), request("admittedchanges", Operation.CREATE, user, new=stored()["admittedchanges"]))


@pytest.mark.parametrize("key", ["ownerReferences", "finalizers"])
@pytest.mark.parametrize("plural", sorted(stored()))
def test_nobody_hands_our_kinds_to_a_controller(plural: str, key: str) -> None:
    old = stored()[plural]
    new = copy.deepcopy(old)
    new["metadata"][key] = [{"uid": "dead"}]
    for operation, before in ((Operation.UPDATE, old), (Operation.CREATE, None)):
        with pytest.raises(Refused, match=key):
            check(signed_cluster(), request(plural, operation, make.ALICE, old=before, new=new))


def test_a_policy_that_cannot_be_meant_is_refused_at_apply() -> None:
    for operation in (Operation.CREATE, Operation.UPDATE):
        asked = make.make_request(operation, kind=POLICY, old={}, new=wire.make_policy_tree(lines=[]))
        with pytest.raises(BadObject):
            check(cluster(), asked)


# --- what weighs against a change stays


def world_with_everything() -> ClusterInMemory:
    world = ClusterInMemory()
    world.add("namespaces", wire.make_namespace())
    for plural, tree in stored().items():
        world.add(plural, tree)
    return world


@pytest.mark.parametrize("plural", sorted(stored()))
@EVERYBODY
def test_while_a_proposal_can_admit_something_nothing_about_it_goes(plural: str, user: User) -> None:
    world = world_with_everything()
    (tree,) = world.all(plural)
    asked = request(plural, Operation.DELETE, user, old=tree)
    with pytest.raises(Refused, match="stays"):
        check(world, asked)
    world.now = make.make_proposal().decide_by + timedelta(minutes=30)
    with pytest.raises(Refused, match="stays"):
        check(world, asked)
    world.pass_time(seconds=1)
    check(world, asked)


def unsigned_world(*, used: bool = False) -> ClusterInMemory:
    """A proposal about which nobody has said a word; maybe used, as in an emergency."""
    world = cluster()
    proposal = make.make_proposal()
    world.add("remediationproposals", proposal_tree(proposal))
    if used:
        name = make.make_claim(proposal, make.make_change(), make.make_live()).name
        record = {**stored()["admittedchanges"], "metadata": {"name": name, "namespace": make.SYSTEM}}
        world.add("admittedchanges", record)
    return world


@pytest.mark.parametrize(
    ("user", "used", "goes"),
    [(make.AGENT, False, True), (make.AGENT, True, False), (make.ALICE, False, False), (OPERATOR, False, False)],
    ids=["its proposer", "used", "somebody else", "the operator"],
)
def test_a_proposal_may_be_withdrawn_by_its_proposer_while_nothing_has_come_of_it(
    user: User, used: bool, goes: bool
) -> None:
    world = unsigned_world(used=used)
    asked = request("remediationproposals", Operation.DELETE, user, old=world.all("remediationproposals")[0])
    if goes:
        check(world, asked)
        return
    with pytest.raises(Refused, match="stays"):
        check(world, asked)


def test_the_record_of_a_use_outlives_the_proposal_by_a_day() -> None:
    world = cluster()
    record = stored()["admittedchanges"]
    record["metadata"]["creationTimestamp"] = "2026-03-01T12:00:00Z"
    asked = request("admittedchanges", Operation.DELETE, make.AGENT, old=record)
    world.now = make.NOW + timedelta(hours=24, minutes=30)
    with pytest.raises(Refused, match="stays for a day"):
        check(world, asked)
    world.pass_time(seconds=1)
    check(world, asked)


@pytest.mark.parametrize("plural", ["resourcequotas", "customresourcedefinitions"])
@EVERYBODY
def test_nobody_keeps_people_from_objecting(plural: str, user: User) -> None:
    for operation in (Operation.CREATE, Operation.UPDATE):
        with pytest.raises(Refused):
            check(cluster(), request(plural, operation, user, new={}, old={}))


@pytest.mark.parametrize(
    ("plural", "goes"), [("signoffs", True), ("remediationproposals", True), ("admittedchanges", False)]
)
def test_a_terminating_namespace_takes_its_own_records_along(plural: str, goes: bool) -> None:
    world = world_with_everything()
    world.all("namespaces")[0]["metadata"]["deletionTimestamp"] = "2026-03-01T12:00:00Z"
    asked = request(plural, Operation.DELETE, make.AGENT, old=world.all(plural)[0])
    if goes:
        check(world, asked)
        return
    with pytest.raises(Refused):
        check(world, asked)


def test_a_word_about_a_proposal_that_is_gone_or_another_one_may_go() -> None:
    world = world_with_everything()
    (tree,) = world.all("signoffs")
    world.all("remediationproposals")[0]["metadata"]["uid"] = "made-again"
    check(world, request("signoffs", Operation.DELETE, make.AGENT, old=tree))
    world.objects.pop(("remediationproposals", wire.SHOP, "web-to-3"))
    check(world, request("signoffs", Operation.DELETE, make.AGENT, old=tree))


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


@pytest.mark.parametrize("decision", Decision)
def test_a_proposal_that_is_being_deleted_is_signed_no_more(decision: Decision) -> None:
    world = signed_cluster()
    world.all("remediationproposals")[0]["metadata"]["deletionTimestamp"] = "2026-03-01T12:00:00Z"
    with pytest.raises(Refused, match="being deleted"):
        created(world, "signoffs", make.ALICE, word(decision.value))
