"""Where the line is: policies, and which of their lines a change touches.

A line applies if it applies to the old *or* to the new state: nobody leaves a policy's
reach by the very change that it would have gated.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from cutline.domain.actions import scale_down
from cutline.domain.change import Change, Verb
from cutline.domain.difference import apply
from cutline.domain.effect import Action, Effect, gating_actions
from cutline.domain.errors import MissingFact
from cutline.domain.kind import POLICY, Role
from cutline.domain.live import World
from cutline.domain.requirement import Requirement
from cutline.domain.selector import EVERYTHING, LabelSelector
from cutline.domain.tree import ABSENT, JsonObject, lookup

SCOPE_LABEL = "cutline.dev/line"


class Enforcement(StrEnum):
    """What a policy does about a change that nobody signed."""

    DENY = "Deny"
    WARN = "Warn"
    AUDIT = "Audit"


class OnDeny(StrEnum):
    """What follows a denial."""

    REFUSE = "Refuse"
    DRAFT = "Draft"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a policy: these actions, on these objects, need these signatures."""

    name: str
    actions: frozenset[Action]
    requirement: Requirement
    objects: LabelSelector = EVERYTHING
    takes_exemptions: bool = True


@dataclass(frozen=True, slots=True)
class Exemption:
    """What passes unsigned: these actions; a scale-down only if it leaves `never_below` replicas."""

    actions: frozenset[Action]
    never_below: int | None = None


@dataclass(frozen=True, slots=True)
class Policy:
    """A `ReversibilityPolicy`; `namespaces` is `None` where it selects no namespaces."""

    name: str
    enforcement: Enforcement
    namespaces: LabelSelector | None
    cluster: frozenset[str]
    lines: tuple[Line, ...]
    exemptions: tuple[Exemption, ...] = ()
    on_deny: OnDeny = OnDeny.REFUSE

    def selects_namespace(self, labels: Mapping[str, str]) -> bool:
        """Within namespaces that carry the scope label at all; others never reach the gate."""
        return self.namespaces is not None and SCOPE_LABEL in labels and self.namespaces.accepts(labels)


@dataclass(frozen=True, slots=True)
class Policies:
    """All policies as the watch last gave them.

    `broken` names those that cannot be read: they are not absent, so nothing that they
    might gate can be decided. `is_fresh` says that the watch is young enough to trust.
    """

    items: tuple[Policy, ...] = ()
    broken: tuple[str, ...] = ()
    is_fresh: bool = True


@dataclass(frozen=True, slots=True)
class MatchedLine:
    """A line that a change's effect crosses."""

    policy_name: str
    line_name: str
    policy: Policy = field(compare=False)
    line: Line

    @property
    def requirement(self) -> Requirement:
        return self.line.requirement


def _matched(policy: Policy, line: Line) -> MatchedLine:
    return MatchedLine(policy.name, line.name, policy, line)


def in_order(lines: Iterable[MatchedLine]) -> tuple[MatchedLine, ...]:
    """Each line once, by name; of two with one name both stay."""
    return tuple(sorted(set(lines), key=lambda one: (one.policy_name, one.line_name, one.requirement.describe())))


def denying(lines: Iterable[MatchedLine]) -> tuple[MatchedLine, ...]:
    """Those that refuse a change unless it is signed: the others are drawn only to be seen."""
    return tuple(line for line in lines if line.policy.enforcement is Enforcement.DENY)


def crossed_lines(
    change: Change, effects: Iterable[Effect], world: World, policies: Policies
) -> tuple[MatchedLine, ...]:
    """Every line that gates one of `effects` on this target, by name; exemptions applied."""
    actions = frozenset(action for effect in effects for action in gating_actions(effect))
    return in_order(
        _matched(policy, line)
        for policy in policies.items
        for line in policy.lines
        if line.actions & actions
        and any(_applies(policy, line, world, labels) for labels in label_states(change, world))
        and not (line.takes_exemptions and _is_exempt(policy, line.actions & actions, change, world))
    )


def lines_of(change: Change, effects: frozenset[Effect], world: World, policies: Policies) -> tuple[MatchedLine, ...]:
    """Every line that the change crosses by its effects, and every line that it leaves."""
    crossed = crossed_lines(change, effects - {Effect.LOOSENING}, world, policies)
    left = left_lines(change, world, policies) if Effect.LOOSENING in effects else ()
    return in_order((*crossed, *left))


def label_states(change: Change, world: World) -> tuple[Mapping[str, str], ...]:
    """The target's labels before the change, and after it where they differ."""
    after = labels_after(change, world)
    return (world.live.labels,) if after == world.live.labels else (world.live.labels, after)


def labels_after(change: Change, world: World) -> Mapping[str, str]:
    """The target's labels once the change has been made."""
    if not any(part.is_within("/metadata/labels") for part in change.fields):
        return world.live.labels
    labels = lookup(apply(world.live.content, change.fields), "/metadata/labels")
    return {} if labels is ABSENT else labels


def _applies(policy: Policy, line: Line, world: World, labels: Mapping[str, str]) -> bool:
    return reaches(policy, world) and line.objects.accepts(labels)


def reaches(policy: Policy, world: World) -> bool:
    """Whether the target stands where the policy draws its lines."""
    if world.live.kind.namespaced:
        if world.namespace is None:
            raise MissingFact(f"the namespace of {world.live.target} was not read")
        return policy.selects_namespace(world.namespace.labels)
    return world.live.kind.cluster_word in policy.cluster


def _is_exempt(policy: Policy, actions: frozenset[Action], change: Change, world: World) -> bool:
    """Whether the policy lets each of these actions pass unsigned for this change."""
    return all(
        any(
            action in exemption.actions and _within(exemption, action, change, world) for exemption in policy.exemptions
        )
        for action in actions
    )


def _within(exemption: Exemption, action: Action, change: Change, world: World) -> bool:
    if action is not Action.SCALE_DOWN or exemption.never_below is None:
        return True
    return scale_down.leaves_at_least(change, world, exemption.never_below)


def left_lines(change: Change, world: World, policies: Policies) -> tuple[MatchedLine, ...]:
    """The lines out of whose reach the change takes something: what a loosening is signed under."""
    match world.live.kind.role:
        case Role.NAMESPACE:
            left = [policy for policy in policies.items if _namespace_leaves(policy, change, world)]
            return _all_lines(left)
        case Role.POLICY:
            own = [policy for policy in policies.items if policy.name == world.live.target.name]
            return _all_lines(own) if _loosens_policy(change, world) else ()
        case Role.DEFINITION:
            return _all_lines(policies.items) if _touches_spec_or_ends(change) and _is_ours(world) else ()
        case _:
            return _lines_that_lose_their_object(change, world, policies)


def _is_ours(world: World) -> bool:
    return world.live.target.name.endswith(f".{POLICY.group}")


def _all_lines(policies: Iterable[Policy]) -> tuple[MatchedLine, ...]:
    return in_order(_matched(policy, line) for policy in policies for line in policy.lines)


def _namespace_leaves(policy: Policy, change: Change, world: World) -> bool:
    return policy.selects_namespace(world.live.labels) and not policy.selects_namespace(labels_after(change, world))


def _touches_spec_or_ends(change: Change) -> bool:
    return change.verb is not Verb.UPDATE or any(part.is_within("/spec") for part in change.fields)


def _lines_that_lose_their_object(change: Change, world: World, policies: Policies) -> tuple[MatchedLine, ...]:
    after = labels_after(change, world)
    if after == world.live.labels:
        return ()
    return in_order(
        _matched(policy, line)
        for policy in policies.items
        for line in policy.lines
        if _applies(policy, line, world, world.live.labels) and not _applies(policy, line, world, after)
    )


def _loosens_policy(change: Change, world: World) -> bool:
    """Whether a policy demands less afterwards; what is not plainly stricter counts as looser."""
    if not _touches_spec_or_ends(change):
        return False
    if change.verb is not Verb.UPDATE:
        return True
    before = world.live.content.get("spec") or {}
    after = apply(world.live.content, change.fields).get("spec") or {}
    return not _is_stricter(before, after)


def _is_stricter(before: JsonObject, after: JsonObject) -> bool:
    same_reach = before.get("where") == after.get("where")
    denies = after.get("enforcement") in (before.get("enforcement"), Enforcement.DENY.value)
    exempts_no_more = all(item in (before.get("exempt") or []) for item in after.get("exempt") or [])
    new_lines = {line.get("name"): line for line in after.get("lines") or []}
    keeps_lines = all(_line_is_stricter(line, new_lines.get(line.get("name"))) for line in before.get("lines") or [])
    return same_reach and denies and exempts_no_more and keeps_lines


def _line_is_stricter(before: JsonObject, after: JsonObject | None) -> bool:
    """The same line, or the same with more actions or more approvals."""
    if after is None:
        return False
    loose = {"actions", "require"}
    rest_is_same = {k: v for k, v in before.items() if k not in loose} == {
        k: v for k, v in after.items() if k not in loose
    }
    old, new = before.get("require") or {}, after.get("require") or {}
    require_is_same = {k: v for k, v in old.items() if k != "approvals"} == {
        k: v for k, v in new.items() if k != "approvals"
    }
    return (
        rest_is_same
        and require_is_same
        and set(before.get("actions") or ()) <= set(after.get("actions") or ())
        and old.get("approvals", 1) <= new.get("approvals", 1)
    )


def may_leave_lines(change: Change, world: World) -> bool:
    """Whether a change could be a loosening under policies that nobody has seen."""
    if change.removes_pod:
        return False
    rules = world.live.kind.role in (Role.NAMESPACE, Role.POLICY, Role.DEFINITION)
    return rules or labels_after(change, world) != world.live.labels
