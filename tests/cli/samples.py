"""Objects that the tests of the command line read: a deployment, a proposal about it, sign-offs."""

from datetime import UTC, datetime, timedelta
from typing import Any

from cutline.api.proposals import stamped_spec
from cutline.api.users import stamp_of
from cutline.domain.actions import scale_down
from cutline.domain.change import Change, End, Verb
from cutline.domain.difference import Field
from cutline.domain.effect import Action, Effect
from cutline.domain.kind import DEPLOYMENT
from cutline.domain.live import Live, World, live_of
from cutline.domain.policy import Policies
from cutline.domain.proposal import Emergency, Proposal, SignedChange
from cutline.domain.render import signed_change
from cutline.domain.requirement import Including, Requirement
from cutline.domain.signoff import Decision, Signoff
from cutline.domain.target import Target
from cutline.domain.user import HumanPredicate, User
from cutline_cli.standing import Record

NOW = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
HUMANS = HumanPredicate(frozenset({"people"}))
AGENT = User("system:serviceaccount:agents:ai-sre", "a-1", ("system:serviceaccounts",))
ALICE = User("alice", groups=("people", "sre"))
SAM = User("sam", groups=("people", "sre", "seniors"))
TWO_SRE = Requirement("production", "payments", 2, frozenset({"sre"}), (Including("seniors", 1),))


def deployment(replicas: int = 6, **template: Any) -> dict[str, Any]:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "checkout", "namespace": "shop", "uid": "d-1", "resourceVersion": "7", "generation": 3},
        "spec": {"replicas": replicas, "template": {"spec": {"containers": [{"name": "app", "image": "r/app:2"}]}}},
        "status": {"replicas": replicas, "readyReplicas": replicas, "updatedReplicas": replicas},
        **template,
    }


def live(replicas: int = 6) -> Live:
    return live_of(DEPLOYMENT, deployment(replicas))


def scale_down_change(new: int = 2) -> Change:
    return scale_down.render(World(live()), new)[0]


def update(*fields: Field, name: str = "checkout", kind: str = "Deployment") -> Change:
    return Change(Target("apps", kind, "shop", name, "d-1"), Verb.UPDATE, fields)


def entry(change: Change, *effects: Effect) -> SignedChange:
    return SignedChange(change, frozenset(effects), {}, "")


def eviction(name: str, end: End | None = None) -> SignedChange:
    pod = Target("", "Pod", "shop", name, f"uid-{name}")
    return entry(Change(pod, Verb.EVICT, end=end or End()), Effect.POD_REMOVAL)


def mark(*fields: Field, name: str = "node-1") -> SignedChange:
    """A node that is marked for a drain."""
    return entry(Change(Target("", "Node", "", name, "n-1"), Verb.UPDATE, fields), Effect.DRAIN)


def proposal(name: str = "scaledown-checkout", **fields: Any) -> Proposal:
    entry = signed_change(scale_down_change(), World(live(), revisions=()), Policies())
    values: dict[str, Any] = {
        "namespace": "shop",
        "name": name,
        "uid": "p-1",
        "created": NOW,
        "action": Action.SCALE_DOWN,
        "target": Target("apps", "Deployment", "", "checkout", ""),
        "proposer": AGENT,
        "nonce": "0" * 32,
        "changes": (entry,),
        "requirement": (TWO_SRE,),
        "decide_within": timedelta(hours=1),
        "valid_for": timedelta(minutes=15),
        "stored_digest": "",
        **fields,
    }
    return Proposal(**values)


def tree_of(proposal: Proposal, why: dict[str, Any] | None = None) -> dict[str, Any]:
    """The object as it is stored, stamps included."""
    written: dict[str, Any] = {
        "action": proposal.action.value,
        "target": {"group": "apps", "kind": "Deployment", "name": proposal.target.name},
        "why": why or {"summary": "idle since noon"},
        "executor": "Requester",
        "decideWithin": f"{int(proposal.decide_within.total_seconds())}s",
        "validFor": f"{int(proposal.valid_for.total_seconds())}s",
    }
    if proposal.emergency is not None:
        written["emergency"] = {"reason": proposal.emergency.reason, "ticket": proposal.emergency.ticket}
    return {
        "apiVersion": "cutline.dev/v1alpha1",
        "kind": "RemediationProposal",
        "metadata": {
            "name": proposal.name,
            "namespace": proposal.namespace,
            "uid": proposal.uid,
            "creationTimestamp": proposal.created.isoformat().replace("+00:00", "Z"),
        },
        "spec": stamped_spec(written, proposal),
    }


def signoff(by: User, decision: Decision = Decision.APPROVE, minutes: float = 1, **fields: Any) -> Signoff:
    values: dict[str, Any] = {
        "namespace": "shop",
        "name": f"scaledown-checkout-{by.username}-{minutes:g}",
        "uid": f"s-{by.username}-{minutes:g}",
        "created": NOW + timedelta(minutes=minutes),
        "proposal_uid": "p-1",
        "digest": proposal().digest,
        "decision": decision,
        "by": by,
        "reason": "seen it",
        **fields,
    }
    return Signoff(**values)


def record(*signoffs: Signoff, why: dict[str, Any] | None = None, **fields: Any) -> Record:
    subject = proposal(**fields)
    tree = tree_of(subject, why)
    stored = proposal(**{**fields, "stored_digest": tree["spec"]["digest"]})
    return Record(tree, stored, signoffs, ())


def stamp(user: User) -> dict[str, Any]:
    return dict(stamp_of(user))


EMERGENCY = Emergency("orders are lost", "INC-1")
