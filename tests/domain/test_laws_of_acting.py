"""Laws of the fields that bring an effect about: what is told of them misses none that is recognised."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cutline.domain.actions import drain, loosening, ownership, pod_removal, rollback, scale_down
from cutline.domain.change import Change, Verb
from cutline.domain.difference import Field, apply, difference
from cutline.domain.effect import Effect
from cutline.domain.effects import MODELS, effects_of
from cutline.domain.kind import DEFINITION, DEPLOYMENT, KINDS, NODE, POD, REPLICA_SET, Kind, Role
from cutline.domain.live import World, live_of
from cutline.domain.normal_form import SHARE_ANNOTATIONS
from cutline.domain.policy import Policies
from cutline.domain.tree import ABSENT
from tests import builders as make
from tests import strategies as some
from tests import wire

_POLICIES = Policies((*some.GATES_ALL.items, make.make_policy(name="more")))
_ORDER = "deprecated.deployment.rollback.to"


def _paths() -> Iterator[str]:
    """Every path that a model of an effect names, so that a new one is tested without a word here."""
    for module in (drain, loosening, ownership, pod_removal, rollback, scale_down):
        for value in vars(module).values():
            for one in value if isinstance(value, tuple) else (value,):
                if isinstance(one, str) and one.startswith("/"):
                    yield one


_PATHS = sorted(
    {*_paths(), "/metadata/labels/cutline.dev~1line", "/metadata/labels/app", f"/metadata/annotations/{_ORDER}"}
    | {"/spec/enforcement", "/spec/versions", "/metadata/annotations/note", "/spec/note"}
)
_counts, _texts = st.integers(0, 4), st.sampled_from(["a", "b"])
_marks = st.lists(
    st.fixed_dictionaries(
        {"key": _texts, "effect": st.sampled_from(["NoExecute", "NoSchedule"])}, optional={"tolerationSeconds": _counts}
    ),
    max_size=2,
)
_VALUES: dict[str, st.SearchStrategy[Any]] = {
    "/spec/taints": _marks,
    "/spec/tolerations": _marks,
    "/spec/template/spec/tolerations": _marks,
    "/spec/template": some.templates,
    "/spec/unschedulable": st.booleans(),
    "/status/phase": st.sampled_from(["Succeeded", "Failed"]),
    "/status/conditions/Ready": st.sampled_from(["True", "False", "Unknown"]),
    "/metadata/labels": some.labels,
    "/metadata/annotations": st.dictionaries(st.sampled_from([_ORDER, *SHARE_ANNOTATIONS, "note"]), _texts),
    "/metadata/ownerReferences": st.lists(st.fixed_dictionaries({"uid": _texts}), max_size=1),
    "/spec/template/spec/nodeSelector": st.dictionaries(_texts, _texts, max_size=1),
    "/spec/ordinals": st.fixed_dictionaries({"start": _counts}),
}
_NUMBERS = ("/spec/replicas", "/spec/activeDeadlineSeconds", "/spec/revisionHistoryLimit")


# What is sure to mean nothing elsewhere, so that it is tried where it may mean something.
_ONLY = {
    Role.NODE: ("/spec/taints", "/spec/unschedulable", "/status/conditions"),
    Role.POD: ("/spec/tolerations", "/spec/activeDeadlineSeconds", "/status/phase"),
    Role.WORKLOAD: ("/spec/template", "/spec/ordinals", "/spec/replicas", "/spec/revisionHistoryLimit"),
}


def _paths_of(kind: Kind) -> st.SearchStrategy[str]:
    """Half of them those of the kind alone."""
    elsewhere = tuple(path for role, paths in _ONLY.items() if role is not kind.role for path in paths)
    possible = [path for path in _PATHS if not path.startswith(elsewhere)]
    own = [path for path in possible if path.startswith(_ONLY.get(kind.role, "/"))]
    return st.sampled_from(own) | st.sampled_from(possible)


def _value(path: str) -> st.SearchStrategy[Any]:
    usual = _counts if path in _NUMBERS else _texts
    return st.one_of(st.just(ABSENT), *(2 * [_VALUES.get(path, usual)]))


def _tree(kind: Kind) -> st.SearchStrategy[dict[str, Any]]:
    if kind is DEFINITION:
        return st.just({"metadata": {"name": "signoffs.cutline.dev", "uid": "crd-uid"}, "spec": {"versions": []}})
    if kind is POD:
        return st.sampled_from(["", "ReplicaSet"]).map(lambda owner: wire.make_pod(owner=owner))
    return some.trees(kind)


@st.composite
def _updates(draw: st.DrawFn) -> tuple[Change, World]:
    """An object of any kind in which some of the fields change that anything could depend on."""
    kind = draw(st.sampled_from((*KINDS, NODE, POD, REPLICA_SET)))
    tree = draw(_tree(kind))
    if kind is REPLICA_SET and draw(st.booleans()):
        tree["metadata"]["ownerReferences"] = [{"kind": "Deployment", "uid": "d", "controller": True}]
    live = live_of(kind, tree)
    paths = draw(st.lists(_paths_of(kind), min_size=1, max_size=4, unique=True))
    before = tuple(Field(path, ABSENT, draw(_value(path))) for path in paths if draw(st.booleans()))
    live = replace(live, content=apply(live.content, before))
    after = apply(live.content, tuple(Field(path, ABSENT, draw(_value(path))) for path in paths))
    revisions = (make.make_revision(wire.make_template("web:1"), 1), make.make_revision(wire.make_template("web:2"), 2))
    world = make.make_world(live, revisions=revisions)
    return Change(live.target, Verb.UPDATE, difference(live.content, after)), world


def _missed(change: Change, world: World) -> list[tuple[Effect, str]]:
    """The fields with which alone an effect is there, or without which it is not, that are said not to act."""
    there = effects_of(change, world, _POLICIES)
    missed = []
    for field in change.fields:
        alone = effects_of(replace(change, fields=(field,)), world, _POLICIES)
        without = effects_of(replace(change, fields=tuple(f for f in change.fields if f != field)), world, _POLICIES)
        missed += [
            (effect, field.path)
            for effect in alone | (there - without)
            if not MODELS[effect].acts(field, change.target.kind_row)
        ]
    return missed


@settings(max_examples=1500)
@given(_updates())
def test_no_field_that_brings_an_effect_about_is_said_to_ride_along(situation: tuple[Change, World]) -> None:
    assert _missed(*situation) == []


@pytest.mark.parametrize(
    ("kind", "field", "effect"),
    [
        (
            POD,
            Field("/spec/tolerations", [{"key": "a"}], [{"key": "a", "tolerationSeconds": 1}]),
            Effect.POD_REMOVAL,
        ),
        (POD, Field("/status/phase", ABSENT, "Failed"), Effect.POD_REMOVAL),
        (NODE, Field("/status/conditions/Ready", "True", "Unknown"), Effect.DRAIN),
        (DEPLOYMENT, Field("/spec/replicas", 5, 3), Effect.SCALE_DOWN),
    ],
)
def test_what_kills_a_pod_acts(kind: Kind, field: Field, effect: Effect) -> None:
    live = make.make_live(kind)
    live = replace(live, content=apply(live.content, (Field(field.path, ABSENT, field.old),)))
    change = Change(live.target, Verb.UPDATE, (field,))
    assert effects_of(change, make.make_world(live), _POLICIES) == {effect}
    assert MODELS[effect].acts(field, kind)
    assert not MODELS[effect].acts(Field("/metadata/annotations/note", ABSENT, "x"), kind)
