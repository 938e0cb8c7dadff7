"""Rollback: a workload returns to an earlier revision of its pods, recognised by what the pods become."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cutline.domain.actions import rollback
from cutline.domain.change import Change
from cutline.domain.covering import uncovered
from cutline.domain.difference import apply
from cutline.domain.effect import Action, Effect
from cutline.domain.effects import baseline_of, effects_of
from cutline.domain.errors import BadObject, MissingFact
from cutline.domain.kind import DAEMON_SET, DEPLOYMENT, NODE, REPLICA_SET, STATEFUL_SET, Kind
from cutline.domain.live import Revision, World
from cutline.domain.narrowing import UNNARROWED
from cutline.domain.policy import Policies
from cutline.domain.render import Parameters, render, verify_applies
from cutline.domain.tree import digest
from tests import builders as make
from tests import wire

OLD, CURRENT = wire.make_template("web:1"), wire.make_template("web:2")
HISTORY = (make.make_revision(OLD, 1), make.make_revision(CURRENT, 2))


def to_template(
    template: Mapping[str, Any],
    *,
    kind: Kind = DEPLOYMENT,
    history: tuple[Revision, ...] | None = HISTORY,
    current: Mapping[str, Any] = CURRENT,
    **also: Any,
) -> tuple[Change, World]:
    """The change of a workload's template from `current`, and the world in which it is made."""
    change, live = make.update(
        kind, wire.make_workload(kind, template=current), wire.make_workload(kind, template=template, **also)
    )
    return change, make.make_world(live, revisions=history)


def is_rollback(change: Change, world: World) -> bool:
    return Effect.ROLLBACK in effects_of(change, world, Policies())


@pytest.mark.parametrize("kind", [DEPLOYMENT, STATEFUL_SET, DAEMON_SET])
def test_returning_to_the_exact_template_of_an_earlier_revision_is_one(kind: Kind) -> None:
    assert is_rollback(*to_template(OLD, kind=kind))


def test_the_label_that_the_controller_adds_hides_no_rollback() -> None:
    hashed = wire.make_template("web:1", labels={"app": "web", "pod-template-hash": "abc"})
    assert is_rollback(*to_template(hashed))


@pytest.mark.parametrize("labels", [{"app": "web", "build": "7"}, {}])
def test_the_pods_of_an_earlier_revision_under_other_labels_are_one(labels: dict[str, str]) -> None:
    pods = wire.make_template("web:1", labels=labels, nodeSelector={"disk": "ssd"})
    earlier = make.make_revision(wire.make_template("web:1", nodeSelector={"disk": "ssd"}), 1)
    assert is_rollback(*to_template(pods, history=(earlier, HISTORY[1])))


def test_an_image_that_goes_back_is_one_whatever_else_changes() -> None:
    back = wire.make_template("web:1", nodeSelector={"disk": "ssd"}, labels={"app": "web", "x": "y"})
    assert is_rollback(*to_template(back))


def test_an_image_of_an_init_container_that_goes_back_is_one() -> None:
    def template(image: str) -> dict[str, Any]:
        return wire.make_template("web:2", initContainers=[{"name": "migrate", "image": image}])

    history = (make.make_revision(template("migrate:1"), 1), make.make_revision(template("migrate:2"), 2))
    more = template("migrate:1") | {"metadata": {"labels": {"app": "web", "x": "y"}}}
    more["spec"]["priority"] = 7
    assert is_rollback(*to_template(more, current=template("migrate:2"), history=history))


def test_undoing_a_restart_mark_is_one() -> None:
    restarted = wire.make_template("web:2")
    restarted["metadata"]["annotations"] = {"kubectl.kubernetes.io/restartedAt": "2026-01-01"}
    history = (make.make_revision(CURRENT, 1), make.make_revision(restarted, 2))
    assert is_rollback(*to_template(CURRENT, current=restarted, history=history))


@pytest.mark.parametrize(
    "template",
    [
        wire.make_template("web:3"),
        wire.make_template("web:2", nodeSelector={"disk": "ssd"}),
        {**CURRENT, "metadata": {"labels": {"app": "web", "build": "8"}}},
    ],
    ids=["new image", "new field", "new label"],
)
def test_going_forward_is_none(template: dict[str, Any]) -> None:
    assert not is_rollback(*to_template(template))


def test_a_rollout_restart_is_none() -> None:
    mark = {"kubectl.kubernetes.io/restartedAt": "2026-03-01T12:00:00Z"}
    restarted = {**CURRENT, "metadata": {**CURRENT["metadata"], "annotations": mark}}
    assert not is_rollback(*to_template(restarted))


def test_an_image_that_comes_back_in_another_container_is_one() -> None:
    other = wire.make_template("web:2")
    other["spec"]["containers"].append({"name": "sidecar", "image": "web:1"})
    assert is_rollback(*to_template(other))


@pytest.mark.parametrize(
    ("written", "is_one"),
    [
        ("docker.io/library/web:1", True),
        ("index.docker.io/web:1", True),
        ("library/web:1", True),
        ("docker.io/web:1", True),
        ("quay.io/web:1", False),
        ("localhost/web:1", False),
        ("web:1@sha256:abc", True),
        ("web:3@sha256:abc", False),
        ("web@sha256:abc", False),
        ("web:1.0", False),
        ("web", False),
    ],
)
def test_an_image_goes_back_however_its_name_is_written(written: str, is_one: bool) -> None:
    assert is_rollback(*to_template(wire.make_template(written, priority=7))) is is_one


@pytest.mark.parametrize(
    ("reference", "names"),
    [
        ("web", ["docker.io/library/web:latest"]),
        ("team/web", ["docker.io/team/web:latest"]),
        ("localhost:5000/web", ["localhost:5000/web:latest"]),
        ("quay.io/team/web:1", ["quay.io/team/web:1"]),
        ("web@sha256:abc", ["@sha256:abc"]),
        ("localhost:5000/web@sha256:abc", ["@sha256:abc"]),
        ("web:1@sha256:abc", ["@sha256:abc", "docker.io/library/web:1"]),
        ("", ["docker.io/library/:latest"]),
    ],
)
def test_an_image_is_read_as_the_runtimes_read_it(reference: str, names: list[str]) -> None:
    assert list(rollback.image_names(reference)) == names


@pytest.mark.parametrize(
    ("before", "after", "is_one"),
    [
        ({}, {"deprecated.deployment.rollback.to": "1"}, True),
        ({"team": "a"}, {"team": "a", "deprecated.deployment.rollback.to": "1"}, True),
        ({"deprecated.deployment.rollback.to": "1"}, {"deprecated.deployment.rollback.to": "2"}, True),
        ({"deprecated.deployment.rollback.to": "1"}, {}, False),
        ({}, {"team": "a"}, False),
    ],
)
def test_an_order_to_the_controller_to_go_back_is_one(before: Any, after: Any, is_one: bool) -> None:
    change, live = make.update(
        DEPLOYMENT, wire.make_workload(annotations=before), wire.make_workload(annotations=after)
    )
    assert is_rollback(change, make.make_world(live, revisions=HISTORY)) is is_one


def test_a_first_revision_has_nothing_to_go_back_to() -> None:
    assert not is_rollback(*to_template(OLD, history=(HISTORY[1],)))
    assert not is_rollback(*to_template(OLD, history=()))


def test_a_scale_is_none_and_needs_no_revisions() -> None:
    change, world = make.make_change(), make.make_world(revisions=None)
    assert not is_rollback(change, world)


@pytest.mark.parametrize("kind", [REPLICA_SET])
def test_what_keeps_no_revisions_is_never_rolled_back(kind: Kind) -> None:
    assert not is_rollback(*to_template(OLD, kind=kind))


def test_revisions_that_were_not_read_are_missed() -> None:
    with pytest.raises(MissingFact, match="revisions"):
        is_rollback(*to_template(OLD, history=None))


def test_the_baseline_is_the_running_template_and_the_revision_returned_to() -> None:
    change, world = to_template(OLD)
    assert baseline_of([Effect.ROLLBACK], change, world) == {
        "template": digest(world.live.content["spec"]["template"]),
        "revision": "rs-1-uid",
    }


def test_of_two_revisions_alike_the_exact_and_then_the_newest_counts() -> None:
    twins = (make.make_revision(OLD, 1), make.make_revision(OLD, 3), make.make_revision(CURRENT, 4))
    change, world = to_template(OLD, history=twins)
    assert baseline_of([Effect.ROLLBACK], change, world)["revision"] == "rs-3-uid"
    alike = make.make_revision(wire.make_template("web:1", labels={"app": "web", "x": "y"}), 3)
    change, world = to_template(OLD, history=(HISTORY[0], alike, HISTORY[1]))
    assert baseline_of([Effect.ROLLBACK], change, world)["revision"] == "rs-1-uid"


def test_part_of_a_signed_template_is_not_covered() -> None:
    both = wire.make_template("web:1", nodeSelector={"disk": "ssd"})
    signed, world = to_template(both)
    requested, _ = to_template(OLD)
    assert list(uncovered(signed, requested, {Effect.ROLLBACK}, UNNARROWED, world)) == [
        "signed only together with: /spec/template/spec/nodeSelector"
    ]


def test_the_annotations_that_undo_restores_may_stay_away() -> None:
    signed, world = to_template(OLD, annotations={"team": "payments"})
    requested, _ = to_template(OLD)
    assert list(uncovered(signed, requested, {Effect.ROLLBACK}, UNNARROWED, world)) == []
    assert list(uncovered(requested, signed, {Effect.ROLLBACK}, UNNARROWED, world)) != []


# --- a revision gets pods by its ReplicaSet


def scaled(owners: list[dict[str, Any]], kind: Kind, old: int | None, new: int | None) -> frozenset[Effect]:
    before, after = wire.make_workload(kind, replicas=old), wire.make_workload(kind, replicas=new)
    for tree in (before, after):
        tree["metadata"]["ownerReferences"] = owners
    change, live = make.update(kind, before, after)
    return effects_of(change, make.make_world(live), Policies())


CONTROLLER = [{"kind": "Deployment", "uid": "a", "controller": True}]
counts, asked = st.none() | st.integers(0, 9), st.integers(0, 9)


@given(counts, asked)
def test_more_replicas_of_a_replica_set_with_a_controller_are_one(old: int | None, new: int) -> None:
    was = 1 if old is None else old
    assert (Effect.ROLLBACK in scaled(CONTROLLER, REPLICA_SET, old, new)) is (new > was)
    assert (Effect.SCALE_DOWN in scaled(CONTROLLER, REPLICA_SET, old, new)) is (new < was)


@given(counts, counts, st.sampled_from([[], [{"kind": "ConfigMap", "uid": "a"}]]))
def test_more_replicas_of_what_is_nobodys_are_none(old: int | None, new: int | None, owners: list[Any]) -> None:
    assert Effect.ROLLBACK not in scaled(owners, REPLICA_SET, old, new)


@pytest.mark.parametrize("kind", [DEPLOYMENT, STATEFUL_SET])
def test_more_replicas_of_any_other_workload_are_none(kind: Kind) -> None:
    assert scaled(CONTROLLER, kind, 1, 5) == frozenset()


def test_by_hand_a_replica_set_is_not_rolled_back() -> None:
    with pytest.raises(BadObject, match="propose -- kubectl scale"):
        rollback.render(make.make_world(make.make_live(REPLICA_SET)), 0)


# --- written by hand


def rendered(world: World, to_revision: int) -> Change:
    (change,) = render(Action.ROLLBACK, Parameters(to_revision=to_revision), world)
    return change


@pytest.mark.parametrize("kind", [DEPLOYMENT, STATEFUL_SET, DAEMON_SET])
def test_by_hand_it_is_what_rollout_undo_does(kind: Kind) -> None:
    requested, world = to_template(OLD, kind=kind)
    assert rendered(world, 1) == requested
    assert rendered(world, 0) == requested


def test_undo_of_a_deployment_takes_the_annotations_of_the_revision() -> None:
    live = make.make_live(DEPLOYMENT, wire.make_workload(annotations={"note": "new"}))
    earlier = make.make_revision(OLD, 1, annotations={"note": "old"})
    world = make.make_world(live, revisions=(earlier, HISTORY[1]))
    assert apply(live.content, rendered(world, 1).fields)["metadata"]["annotations"] == {"note": "old"}


@pytest.mark.parametrize(
    ("to_revision", "history", "field"),
    [
        (7, HISTORY, "spec.rollback.toRevision"),
        (2, HISTORY, "spec.rollback.toRevision"),
        (0, HISTORY[1:], "spec.rollback.toRevision"),
        (1, (), "spec.rollback.toRevision"),
    ],
    ids=["unknown", "the running one", "no earlier one", "no history"],
)
def test_by_hand_it_is_refused_where_it_does_not_apply(
    to_revision: int, history: tuple[Revision, ...], field: str
) -> None:
    with pytest.raises(BadObject) as refused:
        rendered(make.make_world(revisions=history), to_revision)
    assert refused.value.field == field


def test_what_is_rendered_applies_and_is_one() -> None:
    world = make.make_world(revisions=HISTORY)
    change = rendered(world, 1)
    verify_applies(change, world, "spec")
    assert is_rollback(change, world)


def test_nothing_without_revisions_can_be_rolled_back_by_hand() -> None:
    with pytest.raises(BadObject, match="keeps no revisions"):
        rollback.render(make.make_world(make.make_live(NODE)), 0)
