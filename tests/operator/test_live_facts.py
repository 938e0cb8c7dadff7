"""What a look at a proposal's targets finds is what the gate would find."""

import asyncio
from typing import Any

import pytest

from cutline.domain.difference import Field
from cutline.domain.kind import NODE, POLICY, Kind
from cutline.domain.proposal import Proposal
from cutline.domain.tree import ABSENT
from cutline.kube.world import WorldReader
from cutline_operator.live_facts import look
from tests import builders as make
from tests import wire
from tests.api.cluster_in_memory import ClusterInMemory

_TAINT = {"key": "a", "effect": "NoExecute"}


def proposed(kind: Kind, field: Field) -> Proposal:
    world = make.make_world(make.make_live(kind))
    return make.make_proposal(
        make.make_signed_change(make.make_change(world.live, field), world), namespace=make.SYSTEM
    )


def seen(proposal: Proposal, plural: str, tree: dict[str, Any] | None) -> tuple[str, ...]:
    cluster = ClusterInMemory()
    if tree is not None:
        cluster.add(plural, tree)
    reader = WorldReader(cluster.client(), make.SYSTEM)
    return asyncio.run(look(reader, proposal, make.make_policies(), make.NOW)).drift


_LOOSER = proposed(POLICY, Field("/spec/enforcement", "Deny", "Warn"))


@pytest.mark.parametrize(
    ("tree", "drift"),
    [
        (wire.make_policy_tree(), ()),
        (
            wire.make_policy_tree(enforcement="Audit"),
            ("reversibilitypolicy/production: spec.enforcement has changed",),
        ),
        (None, ("reversibilitypolicy/production: it is gone",)),
    ],
)
def test_a_policy_that_was_amended_meanwhile_has_drifted(tree: dict[str, Any] | None, drift: tuple[str, ...]) -> None:
    assert seen(_LOOSER, "reversibilitypolicies", tree) == drift


def test_a_node_that_was_marked_otherwise_has_drifted_and_one_that_was_marked_so_has_not() -> None:
    taint, cordon = Field("/spec/taints", ABSENT, [_TAINT]), Field("/spec/unschedulable", ABSENT, True)
    other = wire.make_node(taints=[{**_TAINT, "key": "b"}])
    assert seen(proposed(NODE, taint), "nodes", other) == ("node/node-1: spec.taints has changed",)
    assert seen(proposed(NODE, cordon), "nodes", wire.make_node(unschedulable=True)) == ()
