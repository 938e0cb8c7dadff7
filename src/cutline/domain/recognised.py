"""What a policy names and this version does not recognise yet.

The vocabulary of policies is larger than what the gate can tell: a policy may be written for what is to come.
Until then such changes pass, and whoever wrote it has to be told.
"""

from collections.abc import Iterator

from cutline.domain.effect import gating_actions
from cutline.domain.effects import MODELS
from cutline.domain.kind import NODE
from cutline.domain.policy import Policy

ACTIONS = frozenset(action for effect in MODELS for action in gating_actions(effect))
# Of what stands in no namespace. That of namespaces and definitions which is judged, a loosening, is under every
# policy that is being left, whatever its where.cluster says.
CLUSTER = frozenset({NODE.cluster_word})


def unrecognised(policy: Policy) -> tuple[str, ...]:
    """Sentences for people: lines of which no action is recognised, and a where.cluster of which no kind is."""
    return (*_of_lines(policy), *_of_cluster(policy))


def gates_nothing(policy: Policy) -> bool:
    """Whether nothing that this version recognises can cross any line of the policy."""
    is_somewhere = policy.namespaces is not None or bool(policy.cluster & CLUSTER)
    return not is_somewhere or not any(line.actions & ACTIONS for line in policy.lines)


def _of_lines(policy: Policy) -> Iterator[str]:
    idle = [line for line in policy.lines if not line.actions & ACTIONS]
    if not idle:
        return
    actions = ", ".join(sorted({action for line in idle for action in line.actions}))
    lines = ", ".join(line.name for line in idle)
    yield f"{actions} not recognised by this version yet, so such changes pass ({_plural('line', len(idle))} {lines})"


def _of_cluster(policy: Policy) -> Iterator[str]:
    if not policy.cluster or policy.cluster & CLUSTER:
        return
    kinds = ", ".join(sorted(policy.cluster))
    yield f"where.cluster: no change of {kinds} recognised by this version yet, so such changes pass"


def _plural(word: str, count: int) -> str:
    return word if count == 1 else f"{word}s"
