"""The story, as data: who types what, and what must come of it.

Every line is a real command against a real API server. What a scene expects is checked:
a story that is not true any more fails.
"""

from dataclasses import dataclass
from enum import Enum

NAMESPACE = "shop"
NODE = "node-2"


class Ending(Enum):
    """How a command must end."""

    PASSES = "passes"
    IS_REFUSED = "is refused"


@dataclass(frozen=True, slots=True)
class Step:
    """One command by one persona; `says` must be somewhere in what it prints.

    What is not `shown` only waits, so that the next step finds things at rest. Of what kubectl
    says several times over only the first `lines` are.
    """

    persona: str
    command: tuple[str, ...]
    ending: Ending = Ending.PASSES
    says: str = ""
    stdin: str = ""
    shown: bool = True
    lines: int = 60


@dataclass(frozen=True, slots=True)
class Scene:
    """A few steps under one headline."""

    headline: str
    steps: tuple[Step, ...]


def passes(persona: str, *command: str, says: str = "", stdin: str = "") -> Step:
    return Step(persona, command, Ending.PASSES, says, stdin)


def refused(persona: str, *command: str, says: str = "") -> Step:
    return Step(persona, command, Ending.IS_REFUSED, says)


_UNDO = ("kubectl", "rollout", "undo", "deployment/checkout", "-n", NAMESPACE)
_SCALE = ("kubectl", "scale", "deployment/checkout", "-n", NAMESPACE)
_AT_REST = Step(
    "admin", ("kubectl", "rollout", "status", "deployment/checkout", "-n", NAMESPACE, "--timeout=60s"), shown=False
)
_DRAIN = ("kubectl", "drain", NODE, "--ignore-daemonsets", "--timeout=60s")

_PROPOSAL_BY_HAND = f"""\
apiVersion: cutline.dev/v1alpha1
kind: RemediationProposal
metadata: {{name: checkout-to-2, namespace: {NAMESPACE}}}
spec:
  action: ScaleDown
  target: {{group: apps, kind: Deployment, name: checkout}}
  scaleDown: {{replicas: 2}}
  why: {{summary: "no traffic since noon", confidence: High}}
"""

SCENES: tuple[Scene, ...] = (
    Scene(
        "Revision 2 of checkout fails. The AI agent has broad rights, and wants to roll back at once.",
        (refused("agent", *_UNDO, says="Rollback of deployment/checkout (shop) needs a signed proposal"),),
    ),
    Scene(
        "It may propose: the very change of that command, with its diagnosis.",
        (
            passes(
                "agent",
                *("kubectl", "cutline", "propose", "--name", "checkout-back", "-n", NAMESPACE),
                *("--summary", "5xx at 12 % since revision 2", "--incident", "INC-1207", "--confidence", "high"),
                *("--", *_UNDO),
                says="needs:   1 approval from sre",
            ),
            refused(
                "agent",
                *("kubectl", "cutline", "approve", "checkout-back", "-n", NAMESPACE),
                *("--reason", "I am sure", "--yes"),
            ),
        ),
    ),
    Scene(
        "A human reads what she would sign, and signs it.",
        (
            passes("alice", "kubectl", "cutline", "show", "checkout-back", "-n", NAMESPACE, says="THE CHANGE"),
            passes(
                "alice",
                *("kubectl", "cutline", "approve", "checkout-back", "-n", NAMESPACE),
                *("--reason", "revision 1 ran for nine days", "--yes"),
            ),
        ),
    ),
    Scene(
        "Exactly that change, by exactly that agent, exactly once.",
        (
            refused("robot", *_UNDO, says="only its proposer"),
            passes("agent", *_UNDO, says="rolled back"),
            _AT_REST,
            refused("agent", *_UNDO, says="Rollback of deployment/checkout (shop) needs a signed proposal"),
        ),
    ),
    Scene(
        "A scale-down, proposed by hand. One rejection outweighs every approval.",
        (
            refused("agent", *_SCALE, "--replicas=2", says="6 -> 2 needs a signed proposal"),
            passes("agent", "kubectl", "apply", "-f", "-", stdin=_PROPOSAL_BY_HAND),
            passes(
                "alice",
                *("kubectl", "cutline", "reject", "checkout-to-2", "-n", NAMESPACE),
                *("--reason", "the batch run starts at four", "--yes"),
            ),
            passes(
                "bob",
                *("kubectl", "cutline", "approve", "checkout-to-2", "-n", NAMESPACE),
                *("--reason", "saves money", "--yes"),
            ),
            refused("agent", *_SCALE, "--replicas=2", says="rejected by alice"),
        ),
    ),
    Scene(
        "Signed as four instead, it passes once; putting things back does not make the signature new.",
        (
            passes(
                "agent",
                *("kubectl", "cutline", "propose", "scale-down", "deployment/checkout", "--replicas", "4"),
                *("--name", "checkout-to-4", "-n", NAMESPACE, "--summary", "no traffic since noon"),
            ),
            passes(
                "bob",
                *("kubectl", "cutline", "approve", "checkout-to-4", "-n", NAMESPACE),
                *("--reason", "four are enough for the batch run", "--yes"),
            ),
            passes("agent", *_SCALE, "--replicas=4", says="scaled"),
            passes("agent", *_SCALE, "--replicas=6", says="scaled"),
            _AT_REST,
            refused("agent", *_SCALE, "--replicas=4", says="was used already"),
        ),
    ),
    Scene(
        "A drain is a cordon and every eviction: one proposal, signed whole, under the disruption budget.",
        (
            Step("agent", _DRAIN, Ending.IS_REFUSED, f"Drain of node/{NODE} needs a signed proposal", lines=3),
            passes(
                "agent",
                *("kubectl", "cutline", "propose", "drain", NODE, "--name", "drain-node-2"),
                *("--summary", "disk errors in the kernel log"),
            ),
            passes(
                "bob",
                *("kubectl", "cutline", "approve", "drain-node-2", "-n", "cutline-system"),
                *("--reason", "saw the disk errors too", "--yes"),
            ),
            passes("agent", *_DRAIN, says=f"node/{NODE} drained"),
        ),
    ),
    Scene(
        "Nobody leaves the scope unsigned, not even cluster-admin.",
        (
            refused(
                "mallory",
                *("kubectl", "label", "namespace", NAMESPACE, "cutline.dev/line-"),
                says="Loosening of namespace/shop",
            ),
        ),
    ),
    Scene(
        "Three in the morning, and nobody else is awake: one human, loudly, for fifteen minutes.",
        (
            passes(
                "bob",
                *("kubectl", "cutline", "emergency", "-n", NAMESPACE),
                *("--reason", "the database has no connections left", "--ticket", "INC-1208", "--"),
                *(*_SCALE, "--replicas=5"),
                says="EMERGENCY",
            ),
        ),
    ),
    Scene(
        "The ledger: what was let through, for whom, signed by whom.",
        (passes("alice", "kubectl", "get", "admitted", "-n", "cutline-system", says="checkout-back"),),
    ),
)
