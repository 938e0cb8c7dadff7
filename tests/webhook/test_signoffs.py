"""Sign-offs at the webhook: who signs what is the gate's to say, and only who may sign does."""

from dataclasses import replace
from datetime import timedelta

import pytest

from cutline.domain.errors import BadObject
from cutline.domain.request import Operation
from cutline.domain.signoff import Decision
from cutline.domain.user import User
from cutline_webhook.refusal import Refused
from tests import builders as make
from tests.webhook.own_kinds import Edit, Tree, check, created, request, stamped, word
from tests.webhook.test_gate import signed_cluster


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


@pytest.mark.parametrize("uid", ["", "known elsewhere"])
def test_nobody_signs_what_he_proposed(uid: str) -> None:
    proposal = make.make_proposal(proposer=replace(make.BOB, uid=uid))
    world = signed_cluster(proposal)
    with pytest.raises(Refused, match="somebody else must"):
        created(world, "signoffs", replace(make.BOB, uid="here"), word(digest=proposal.digest))


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
    with pytest.raises(Refused, match="the time to decide ended at 2026-03-01 12:50:00Z"):
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


@pytest.mark.parametrize("decision", Decision)
def test_a_proposal_that_is_being_deleted_is_signed_no_more(decision: Decision) -> None:
    world = signed_cluster()
    world.all("remediationproposals")[0]["metadata"]["deletionTimestamp"] = "2026-03-01T12:00:00Z"
    with pytest.raises(Refused, match="being deleted"):
        created(world, "signoffs", make.ALICE, word(decision.value))


@pytest.mark.parametrize("narrow", [{"pods": ["shop/web-1"]}, {"pods": ["shop/web-1"], "replicas": 4}])
def test_a_limit_that_is_about_nothing_is_refused(narrow: Tree) -> None:
    """It would be taken for one that holds."""
    with pytest.raises(BadObject, match=r"spec\.narrow\.pods"):
        created(signed_cluster(), "signoffs", make.BOB, word(narrow=narrow))
    created(signed_cluster(), "signoffs", make.BOB, word(narrow={"replicas": 4}))
