"""Loosening: something leaves a policy's reach, and is signed under the very lines that it leaves."""

from collections.abc import Mapping
from typing import Any

import pytest

from cutline.domain.change import Change, Verb
from cutline.domain.effect import Effect
from cutline.domain.effects import baseline_of, effects_of
from cutline.domain.kind import DEFINITION, DEPLOYMENT, NAMESPACE, NODE, POD, POLICY
from cutline.domain.live import World
from cutline.domain.policy import Policies, left_lines, lines_of, may_leave_lines
from cutline.domain.selector import EVERYTHING, LabelRequirement, LabelSelector, Operator
from cutline.domain.tree import digest
from tests import builders as make
from tests import wire

IN_PRODUCTION = make.make_policies(
    make.make_policy(namespaces=make.matching(**{"cutline.dev/line": "production"})),
    make.make_policy(make.make_line("staging"), name="staging", namespaces=make.matching(team="shop")),
)


def left(change: Change, world: World, policies: Policies) -> list[str]:
    """The names of the lines that are left; a change that leaves some is a loosening."""
    lines = [f"{line.policy_name}/{line.line_name}" for line in left_lines(change, world, policies)]
    assert bool(lines) == (Effect.LOOSENING in effects_of(change, world, policies))
    if lines:
        assert may_leave_lines(change, world)
    return lines


# --- namespaces


def relabelled(old: Mapping[str, str], new: Mapping[str, str]) -> tuple[Change, World]:
    change, live = make.update(NAMESPACE, wire.make_namespace(labels=old), wire.make_namespace(labels=new))
    return change, make.make_world(live)


@pytest.mark.parametrize(
    ("old", "new", "lines"),
    [
        ({"cutline.dev/line": "production"}, {}, ["production/seed-line"]),
        ({"cutline.dev/line": "production"}, {"cutline.dev/line": "sandbox"}, ["production/seed-line"]),
        (
            {"cutline.dev/line": "production", "team": "shop"},
            {},
            ["production/seed-line", "staging/staging"],
        ),
        ({"cutline.dev/line": "x", "team": "shop"}, {"cutline.dev/line": "x"}, ["staging/staging"]),
        ({"cutline.dev/line": "production"}, {"cutline.dev/line": "production", "team": "shop"}, []),
        ({}, {"cutline.dev/line": "production"}, []),
        ({"team": "shop"}, {}, []),
    ],
)
def test_a_namespace_that_leaves_a_policy_is_one(old: Any, new: Any, lines: list[str]) -> None:
    assert left(*relabelled(old, new), IN_PRODUCTION) == lines


def test_an_annotation_of_a_namespace_is_none() -> None:
    tree = wire.make_namespace()
    annotated = {**tree, "metadata": {**tree["metadata"], "annotations": {"a": "b"}}}
    change, live = make.update(NAMESPACE, tree, annotated)
    assert left(change, make.make_world(live), IN_PRODUCTION) == []


def test_the_lines_left_are_demanded_whatever_their_actions() -> None:
    line = make.make_line("drains-only", actions=[])
    policies = make.make_policies(make.make_policy(line))
    change, world = relabelled(wire.LINE_LABELS, {})
    assert [one.line_name for one in lines_of(change, frozenset({Effect.LOOSENING}), world, policies)] == [
        "drains-only"
    ]


# --- labels of selected objects


def test_an_object_that_loses_a_lines_label_is_one() -> None:
    policies = make.make_policies(make.make_policy(make.make_line("payments", objects=make.matching(tier="payments"))))
    change, live = make.update(DEPLOYMENT, wire.make_workload(), wire.make_workload(labels={"app": "web"}))
    assert left(change, make.make_world(live), policies) == ["production/payments"]
    outside = make.make_world(live, namespace=make.make_namespace_state({}))
    assert left(change, outside, policies) == []


def test_an_object_that_gains_a_label_that_lets_it_out_is_one() -> None:
    no_debug = LabelSelector((LabelRequirement("debug", Operator.DOES_NOT_EXIST),))
    policies = make.make_policies(make.make_policy(make.make_line(objects=no_debug)))
    labels = {**wire.LABELS, "debug": "true"}
    change, live = make.update(POD, wire.make_pod(), wire.make_pod(labels=labels))
    assert left(change, make.make_world(live), policies) == ["production/seed-line"]


def test_an_object_that_enters_a_line_is_none() -> None:
    policies = make.make_policies(make.make_policy(make.make_line(objects=make.matching(tier="payments"))))
    change, live = make.update(DEPLOYMENT, wire.make_workload(labels={}), wire.make_workload())
    assert left(change, make.make_world(live), policies) == []


def test_a_node_that_loses_a_lines_label_is_one() -> None:
    policies = make.make_policies(make.make_policy(make.make_line(objects=make.matching(zone="a"))))
    tree = wire.make_node()
    change, live = make.update(NODE, tree, {**tree, "metadata": {**tree["metadata"], "labels": {}}})
    assert left(change, make.make_world(live), policies) == ["production/seed-line"]


@pytest.mark.parametrize("verb", [Verb.EVICT, Verb.DELETE])
def test_the_removal_of_a_pod_is_none(verb: Verb) -> None:
    world = make.make_world(make.make_live(POD))
    change = make.make_change(world.live, verb=verb)
    assert left(change, world, make.make_policies()) == []
    assert not may_leave_lines(change, world)


# --- policies


def amended(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    change, live = make.update(POLICY, wire.make_policy_tree(**old), wire.make_policy_tree(**new))
    return left(change, make.make_world(live), make.make_policies(make.make_policy(), make.make_policy(name="other")))


SEED = wire.make_line_tree()
EXEMPTION = {"actions": ["ScaleDown"], "scaleDown": {"neverBelow": 10}}


def require(**parts: Any) -> dict[str, Any]:
    return wire.make_line_tree(require={"approvals": 2, "from": [{"userGroup": "sre"}], **parts})


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({}, {"enforcement": "Warn"}),
        ({}, {"enforcement": "Audit"}),
        ({"enforcement": "Warn"}, {"enforcement": "Audit"}),
        ({"enforcement": "Audit"}, {"enforcement": "Warn"}),
        ({}, {"where": {"namespaces": {}, "cluster": ["Nodes"]}}),
        ({}, {"where": {}}),
        ({}, {"lines": []}),
        ({"lines": [SEED, wire.make_line_tree("more")]}, {"lines": [wire.make_line_tree("more")]}),
        ({}, {"lines": [wire.make_line_tree("renamed")]}),
        ({}, {"lines": [wire.make_line_tree(actions=["ScaleDown"])]}),
        ({}, {"lines": [wire.make_line_tree(objects={"matchLabels": {"a": "b"}})]}),
        ({}, {"lines": [wire.make_line_tree(validFor="30m")]}),
        ({"lines": [wire.make_line_tree(exemptions="Never")]}, {}),
        ({"lines": [require()]}, {"lines": [require(approvals=1)]}),
        ({"lines": [require()]}, {"lines": [require(**{"from": [{"userGroup": "everybody"}]})]}),
        ({"lines": [require(including=[{"userGroup": "seniors"}])]}, {"lines": [require()]}),
        ({"lines": [require(proof="SSH")]}, {"lines": [require()]}),
        ({}, {"exempt": [EXEMPTION]}),
        ({"exempt": [EXEMPTION]}, {"exempt": [{**EXEMPTION, "scaleDown": {"neverBelow": 1}}]}),
        ({"exempt": [EXEMPTION]}, {"exempt": [{"actions": ["ScaleDown"]}]}),
    ],
)
def test_a_policy_that_is_not_plainly_stricter_is_looser(old: dict[str, Any], new: dict[str, Any]) -> None:
    assert amended(old, new) == ["production/seed-line"]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({"enforcement": "Warn"}, {"enforcement": "Deny"}),
        ({"enforcement": "Audit"}, {"enforcement": "Deny"}),
        ({}, {"lines": [SEED, wire.make_line_tree("more")]}),
        ({}, {"lines": [wire.make_line_tree(actions=["ScaleDown", "Rollback", "Drain"])]}),
        ({"lines": [require()]}, {"lines": [require(approvals=3)]}),
        ({"exempt": [EXEMPTION]}, {}),
        ({"exempt": [EXEMPTION]}, {"exempt": []}),
        ({}, {"onDeny": "Draft"}),
        ({}, {}),
    ],
)
def test_a_policy_that_demands_more_is_no_loosening(old: dict[str, Any], new: dict[str, Any]) -> None:
    assert amended(old, new) == []


def test_labels_of_a_policy_are_no_loosening() -> None:
    tree = wire.make_policy_tree()
    change, live = make.update(POLICY, tree, {**tree, "metadata": {**tree["metadata"], "labels": {"a": "b"}}})
    assert left(change, make.make_world(live), make.make_policies()) == []


def test_deleting_a_policy_is_one_and_is_signed_under_its_own_lines() -> None:
    world = make.make_world(make.make_live(POLICY))
    policies = make.make_policies(make.make_policy(), make.make_policy(name="other"))
    change = make.make_change(world.live, verb=Verb.DELETE)
    assert left(change, world, policies) == ["production/seed-line"]
    assert baseline_of([Effect.LOOSENING], change, world) == {"content": digest(world.live.content)}


# --- definitions


def definition() -> dict[str, Any]:
    name = "signoffs.cutline.dev"
    return {"metadata": {"name": name, "uid": "crd-uid"}, "spec": {"group": "cutline.dev", "versions": []}}


def test_changing_or_deleting_one_of_cutlines_own_definitions_is_one_under_every_line() -> None:
    lines = ["production/seed-line", "staging/staging"]
    tree = definition()
    change, live = make.update(DEFINITION, tree, {**tree, "spec": {**tree["spec"], "versions": [{}]}})
    assert left(change, make.make_world(live), IN_PRODUCTION) == lines
    ends = make.make_change(live, verb=Verb.DELETE)
    assert left(ends, make.make_world(live), IN_PRODUCTION) == lines


def test_labelling_a_definition_is_none() -> None:
    tree = definition()
    change, live = make.update(DEFINITION, tree, {**tree, "metadata": {**tree["metadata"], "labels": {"a": "b"}}})
    assert left(change, make.make_world(live), IN_PRODUCTION) == []


def test_without_policies_nothing_is_left() -> None:
    tree = definition()
    change, live = make.update(DEFINITION, tree, {**tree, "spec": {}})
    assert left(change, make.make_world(live), Policies()) == []


def test_everything_but_what_may_leave_a_line_is_known_not_to() -> None:
    assert not may_leave_lines(make.make_change(), make.make_world())
    assert EVERYTHING.accepts({})
