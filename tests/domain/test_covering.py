"""What was signed is used whole or less, never as something else; and however much is asked, soon told."""

import pytest

from cutline.domain.change import Change, End, Verb
from cutline.domain.covering import uncovered
from cutline.domain.difference import Field
from cutline.domain.effect import Effect
from cutline.domain.effects import effects_of
from cutline.domain.kind import DAEMON_SET, NODE, POD, STATEFUL_SET
from cutline.domain.live import Live, World
from cutline.domain.narrowing import UNNARROWED, Narrowing
from cutline.domain.policy import Policies
from cutline.domain.tree import ABSENT
from tests import builders as make
from tests import wire

IMAGE = Field("/spec/template/spec/containers", ["v2"], ["v1"])
ONE_POD = Narrowing(pods=frozenset({"shop/web-1"}))


def objections(
    signed: Change, requested: Change, *effects: Effect, narrowing: Narrowing = UNNARROWED, world: World | None = None
) -> list[str]:
    return list(uncovered(signed, requested, effects, narrowing, world or make.make_world()))


def test_the_safe_half_of_what_was_signed_is_not_left_out() -> None:
    safe = (Field("/spec/paused", ABSENT, True), Field("/spec/replicas", 4, 8))
    signed = make.make_change(None, IMAGE, *safe)
    assert objections(signed, signed, Effect.ROLLBACK) == []
    assert objections(signed, make.make_change(None, IMAGE), Effect.ROLLBACK) == [
        "signed only together with: /spec/paused, /spec/replicas"
    ]


def test_the_annotations_that_an_undo_restores_may_stay_away() -> None:
    signed = make.make_change(None, IMAGE, Field("/metadata/annotations/note", ABSENT, "x"))
    assert objections(signed, make.make_change(None, IMAGE), Effect.ROLLBACK) == []


def test_a_signed_scale_down_covers_no_scale_up() -> None:
    signed = make.make_change(None, IMAGE, Field("/spec/replicas", 4, 2))
    more = make.make_change(None, IMAGE, Field("/spec/replicas", 4, 9))
    assert objections(signed, more, Effect.ROLLBACK, Effect.SCALE_DOWN) == ["signed with other values: /spec/replicas"]


@pytest.mark.parametrize(
    ("field", "verb"),
    [
        (Field("/spec/taints", ABSENT, [{"key": "bad", "effect": "NoExecute"}]), Verb.UPDATE),
        (Field("/status/conditions/Ready", "True", "False"), Verb.UPDATE),
        (None, Verb.DELETE),
    ],
)
def test_whoever_allows_single_pods_alone_does_not_empty_the_node(field: Field | None, verb: Verb) -> None:
    live = make.make_live(NODE)
    end = End() if field is None else None
    change = make.make_change(live, *([] if field is None else [field]), verb=verb, end=end)
    world = make.make_world(live)
    assert objections(change, change, Effect.DRAIN, world=world) == []
    assert len(objections(change, change, Effect.DRAIN, narrowing=ONE_POD, world=world)) == 1


def test_whoever_allows_single_pods_alone_lets_the_node_be_cordoned() -> None:
    live = make.make_live(NODE)
    change = make.make_change(live, Field("/spec/unschedulable", ABSENT, True))
    assert objections(change, change, Effect.DRAIN, narrowing=ONE_POD, world=make.make_world(live)) == []


def test_a_narrowed_count_is_not_passed_by_with_ordinals() -> None:
    live = make.make_live(STATEFUL_SET)
    change = make.make_change(live, Field("/spec/ordinals/start", ABSENT, 3))
    world = make.make_world(live)
    assert objections(change, change, Effect.SCALE_DOWN, world=world) == []
    assert objections(change, change, Effect.SCALE_DOWN, narrowing=Narrowing(replicas=3), world=world) == [
        "the signers set a number of replicas, and this takes pods away by other means"
    ]


# A minute is ten times what a slow machine takes for these, and a tenth of what one comparison of each with each takes.
MANY = 60_000


def annotations(first: int, count: int) -> list[Field]:
    return [Field(f"/metadata/annotations/{number}", ABSENT, "") for number in range(first, first + count)]


@pytest.mark.timeout(60)
def test_tens_of_thousands_of_fields_are_compared_once_and_few_of_them_told() -> None:
    signed = make.make_change(None, *annotations(0, MANY))
    (found,) = objections(signed, make.make_change(None, *annotations(MANY, MANY)), Effect.SCALE_DOWN)
    assert len(found) < 500
    assert f"and {MANY - 8} more" in found


@pytest.mark.timeout(60)
def test_tens_of_thousands_of_owners_are_looked_at_once() -> None:
    owners = [{"kind": "ConfigMap", "name": f"{number}", "uid": f"{number}"} for number in range(MANY)]
    pod = wire.make_pod()
    pod["metadata"]["ownerReferences"] = [*owners, {"kind": "Job", "name": "last", "uid": "last", "controller": True}]
    live = make.make_live(POD, pod)
    labels = [Field(f"/metadata/labels/{number}", ABSENT, "") for number in range(MANY)]
    assert effects_of(make.make_change(live, *labels), make.make_world(live), Policies()) == frozenset()


BEFORE = [{"key": f"{number}", "effect": "NoExecute"} for number in range(MANY)]


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    ("live", "path"),
    [
        (make.make_live(POD, wire.make_pod(tolerations=BEFORE)), "/spec/tolerations"),
        (make.make_live(NODE, wire.make_node(taints=BEFORE)), "/spec/taints"),
        (
            make.make_live(DAEMON_SET, wire.make_workload(DAEMON_SET, template={"spec": {"tolerations": BEFORE}})),
            "/spec/template/spec/tolerations",
        ),
    ],
    ids=["pod", "node", "daemon set"],
)
def test_lists_of_tens_of_thousands_are_compared_by_what_they_hold(live: Live, path: str) -> None:
    harmless = Field(path, BEFORE, [*BEFORE, {"key": "more", "effect": "NoSchedule"}])
    assert effects_of(make.make_change(live, harmless), make.make_world(live), Policies()) == frozenset()
