"""The status of a policy: whether it is in force as written, and how much it selects. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cutline.api.policies import policy_of
from cutline.domain.errors import BadObject
from cutline.domain.kind import NODE
from cutline.domain.policy import Policy
from cutline.domain.recognised import gates_nothing, unrecognised
from cutline.domain.tree import JsonObject
from cutline_operator.statuses import Condition, Truth, conditions_as_trees


@dataclass(frozen=True, slots=True)
class Selectable:
    """What policies may select: the labels of each namespace in scope, and how many nodes there are."""

    namespaces: tuple[Mapping[str, str], ...]
    nodes: int


def policy_status(tree: JsonObject, selectable: Selectable, now: datetime) -> dict[str, Any]:
    """The status of the policy that `tree` is."""
    before = tree.get("status") or {}
    generation = int(tree["metadata"].get("generation") or 0)
    try:
        policy = policy_of(tree)
    except BadObject as error:
        # It is not absent: while it cannot be read, the gate decides nothing that it might gate.
        ready = Condition("Ready", Truth.FALSE, "Unreadable", f"{error}; until then gated changes are undecided")
        return {"conditions": conditions_as_trees((ready,), before, generation, now)}
    namespaces = sum(policy.selects_namespace(labels) for labels in selectable.namespaces)
    nodes = selectable.nodes if NODE.cluster_word in policy.cluster else 0
    condition = _ready(policy, namespaces)
    return {
        "conditions": conditions_as_trees((condition,), before, generation, now),
        "selectedNamespaces": namespaces,
        "selectedNodes": nodes,
    }


def _ready(policy: Policy, namespaces: int) -> Condition:
    idle = "".join(f"; {text}" for text in unrecognised(policy))
    if gates_nothing(policy):
        return Condition("Ready", Truth.FALSE, "NothingRecognised", f"it gates nothing{idle}")
    if not namespaces and not policy.cluster:
        return Condition("Ready", Truth.TRUE, "SelectsNothing", f"in force, but it selects no namespace so far{idle}")
    return Condition("Ready", Truth.TRUE, "InForce", f"in force with enforcement {policy.enforcement.value}{idle}")
