"""Which lines a change crosses: actions, places, labels old and new, exemptions."""

from typing import Any

import pytest

from cutline.domain.change import Change
from cutline.domain.difference import Field
from cutline.domain.effect import Action, Effect, gating_actions
from cutline.domain.kind import DEPLOYMENT, KINDS, NODE, POD
from cutline.domain.live import World
from cutline.domain.policy import Exemption, Policies, Policy, crossed_lines, lines_of
from cutline.domain.selector import EVERYTHING, LabelRequirement, LabelSelector, Operator
from cutline.domain.tree import ABSENT
from tests import builders as make
from tests import wire

SCALE_DOWN = frozenset({Effect.SCALE_DOWN})


def names(
    *policies: Policy, change: Change | None = None, world: World | None = None, effects: frozenset[Effect] = SCALE_DOWN
) -> list[str]:
    lines = crossed_lines(change or make.make_change(), effects, world or make.make_world(), Policies(policies))
    return [f"{line.policy_name}/{line.line_name}" for line in lines]


def line(name: str = "l", *actions: Action, **fields: Any) -> Any:
    return make.make_line(name, actions or (Action.SCALE_DOWN,), **fields)


def test_every_line_of_every_policy_that_matches_is_crossed_in_the_order_of_their_names() -> None:
    one = make.make_policy(line("b"), line("a"), name="one")
    assert names(make.make_policy(line("z"), name="two"), one) == ["one/a", "one/b", "two/z"]


@pytest.mark.parametrize("action", Action)
def test_a_line_gates_the_effects_of_its_actions_only(action: Action) -> None:
    gated = {effect for effect in Effect if names(make.make_policy(line("l", action)), effects=frozenset({effect}))}
    assert gated == {effect for effect in Effect if action in gating_actions(effect)}
    assert gated


def test_no_line_gates_what_belongs_to_a_policys_own_rules() -> None:
    assert gating_actions(Effect.CUSTOM) == frozenset()


@pytest.mark.parametrize(
    ("labels", "selector", "reached"),
    [
        (wire.LINE_LABELS, EVERYTHING, True),
        (wire.LINE_LABELS, make.matching(team="shop"), False),
        ({**wire.LINE_LABELS, "team": "shop"}, make.matching(team="shop"), True),
        ({"team": "shop"}, make.matching(team="shop"), False),
        ({}, EVERYTHING, False),
        ({"cutline.dev/line": ""}, EVERYTHING, True),
        (wire.LINE_LABELS, None, False),
    ],
)
def test_only_namespaces_that_carry_the_scope_label_are_reached(labels: Any, selector: Any, reached: bool) -> None:
    world = make.make_world(namespace=make.make_namespace_state(labels))
    assert bool(names(make.make_policy(line(), namespaces=selector), world=world)) is reached


@pytest.mark.parametrize(("cluster", "reached"), [(["Nodes"], True), (["Namespaces"], False), ([], False)])
def test_cluster_scoped_kinds_are_reached_by_their_word(cluster: list[str], reached: bool) -> None:
    world = make.make_world(make.make_live(NODE))
    policy = make.make_policy(line("l", Action.DRAIN), cluster=cluster)
    change = make.make_change(world.live, Field("/spec/unschedulable", False, True))
    assert bool(names(policy, change=change, world=world, effects=frozenset({Effect.DRAIN}))) is reached


def test_the_words_are_those_that_people_write() -> None:
    words = {kind.cluster_word for kind in KINDS if not kind.namespaced}
    assert words == {"Nodes", "Namespaces", "CustomResourceDefinitions", "ReversibilityPolicies"}


@pytest.mark.parametrize(
    ("old", "new", "crossed"),
    [
        ({"tier": "payments"}, {"tier": "payments"}, True),
        ({"tier": "payments"}, {}, True),
        ({}, {"tier": "payments"}, True),
        ({}, {"tier": "web"}, False),
    ],
)
def test_a_line_matches_by_the_old_or_the_new_labels(old: Any, new: Any, crossed: bool) -> None:
    change, live = make.update(DEPLOYMENT, wire.make_workload(labels=old), wire.make_workload(labels=new, replicas=3))
    policy = make.make_policy(line(objects=make.matching(tier="payments")))
    assert bool(names(policy, change=change, world=make.make_world(live))) is crossed


# --- exemptions


def scaled_to(replicas: int) -> Change:
    return make.make_change(None, Field("/spec/replicas", 5, replicas))


@pytest.mark.parametrize(("replicas", "gated"), [(4, False), (3, False), (2, True), (0, True)])
def test_a_scale_down_that_leaves_enough_is_exempt(replicas: int, gated: bool) -> None:
    policy = make.make_policy(line(), exemptions=[Exemption(frozenset({Action.SCALE_DOWN}), never_below=3)])
    assert bool(names(policy, change=scaled_to(replicas))) is gated


def test_a_scale_down_without_a_count_is_never_within_one() -> None:
    policy = make.make_policy(line(), exemptions=[Exemption(frozenset({Action.SCALE_DOWN}), never_below=0)])
    assert names(policy, change=make.make_change(None, Field("/spec/ordinals", {}, {"start": 3})))


@pytest.mark.parametrize(
    "other",
    [
        Field("/spec/ordinals", ABSENT, {"start": 100}),
        Field("/metadata/ownerReferences", ABSENT, [{"uid": "of nobody"}]),
    ],
    ids=["ordinals", "owner"],
)
@pytest.mark.parametrize("replicas", [4, 6])
def test_what_else_takes_pods_away_is_not_exempt_beside_a_count(other: Field, replicas: int) -> None:
    policy = make.make_policy(line(), exemptions=[Exemption(frozenset({Action.SCALE_DOWN}), never_below=3)])
    assert names(policy, change=make.make_change(None, other, Field("/spec/replicas", 5, replicas)))


def test_a_line_without_exemptions_takes_none() -> None:
    everything = Exemption(make.ALL_ACTIONS)
    assert names(make.make_policy(line(), exemptions=[everything])) == []
    assert names(make.make_policy(line(takes_exemptions=False), exemptions=[everything])) == ["production/l"]


def test_an_exemption_of_one_policy_says_nothing_about_another() -> None:
    lenient = make.make_policy(line(), exemptions=[Exemption(make.ALL_ACTIONS)], name="lenient")
    assert names(lenient, make.make_policy(line(), name="strict")) == ["strict/l"]


def test_every_action_that_a_line_gates_here_must_be_exempt() -> None:
    both = make.make_policy(
        line("l", Action.SCALE_DOWN, Action.ROLLBACK), exemptions=[Exemption(frozenset({Action.SCALE_DOWN}))]
    )
    assert names(both) == []
    assert names(both, effects=frozenset({Effect.SCALE_DOWN, Effect.ROLLBACK})) == ["production/l"]


def test_a_pod_removal_is_exempt_only_where_drain_and_restart_both_are() -> None:
    world = make.make_world(make.make_live(POD))
    removal = frozenset({Effect.POD_REMOVAL})
    for actions, gated in [((Action.DRAIN,), True), ((Action.DRAIN, Action.RESTART), False)]:
        policy = make.make_policy(line("l", Action.DRAIN, Action.RESTART), exemptions=[Exemption(frozenset(actions))])
        assert bool(names(policy, world=world, effects=removal)) is gated


def test_two_lines_of_one_name_are_both_demanded() -> None:
    weak, strong = line("l"), line("l", requirement=make.make_requirement(2, line="l"))
    policies = make.make_policies(make.make_policy(weak, strong))
    demanded = {
        one.requirement.approvals for one in lines_of(make.make_change(), SCALE_DOWN, make.make_world(), policies)
    }
    assert demanded == {1, 2}


# --- selectors


@pytest.mark.parametrize(
    ("operator", "values", "accepted"),
    [
        (Operator.IN, ("a", "b"), [True, False, False]),
        (Operator.IN, (), [False, False, False]),
        (Operator.NOT_IN, ("a", "b"), [False, True, True]),
        (Operator.EXISTS, (), [True, True, False]),
        (Operator.DOES_NOT_EXIST, (), [False, False, True]),
    ],
)
def test_selectors_mean_what_kubernetes_means(operator: Operator, values: Any, accepted: list[bool]) -> None:
    selector = LabelSelector((LabelRequirement("key", operator, values),))
    assert [selector.accepts(labels) for labels in ({"key": "a"}, {"key": "c"}, {"other": "a"})] == accepted


def test_all_requirements_of_a_selector_must_hold_and_none_accepts_everything() -> None:
    both = make.matching(a="1", b="2")
    assert both.accepts({"a": "1", "b": "2", "c": "3"})
    assert not both.accepts({"a": "1"})
    assert EVERYTHING.accepts({})
