"""A proposal of several changes: nothing that a proposer brings pushes a target off the screen."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cutline.domain.change import Change, End, Verb
from cutline.domain.difference import Field
from cutline.domain.effect import Action, Effect
from cutline.domain.kind import DEPLOYMENT
from cutline.domain.live import live_of
from cutline.domain.proposal import SignedChange
from cutline.domain.target import Target
from cutline.domain.text import visible
from cutline.domain.tree import ABSENT
from cutline_cli.live_target import LiveTarget, LiveTargets, main_entry
from cutline_cli.rejections import Rejection
from cutline_cli.rendering.advice import next_command
from cutline_cli.rendering.screen import View, screen
from cutline_cli.standing import Record, phase_of, standing_now
from cutline_cli.visible import columns
from tests.cli.samples import AGENT, HUMANS, NOW, SAM, deployment, entry, eviction, live, mark, record, update

_HINT = "kubectl cutline diff scaledown-checkout -n shop"
_NOISE = Field("/metadata/annotations", ABSENT, {f"a{number}": "x" for number in range(12)})
# What was found: the annotations filled the screen, and nobody saw that zdb ends.
_HIDDEN = (
    entry(update(_NOISE, Field("/spec/replicas", 4, 3)), Effect.SCALE_DOWN),
    entry(update(Field("/spec/replicas", 3, 0), name="zdb"), Effect.SCALE_DOWN),
)
_CORDON = mark(Field("/spec/unschedulable", ABSENT, True))


def made(*changes: SignedChange, action: Action = Action.SCALE_DOWN) -> Record:
    return record(changes=changes, action=action)


def drawn(
    *changes: SignedChange,
    action: Action = Action.SCALE_DOWN,
    targets: LiveTargets | None = None,
    rejections: tuple[Rejection, ...] | None = (),
) -> list[str]:
    subject = made(*changes, action=action)
    seen = targets or LiveTargets({one.change.target: LiveTarget(live(), drift=()) for one in changes})
    view = View(subject, standing_now(subject, HUMANS, NOW), seen, SAM, HUMANS, NOW, rejections)
    return [line.text for line in screen(view)]


def section(lines: list[str], label: str) -> list[str]:
    """The lines under a label, without it."""
    start = next(index for index, line in enumerate(lines) if line.startswith(label))
    part = [lines[start]]
    for line in lines[start + 1 :]:
        if not line.startswith(" " * 9):
            break
        part.append(line)
    return [line[9:] for line in part]


def the_change(lines: list[str]) -> list[str]:
    start = lines.index("THE CHANGE, as the gate has rendered it")
    return lines[start + 1 : lines.index("", start)]


def test_a_second_target_cannot_hide_behind_the_annotations_of_the_first() -> None:
    lines = drawn(*_HIDDEN)
    assert lines[0] == "ScaleDown of deployment/checkout and 1 other object: Pending, signed 0/2"
    assert the_change(lines) == [
        "ScaleDown of deployment/checkout (shop), replicas 4 -> 3, 1 field rides along",
        "ScaleDown of deployment/zdb (shop), replicas 3 -> 0",
        "deployment/checkout (shop), uid d-1",
        "@ spec.replicas",
        "- 4",
        "+ 3",
        "@ metadata.annotations (rides along)",
        "+ a0: x",
        "+ a1: x",
        "+ a10: x",
        "~ … 9 more lines of this",
        f"… 9 more lines: {_HINT}",
        "deployment/zdb (shop), uid d-1",
        "@ spec.replicas",
        "- 3",
        "+ 0",
    ]
    assert section(lines, "touches") == [
        "deployment/checkout (shop): ends 1 of 4 pods; the controller chooses",
        "which",
        "deployment/zdb (shop): ends 3 of 3 pods; the controller chooses which",
    ]
    assert section(lines, "undo") == [
        "kubectl scale deployment/checkout -n shop --replicas=4",
        "deployment/checkout (shop): put its other old values back",
        "kubectl scale deployment/zdb -n shop --replicas=3",
    ]


_words = st.text(st.characters(codec="utf-8", exclude_characters="\n"), min_size=1, max_size=400)
_fields = st.dictionaries(
    st.sampled_from(["/metadata/annotations", "/metadata/labels", "/spec/paused", "/spec/template/spec/containers"])
    | _words.map(lambda text: "/" + text.replace("~", "~0")),
    st.one_of(_words, st.lists(_words, max_size=40), st.dictionaries(_words, _words, max_size=40)),
    max_size=6,
)


@given(st.lists(_fields, min_size=1, max_size=9))
def test_every_entry_is_told_before_any_detail_whatever_it_carries(brought: list[dict[str, object]]) -> None:
    changes = [
        entry(
            update(
                Field("/spec/replicas", 9, number),
                *(Field(path, ABSENT, value) for path, value in fields.items()),
                name=f"web-{number}",
            ),
            Effect.SCALE_DOWN,
        )
        for number, fields in enumerate(brought)
    ]
    lines = the_change(drawn(*changes))
    for number, line in enumerate(lines[: len(changes)]):
        assert line.startswith(f"ScaleDown of deployment/web-{number} (shop), replicas 9 -> {number}")
    # Of each the count stands in the details too, as the first of them.
    for number in range(len(changes)):
        start = lines.index(f"deployment/web-{number} (shop), uid d-1")
        assert lines[start + 1 : start + 4] == ["@ spec.replicas", "- 9", f"+ {number}"]
    assert all(columns(visible(line)) <= 80 or line.startswith("… ") for line in lines)


def test_no_number_of_entries_is_too_large_to_be_told() -> None:
    changes = [
        entry(update(Field("/spec/replicas", 3, 0), name=f"web-{number}"), Effect.SCALE_DOWN) for number in range(64)
    ]
    told = [line for line in drawn(*changes) if line.startswith("ScaleDown of deployment/web-")]
    assert len(told) == 64


def test_an_entry_without_any_effect_is_told_too() -> None:
    harmless = entry(update(Field("/metadata/annotations/a", "1", "2"), name="zdb"))
    lines = the_change(drawn(_HIDDEN[0], harmless))
    assert "No known effect: change of deployment/zdb (shop), 1 field rides along" in lines
    assert "@ metadata.annotations.a (rides along)" in lines


def test_the_evictions_of_a_drain_stand_together_with_every_name() -> None:
    pods = [f"web-{number}" for number in range(30)]
    lines = the_change(drawn(_CORDON, *map(eviction, pods), action=Action.DRAIN))
    assert lines[0] == "Drain of node/node-1, unschedulable none -> true"
    assert lines[1] == "PodRemoval: 30 pods are evicted:"
    named = " ".join(line for line in lines if line.startswith("  ")).replace(",", "").split()
    assert named == [f"shop/{name}" for name in pods]
    assert lines[-3:] == ["node/node-1, uid n-1", "@ spec.unschedulable", "+ true"]


def test_pods_that_end_differently_do_not_stand_together() -> None:
    harsh = [eviction(f"db-{number}", End(0)) for number in range(2)]
    lines = the_change(drawn(eviction("web-0"), *harsh, action=Action.RESTART))
    assert lines[:3] == [
        "PodRemoval: pod/web-0 (shop) is evicted",
        "PodRemoval: 2 pods are evicted, with 0s of grace:",
        "  shop/db-0, shop/db-1",
    ]


def test_a_drain_touches_and_undoes_what_it_did_before() -> None:
    lines = drawn(_CORDON, *(eviction(f"web-{number}") for number in range(8)), action=Action.DRAIN)
    assert section(lines, "touches") == [
        "ends 8 pods: shop/web-0, shop/web-1, shop/web-2, shop/web-3,",
        "shop/web-4, shop/web-5 and 2 more",
    ]
    assert section(lines, "undo") == [
        "kubectl uncordon node-1",
        "(evicted pods stay gone; their owners make new ones)",
    ]


def test_what_acts_is_shown_first_and_the_rest_is_marked() -> None:
    change = update(
        Field("/metadata/annotations/a", ABSENT, "1"),
        Field("/metadata/labels/tier", "web", "db"),
        Field("/spec/paused", ABSENT, True),
        Field("/spec/replicas", 4, 3),
        Field("/spec/template/spec/containers", [{"image": "a"}], [{"image": "b"}]),
    )
    shown = [line for line in the_change(drawn(entry(change, Effect.SCALE_DOWN))) if line.startswith("@")]
    assert shown == [
        "@ spec.replicas",
        "@ spec.template.spec.containers (rides along)",
        "@ metadata.labels.tier (rides along)",
        "@ spec.paused (rides along)",
    ]
    both = the_change(drawn(entry(change, Effect.SCALE_DOWN, Effect.ROLLBACK)))
    assert "@ spec.template.spec.containers" in both
    assert both[:2] == ["Rollback+ScaleDown of deployment/checkout (shop), replicas 4 -> 3, 3 fields", "  ride along"]


@pytest.mark.parametrize(
    ("change", "effect"),
    [
        (Field("/spec/taints", ABSENT, [{"key": "k", "effect": "NoExecute"}]), Effect.DRAIN),
        (Field("/metadata/ownerReferences", ABSENT, [{"uid": "u"}]), Effect.SCALE_DOWN),
        (Field("/metadata/labels/app", "web", "other"), Effect.POD_REMOVAL),
        (Field("/metadata/annotations/deployment.kubernetes.io~1max-replicas", "5", "9"), Effect.SCALE_DOWN),
        (Field("/metadata/labels/cutline.dev~1line", "production", ABSENT), Effect.LOOSENING),
        (Field("/metadata/annotations", ABSENT, {"deprecated.deployment.rollback.to": "1"}), Effect.ROLLBACK),
        (Field("/spec/anything", ABSENT, "a cause that nobody thought of here"), Effect.SCALE_DOWN),
        (Field("/spec/anything", ABSENT, "an effect of a newer gate"), Effect.CUSTOM),
    ],
)
def test_what_brings_an_effect_about_never_rides_along(change: Field, effect: Effect) -> None:
    assert not [line for line in drawn(entry(update(change), effect)) if "(rides along)" in line]


@pytest.mark.parametrize(
    ("deadly", "target", "effect"),
    [
        (
            Field("/spec/tolerations", ABSENT, [{"key": "k", "tolerationSeconds": 1}]),
            Target("", "Pod", "shop", "web-1", "u"),
            Effect.POD_REMOVAL,
        ),
        (Field("/status/phase", ABSENT, "Failed"), Target("", "Pod", "shop", "web-1", "u"), Effect.POD_REMOVAL),
        (
            Field("/status/conditions/Ready", "True", "False"),
            Target("", "Node", "", "node-1", "u"),
            Effect.DRAIN,
        ),
    ],
)
def test_the_field_that_ends_a_pod_is_not_told_as_one_that_rides_along(
    deadly: Field, target: Target, effect: Effect
) -> None:
    # Beside another that acts: what acts alone is never said to ride along, known or not.
    owners = Field("/metadata/ownerReferences", ABSENT, [{"uid": "u"}])
    note = Field("/metadata/annotations/note", ABSENT, "x")
    lines = the_change(drawn(entry(Change(target, Verb.UPDATE, (note, owners, deadly)), effect)))
    assert [line for line in lines if "(rides along)" in line] == ["@ metadata.annotations.note (rides along)"]


def test_pods_of_an_old_revision_are_said_to_take_the_place_of_others() -> None:
    up, note = Field("/spec/replicas", 0, 5), Field("/metadata/annotations/note", ABSENT, "x")
    lines = drawn(entry(update(up, note, kind="ReplicaSet"), Effect.ROLLBACK), action=Action.ROLLBACK)
    assert section(lines, "touches") == ["its pods start or change; its Deployment may end others for them"]
    assert [line for line in lines if "(rides along)" in line and "note" in line]
    assert not [line for line in lines if "(rides along)" in line and "replicas" in line]


def test_labels_that_let_a_replica_set_go_do_not_ride_along() -> None:
    down, label = Field("/spec/replicas", 5, 3), Field("/metadata/labels/app", "web", ABSENT)
    lines = drawn(entry(update(down, label, kind="ReplicaSet"), Effect.SCALE_DOWN))
    assert not [line for line in lines if "(rides along)" in line]


def test_other_labels_of_a_pod_may_end_another_pod() -> None:
    pod = Target("", "Pod", "shop", "alone", "uid-alone")
    change = Change(pod, Verb.UPDATE, (Field("/metadata/labels/app", ABSENT, "checkout"),))
    lines = drawn(entry(change, Effect.POD_REMOVAL), action=Action.RESTART)
    assert section(lines, "touches") == ["may end this pod, or another that its labels put beside it"]


def test_a_template_that_rides_along_touches_every_pod() -> None:
    change = update(
        Field("/spec/replicas", 6, 5), Field("/spec/template/spec/containers", [{"image": "a"}], [{"image": "b"}])
    )
    lines = drawn(entry(change, Effect.SCALE_DOWN))
    assert section(lines, "touches") == [
        "ends 1 of 6 pods; the controller chooses which",
        "replaces every pod of the workload (6 now)",
    ]
    assert section(lines, "undo")[:2] == [
        "kubectl rollout undo deployment/checkout -n shop",
        "kubectl scale deployment/checkout -n shop --replicas=6",
    ]


def test_a_long_old_value_does_not_push_the_new_one_out() -> None:
    change = update(Field("/spec/template/metadata/labels/a", "o" * 9000, "n" * 9000))
    lines = the_change(drawn(entry(change, Effect.ROLLBACK), action=Action.ROLLBACK))
    assert any(line.startswith('- "ooo') for line in lines)
    assert any(line.startswith('+ "nnn') for line in lines)
    assert sum(line.startswith("~ … ") for line in lines) == 2
    assert len(lines) <= 17


def test_many_steps_back_are_not_listed() -> None:
    changes = [
        entry(update(Field("/spec/replicas", 3, 0), name=f"web-{number}"), Effect.SCALE_DOWN) for number in range(6)
    ]
    assert section(drawn(*changes), "undo") == ["6 steps, back to the old values that you see with", _HINT]


def test_now_tells_of_five_targets_and_counts_the_others() -> None:
    targets = {
        Target("apps", "Deployment", "shop", f"web-{number}", "u"): LiveTarget(live(), drift=()) for number in range(7)
    }
    lines = section(drawn(*_HIDDEN, targets=LiveTargets(targets, unread=3)), "now")
    assert sum(line.startswith("deployment/web-") for line in lines) == 5
    assert lines[-3:] == [
        "and 2 more targets",
        "and 3 pods, not looked at: they come and go",
        "as they were when this was proposed",
    ]


def test_any_targets_drift_is_the_proposals() -> None:
    first, second = (one.change.target for one in _HIDDEN)
    drifted = LiveTargets(
        {first: LiveTarget(live(), drift=()), second: LiveTarget(live_of(DEPLOYMENT, deployment(1)), drift=("moved",))}
    )
    text = "\n".join(drawn(*_HIDDEN, targets=drifted))
    assert "DRIFTED  deployment/zdb (shop): moved: approvals no longer count" in text
    unknown = LiveTargets({first: LiveTarget(live(), drift=()), second: LiveTarget(None, "you may not read it")})
    assert unknown.drift is None
    assert "as they were" not in "\n".join(drawn(*_HIDDEN, targets=unknown))


def test_no_single_command_is_offered_for_several_changes() -> None:
    subject = made(*_HIDDEN)
    standing = standing_now(subject, HUMANS, NOW)
    assert main_entry(subject) == _HIDDEN[0]
    offered = next_command(subject, phase_of(subject, standing).APPROVED, standing.counted.narrowing, AGENT)
    assert offered == "run the command that was proposed"


def test_the_end_of_a_node_is_told_and_has_no_way_back() -> None:
    gone = entry(Change(Target("", "Node", "", "node-1", "n-1"), Verb.DELETE, end=End()), Effect.DRAIN)
    lines = drawn(gone, _HIDDEN[1], action=Action.DRAIN)
    assert the_change(lines)[0] == "Drain: node/node-1 is deleted"
    assert section(lines, "touches")[0] == "node/node-1: ends every pod on the node"
    assert section(lines, "undo")[0].startswith("node/node-1: not possible: what is gone is gone")


def test_an_earlier_rejection_is_said() -> None:
    twelve_minutes_ago = NOW - timedelta(minutes=12)
    rejections = (Rejection("fewer", "alice", twelve_minutes_ago), Rejection("least", "sam", twelve_minutes_ago))
    lines = drawn(*_HIDDEN, rejections=rejections[:1])
    assert section(lines, "before") == ["rejected by alice in proposal fewer, 12m ago"]
    lines = drawn(*_HIDDEN, rejections=rejections)
    assert section(lines, "before") == ["rejected by alice in proposal fewer, 12m ago; and 1 more rejection"]
    assert section(drawn(*_HIDDEN, rejections=None), "before") == [
        "unknown: you may not list the proposals here",
    ]
    assert not [line for line in drawn(*_HIDDEN) if line.startswith("before")]
