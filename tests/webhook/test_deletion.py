"""What weighs against a change stays: nobody takes it away, or keeps people from objecting."""

from datetime import timedelta

import pytest

from cutline.domain.proposal import Emergency
from cutline.domain.request import Operation, Request
from cutline.domain.user import User
from cutline_webhook.refusal import Refused
from tests import builders as make
from tests import wire
from tests.api.cluster_in_memory import ClusterInMemory
from tests.api.trees import proposal_tree, signoff_tree
from tests.webhook.own_kinds import EVERYBODY, OPERATOR, check, request, stored
from tests.webhook.test_gate import cluster


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
    name = tree["metadata"]["name"]
    with pytest.raises(Refused, match=rf"^{plural} {name} stays while .* \(until 2026-03-01 13:20:00Z\)"):
        check(world, asked)
    world.now = make.make_proposal().decide_by + timedelta(minutes=30)
    with pytest.raises(Refused, match="stays"):
        check(world, asked)
    world.pass_time(seconds=1)
    check(world, asked)


def check_whether(world: ClusterInMemory, asked: Request, *, goes: bool, told: str) -> None:
    """It passes, or is refused with this text."""
    if goes:
        check(world, asked)
        return
    with pytest.raises(Refused, match=told):
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
    check_whether(world, asked, goes=goes, told="stays")


def test_the_record_of_a_use_outlives_the_proposal_by_a_day() -> None:
    world = cluster()
    record = stored()["admittedchanges"]
    record["metadata"]["creationTimestamp"] = "2026-03-01T12:00:00Z"
    asked = request("admittedchanges", Operation.DELETE, make.AGENT, old=record)
    world.now = make.NOW + timedelta(hours=24, minutes=30)
    with pytest.raises(Refused, match=r"^admittedchanges a stays until 2026-03-02 12:30:00Z: "):
        check(world, asked)
    world.pass_time(seconds=1)
    check(world, asked)


@pytest.mark.parametrize("plural", ["resourcequotas", "customresourcedefinitions", "apiservices"])
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
    check_whether(world, asked, goes=goes, told="stays")


def test_a_word_about_a_proposal_that_is_gone_or_another_one_may_go() -> None:
    world = world_with_everything()
    (tree,) = world.all("signoffs")
    world.all("remediationproposals")[0]["metadata"]["uid"] = "made-again"
    check(world, request("signoffs", Operation.DELETE, make.AGENT, old=tree))
    world.objects.pop(("remediationproposals", wire.SHOP, "web-to-3"))
    check(world, request("signoffs", Operation.DELETE, make.AGENT, old=tree))


@pytest.mark.parametrize(
    ("user", "reviewer", "goes"),
    [(make.ALICE, None, False), (make.ALICE, make.ALICE, False), (make.ALICE, make.BOB, True), (OPERATOR, None, True)],
    ids=["nobody has", "its caller has", "somebody else has", "its time has come"],
)
def test_an_emergency_stays_until_somebody_else_has_reviewed_it(user: User, reviewer: User | None, goes: bool) -> None:
    world = unsigned_world(used=True)
    emergency = make.make_proposal(proposer=make.ALICE, emergency=Emergency("fire", "INC-1"))
    world.add("remediationproposals", proposal_tree(emergency))
    if reviewer is not None:
        world.add("signoffs", signoff_tree(make.make_signoff(emergency, reviewer)))
    world.now = emergency.decide_by + timedelta(hours=1)
    asked = request("remediationproposals", Operation.DELETE, user, old=proposal_tree(emergency))
    check_whether(world, asked, goes=goes, told="until somebody else has reviewed")


def test_what_cannot_be_read_does_not_keep_its_namespace() -> None:
    world = world_with_everything()
    world.all("namespaces")[0]["metadata"]["deletionTimestamp"] = "2026-03-01T12:00:00Z"
    (tree,) = world.all("remediationproposals")
    tree["spec"]["changes"][0]["canonical"] = "{}"
    check(world, request("remediationproposals", Operation.DELETE, make.AGENT, old=tree))
