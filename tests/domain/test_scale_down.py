"""ScaleDown: fewer pods of a workload than before."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cutline.domain.change import Change
from cutline.domain.covering import uncovered
from cutline.domain.difference import Field
from cutline.domain.effect import Action, Effect
from cutline.domain.effects import baseline_of, effects_of
from cutline.domain.errors import BadObject
from cutline.domain.kind import DAEMON_SET, DEPLOYMENT, POD, REPLICA_SET, STATEFUL_SET, Kind
from cutline.domain.live import World
from cutline.domain.narrowing import UNNARROWED, Narrowing
from cutline.domain.policy import Policies
from cutline.domain.render import Parameters, render, verify_applies
from cutline.domain.tree import ABSENT
from tests import builders as make
from tests import wire

SCALES = [DEPLOYMENT, STATEFUL_SET, REPLICA_SET]
SSD = {"disk": "ssd"}


def is_scale_down(kind: Kind, before: dict[str, Any], after: dict[str, Any]) -> bool:
    change, live = make.update(kind, wire.make_workload(kind, **before), wire.make_workload(kind, **after))
    return Effect.SCALE_DOWN in effects_of(change, make.make_world(live), Policies())


@pytest.mark.parametrize("kind", SCALES)
@pytest.mark.parametrize(
    ("old", "new", "is_one"), [(5, 4, True), (5, 0, True), (1, 0, True), (4, 5, False), (0, 1, False)]
)
def test_fewer_replicas_are_one(kind: Kind, old: int, new: int, is_one: bool) -> None:
    assert is_scale_down(kind, {"replicas": old}, {"replicas": new}) is is_one


def test_saying_nothing_means_one_replica() -> None:
    assert is_scale_down(DEPLOYMENT, {"replicas": None}, {"replicas": 0})
    assert is_scale_down(DEPLOYMENT, {"replicas": 2}, {"replicas": None})
    assert not is_scale_down(DEPLOYMENT, {"replicas": None}, {"replicas": 1})


@pytest.mark.parametrize("kind", [*SCALES, DAEMON_SET])
@pytest.mark.parametrize(
    ("before", "after"), [([], [{"uid": "gone"}]), ([{"uid": "a"}], []), ([{"uid": "a"}], [{"uid": "b"}])]
)
def test_a_workload_that_changes_its_owner_is_one(kind: Kind, before: Any, after: Any) -> None:
    old, new = wire.make_workload(kind), wire.make_workload(kind)
    old["metadata"]["ownerReferences"], new["metadata"]["ownerReferences"] = before, after
    change, live = make.update(kind, old, new)
    assert Effect.SCALE_DOWN in effects_of(change, make.make_world(live), Policies())


def relabelled(owners: list[Any], after: dict[str, str], kind: Kind = REPLICA_SET) -> frozenset[Effect]:
    old, new = wire.make_workload(kind), wire.make_workload(kind, labels=after)
    for tree in (old, new):
        tree["metadata"]["ownerReferences"] = owners
    change, live = make.update(kind, old, new)
    return effects_of(change, make.make_world(live), Policies())


NOBODYS: list[list[Any]] = [[], [{"uid": "a"}]]
DEPLOYMENTS = [{"uid": "a", "controller": True}]
MORE = {**wire.LABELS, "more": "x"}


@pytest.mark.parametrize("owners", NOBODYS, ids=["none", "no controller"])
@pytest.mark.parametrize("after", [MORE, {}, {"app": "other"}], ids=["more", "none", "other"])
def test_a_replica_set_that_a_deployment_may_adopt_by_its_labels_is_one(owners: Any, after: dict[str, str]) -> None:
    assert relabelled(owners, after) == {Effect.SCALE_DOWN}


@pytest.mark.parametrize(("after", "is_one"), [(MORE, False), ({}, True), ({**wire.LABELS, "app": "other"}, True)])
def test_a_replica_set_that_its_deployment_lets_go_is_one(after: dict[str, str], is_one: bool) -> None:
    assert (Effect.SCALE_DOWN in relabelled(DEPLOYMENTS, after)) is is_one


@pytest.mark.parametrize("kind", [DEPLOYMENT, STATEFUL_SET, DAEMON_SET])
def test_nobody_adopts_any_other_workload_by_its_labels(kind: Kind) -> None:
    assert Effect.SCALE_DOWN not in relabelled([], MORE, kind)


SHARES = {"deployment.kubernetes.io/desired-replicas": "4", "deployment.kubernetes.io/max-replicas": "5"}
OTHER_SHARES = [{**SHARES, key: "999"} for key in SHARES] + [{key: SHARES[key]} for key in SHARES] + [{}]


def annotated(kind: Kind, owners: list[Any], before: dict[str, str], after: dict[str, str]) -> frozenset[Effect]:
    old, new = wire.make_workload(kind, annotations=before), wire.make_workload(kind, annotations=after)
    for tree in (old, new):
        tree["metadata"]["ownerReferences"] = owners
    change, live = make.update(kind, old, new)
    return effects_of(change, make.make_world(live), Policies())


@pytest.mark.parametrize("other", OTHER_SHARES, ids=str)
def test_another_share_of_a_deployments_pods_for_a_replica_set_is_one(other: dict[str, str]) -> None:
    assert annotated(REPLICA_SET, DEPLOYMENTS, SHARES, other) == {Effect.SCALE_DOWN}
    assert annotated(REPLICA_SET, DEPLOYMENTS, other, SHARES) == {Effect.SCALE_DOWN}
    assert annotated(REPLICA_SET, DEPLOYMENTS, {**SHARES, "note": "x"}, {**other, "note": "y"}) == {Effect.SCALE_DOWN}


@pytest.mark.parametrize("after", [{**SHARES, "note": "x"}, {**SHARES, "deployment.kubernetes.io/revision": "9"}])
def test_what_else_is_noted_on_a_replica_set_is_none(after: dict[str, str]) -> None:
    assert annotated(REPLICA_SET, DEPLOYMENTS, SHARES, after) == frozenset()
    assert annotated(REPLICA_SET, DEPLOYMENTS, {}, {"note": "x"}) == frozenset()


@pytest.mark.parametrize("owners", NOBODYS, ids=["none", "no controller"])
def test_a_replica_set_that_is_nobodys_has_no_share(owners: list[Any]) -> None:
    assert annotated(REPLICA_SET, owners, SHARES, {}) == frozenset()


@pytest.mark.parametrize("kind", [DEPLOYMENT, STATEFUL_SET, DAEMON_SET])
def test_nobody_reads_a_share_of_any_other_workload(kind: Kind) -> None:
    assert annotated(kind, DEPLOYMENTS, {}, SHARES) == frozenset()


@pytest.mark.parametrize("count", [-1, True, "3", 3.5, None])
def test_what_is_no_count_of_replicas_is_covered_by_none(count: Any) -> None:
    assert objections(to(3), to(count))


@pytest.mark.parametrize(("before", "after"), [({}, {"start": 3}), ({"start": 3}, {}), ({"start": 1}, {"start": 2})])
def test_moving_the_ordinals_of_a_stateful_set_is_one(before: Any, after: Any) -> None:
    assert is_scale_down(STATEFUL_SET, {"ordinals": before}, {"ordinals": after})


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({}, {"nodeSelector": SSD}),
        ({"nodeSelector": SSD}, {}),
        ({}, {"affinity": {"nodeAffinity": {"x": 1}}}),
        ({}, {"nodeName": "node-1"}),
        ({"tolerations": [{"key": "a"}]}, {}),
        ({"tolerations": [{"key": "a"}, {"key": "b"}]}, {"tolerations": [{"key": "b"}]}),
    ],
)
def test_a_daemon_set_that_may_leave_nodes_is_one(before: Any, after: Any) -> None:
    assert is_scale_down(
        DAEMON_SET,
        {"replicas": None, "template": wire.make_template(**before)},
        {"replicas": None, "template": wire.make_template(**after)},
    )


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"tolerations": [{"key": "a"}]}, {"tolerations": [{"key": "b"}, {"key": "a"}]}),
        ({}, {"tolerations": [{"key": "a"}]}),
        ({}, {"priority": 7}),
    ],
)
def test_a_daemon_set_that_leaves_no_node_is_none(before: Any, after: Any) -> None:
    assert not is_scale_down(
        DAEMON_SET,
        {"replicas": None, "template": wire.make_template(**before)},
        {"replicas": None, "template": wire.make_template(**after)},
    )


def test_choosing_other_nodes_for_a_deployment_is_none() -> None:
    assert not is_scale_down(DEPLOYMENT, {}, {"template": wire.make_template(nodeSelector=SSD)})


def test_the_baseline_is_the_count_that_the_signers_saw() -> None:
    assert baseline_of([Effect.SCALE_DOWN], make.make_change(), make.make_world()) == {"replicas": "5"}


# --- what covers it


def to(replicas: int, old: int = 5) -> Change:
    return make.make_change(None, Field("/spec/replicas", old, replicas))


def objections(signed: Change, requested: Change, narrowing: Narrowing = UNNARROWED) -> list[str]:
    return list(uncovered(signed, requested, {Effect.SCALE_DOWN}, narrowing, make.make_world()))


@given(st.integers(0, 4), st.integers(0, 4), st.none() | st.integers(0, 6))
def test_a_count_from_the_signed_one_upwards_is_covered(signed: int, requested: int, lowest: int | None) -> None:
    covered = objections(to(signed), to(requested), Narrowing(replicas=lowest)) == []
    assert covered == (requested >= signed and (lowest is None or requested >= lowest))


def test_from_another_count_it_is_not_covered() -> None:
    assert objections(to(3), to(3, old=6)) == ["signed with other values: /spec/replicas"]


def test_the_missing_scale_down_of_a_signed_one_is_named() -> None:
    image = Field("/spec/template/spec/containers", ["a"], ["b"])
    signed = make.make_change(None, image, Field("/spec/replicas", 5, 3))
    assert objections(signed, make.make_change(None, image)) == ["signed only together with: /spec/replicas"]


SHARE = Field("/metadata/annotations/deployment.kubernetes.io~1max-replicas", "5", "9")
UP = Field("/spec/replicas", 0, 5)


def test_more_replicas_that_were_signed_cover_no_more_than_that() -> None:
    signed, effects = make.make_change(None, UP, SHARE), {Effect.SCALE_DOWN, Effect.ROLLBACK}
    more = make.make_change(None, Field("/spec/replicas", 0, 50), SHARE)
    found = uncovered(signed, more, effects, UNNARROWED, make.make_world())
    assert list(found) == ["signed with other values: /spec/replicas"]
    assert list(uncovered(signed, signed, effects, UNNARROWED, make.make_world())) == []


def test_a_signed_share_is_no_part_to_leave_out() -> None:
    signed = make.make_change(None, UP, SHARE)
    found = uncovered(
        signed, make.make_change(None, UP), {Effect.SCALE_DOWN, Effect.ROLLBACK}, UNNARROWED, make.make_world()
    )
    assert list(found) == [f"signed only together with: {SHARE.path}"]


def test_a_narrowed_count_is_told() -> None:
    assert objections(to(2), to(3), Narrowing(replicas=4)) == ["the signers allow no fewer than 4 replicas, not 3"]


# --- written by hand


def rendered(world: World, replicas: int | None) -> tuple[Change, ...]:
    return render(Action.SCALE_DOWN, Parameters(replicas=replicas), world)


@pytest.mark.parametrize("kind", SCALES)
def test_by_hand_it_is_the_change_that_a_scale_makes(kind: Kind) -> None:
    live = make.make_live(kind)
    assert rendered(make.make_world(live), 3) == (make.make_change(live, Field("/spec/replicas", 5, 3)),)


@pytest.mark.parametrize(
    ("world", "replicas", "field"),
    [
        (make.make_world(), None, "spec.scaleDown.replicas"),
        (make.make_world(), 5, "spec.scaleDown.replicas"),
        (make.make_world(), 9, "spec.scaleDown.replicas"),
        (make.make_world(autoscaler="web"), 2, "spec.target"),
        (make.make_world(make.make_live(DAEMON_SET)), 2, "spec.target.kind"),
        (make.make_world(make.make_live(POD)), 2, "spec.target.kind"),
    ],
    ids=["no count", "the same", "more", "autoscaled", "daemon set", "pod"],
)
def test_by_hand_it_is_refused_where_it_does_not_apply(world: World, replicas: int | None, field: str) -> None:
    with pytest.raises(BadObject) as refused:
        rendered(world, replicas)
    assert refused.value.field == field


def test_by_hand_there_are_no_fewer_than_none() -> None:
    with pytest.raises(BadObject):
        rendered(make.make_world(), -1)


def test_what_is_rendered_from_an_unsaid_count_applies() -> None:
    world = make.make_world(make.make_live(DEPLOYMENT, wire.make_workload(replicas=None)))
    (change,) = rendered(world, 0)
    assert change.fields[0].old is ABSENT
    verify_applies(change, world, "spec")
