"""Builders of domain values for tests: each call gives a whole, plausible value, and a
test says only what matters to it.

The people: `AGENT` proposes and acts, `ALICE` and `BOB` are of the group `sre`, `SAM` is one of
the `seniors` too, `ROBOT` is a service account that somebody put into `sre`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from cutline.domain.change import Change, End, Verb, change_of
from cutline.domain.claim import Claim, claim_name
from cutline.domain.difference import Field
from cutline.domain.effect import Action, Effect
from cutline.domain.kind import DEPLOYMENT, NAMESPACE, NODE, POD, POLICY, Kind
from cutline.domain.live import Live, NamespaceState, Revision, World, live_of
from cutline.domain.narrowing import UNNARROWED, Narrowing
from cutline.domain.normal_form import template_content
from cutline.domain.policy import Enforcement, Exemption, Line, OnDeny, Policies, Policy
from cutline.domain.proposal import Emergency, Proposal, SignedChange
from cutline.domain.render import signed_change
from cutline.domain.request import Operation, Request
from cutline.domain.requirement import Including, Requirement
from cutline.domain.selector import EVERYTHING, LabelRequirement, LabelSelector, Operator
from cutline.domain.signoff import Decision, Signoff
from cutline.domain.snapshot import Candidate, Settings, Snapshot
from cutline.domain.target import Target
from cutline.domain.user import HumanPredicate, User
from tests.wire import LINE_LABELS, SHOP, make_namespace, make_node, make_pod, make_policy_tree, make_workload

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
SYSTEM = "cutline-system"

AGENT = User(
    "system:serviceaccount:agents:ai-sre",
    "agent-uid",
    ("system:serviceaccounts", "system:serviceaccounts:agents", "system:authenticated"),
    "JTI=agent",
)
ROBOT = User("system:serviceaccount:agents:robot", "robot-uid", ("system:serviceaccounts", "sre"), "JTI=robot")
ALICE = User("alice", "", ("sre", "system:authenticated"), "X509SHA256=alice")
BOB = User("bob", "", ("sre", "system:authenticated"), "X509SHA256=bob")
SAM = User("sam", "", ("sre", "seniors", "system:authenticated"), "X509SHA256=sam")
VISITOR = User("victor", "", ("visitors", "system:authenticated"), "X509SHA256=victor")
HUMANS = HumanPredicate(frozenset({"sre", "seniors", "visitors"}))
SETTINGS = Settings(SYSTEM, HUMANS)

ALL_ACTIONS = frozenset(Action)


def ago(**parts: float) -> datetime:
    """A moment before `NOW`: `ago(minutes=5)`."""
    return NOW - timedelta(**parts)


# --- the world


def make_live(kind: Kind = DEPLOYMENT, tree: Mapping[str, Any] | None = None) -> Live:
    """An object as it stands."""
    if tree is None:
        builders: Mapping[Kind, Any] = {
            POD: make_pod,
            NODE: make_node,
            NAMESPACE: make_namespace,
            POLICY: make_policy_tree,
        }
        tree = builders[kind]() if kind in builders else make_workload(kind)
    return live_of(kind, tree)


def make_namespace_state(labels: Mapping[str, str] = LINE_LABELS, *, is_terminating: bool = False) -> NamespaceState:
    """The namespace of a target."""
    return NamespaceState(labels, is_terminating)


def make_revision(
    template: Mapping[str, Any], number: int, *, annotations: Mapping[str, str] | None = None
) -> Revision:
    """An earlier (or the present) revision of a workload."""
    return Revision(f"rs-{number}-uid", number, template_content(DEPLOYMENT, template), annotations or {})


def make_world(live: Live | None = None, **fields: Any) -> World:
    """A target with its namespace; its revisions were read, and there are none, unless `fields` say so."""
    live = live or make_live()
    namespace = make_namespace_state() if live.kind.namespaced else None
    return World(**{"live": live, "namespace": namespace, "revisions": (), **fields})


# --- requests and changes


def make_request(
    operation: Operation = Operation.UPDATE,
    *,
    kind: Kind = DEPLOYMENT,
    subresource: str = "",
    name: str = "web",
    namespace: str = SHOP,
    user: User = AGENT,
    new: Mapping[str, Any] | None = None,
    old: Mapping[str, Any] | None = None,
    options: Mapping[str, Any] | None = None,
    dry_run: bool = False,
) -> Request:
    """An admission request about an object of `kind`."""
    return Request(
        uid="request-uid",
        operation=operation,
        group=kind.group,
        resource=kind.resource,
        subresource=subresource,
        namespace=namespace if kind.namespaced else "",
        name=name,
        user=user,
        object=new,
        old_object=old,
        options=options or {},
        dry_run=dry_run,
    )


def update(kind: Kind, old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[Change, Live]:
    """The change that an update from `old` to `new` is, and the object before it."""
    live = live_of(kind, old)
    return change_of(make_request(kind=kind, name=live.target.name, old=old, new=new), live), live


def make_change(live: Live | None = None, *fields: Field, verb: Verb = Verb.UPDATE, end: End | None = None) -> Change:
    """A change of `live`: from five replicas to three, unless `fields`, `verb` or `end` say otherwise."""
    live = live or make_live()
    if verb is not Verb.UPDATE:
        return Change(live.target, verb, end=end or End())
    return Change(live.target, Verb.UPDATE, fields or (Field("/spec/replicas", 5, 3),))


# --- policies


def make_requirement(
    approvals: int = 1,
    groups: Iterable[str] = ("sre",),
    *,
    including: Iterable[tuple[str, int]] = (),
    valid_for: timedelta | None = None,
    policy: str = "production",
    line: str = "seed-line",
) -> Requirement:
    """What one line demands."""
    parts = tuple(Including(group, at_least) for group, at_least in including)
    return Requirement(policy, line, approvals, frozenset(groups), parts, valid_for)


def make_line(
    name: str = "seed-line",
    actions: Iterable[Action] = ALL_ACTIONS,
    *,
    requirement: Requirement | None = None,
    objects: LabelSelector = EVERYTHING,
    takes_exemptions: bool = True,
) -> Line:
    """One line; it demands one approval from `sre`."""
    demand = requirement or make_requirement(line=name)
    return Line(name, frozenset(actions), demand, objects, takes_exemptions)


def make_policy(
    *lines: Line,
    name: str = "production",
    enforcement: Enforcement = Enforcement.DENY,
    namespaces: LabelSelector | None = EVERYTHING,
    cluster: Iterable[str] = ("Nodes", "Namespaces"),
    exemptions: Iterable[Exemption] = (),
    on_deny: OnDeny = OnDeny.REFUSE,
) -> Policy:
    """A policy whose one line gates every action, unless `lines` are given."""
    return Policy(
        name, enforcement, namespaces, frozenset(cluster), lines or (make_line(),), tuple(exemptions), on_deny
    )


def make_policies(*policies: Policy, broken: Iterable[str] = (), is_fresh: bool = True) -> Policies:
    """All policies: one with the seed line, unless some are given."""
    return Policies(policies or (make_policy(),), tuple(broken), is_fresh)


def matching(**labels: str) -> LabelSelector:
    """The selector of objects that carry all of these labels."""
    return LabelSelector(tuple(LabelRequirement(key, Operator.IN, (value,)) for key, value in labels.items()))


# --- proposals, sign-offs, claims


def make_signed_change(
    change: Change | None = None, world: World | None = None, policies: Policies | None = None
) -> SignedChange:
    """A change as the gate stores it in a proposal, with its effects and baseline in `world`."""
    return signed_change(change or make_change(), world or make_world(), policies or make_policies())


def make_proposal(
    *changes: SignedChange,
    name: str = "web-to-3",
    namespace: str = SHOP,
    uid: str = "proposal-uid",
    created: datetime | None = None,
    action: Action = Action.SCALE_DOWN,
    proposer: User = AGENT,
    requirement: Iterable[Requirement] | None = None,
    decide_within: timedelta = timedelta(hours=1),
    valid_for: timedelta = timedelta(minutes=15),
    emergency: Emergency | None = None,
) -> Proposal:
    """A proposal, ten minutes old, that carries its right digest."""
    changes = changes or (make_signed_change(),)
    target = changes[0].change.target
    proposal = Proposal(
        namespace=namespace,
        name=name,
        uid=uid,
        created=created or ago(minutes=10),
        action=action,
        target=Target(target.group, target.kind, "", target.name, ""),
        proposer=proposer,
        nonce="0123456789abcdef0123456789abcdef",
        changes=changes,
        requirement=tuple([make_requirement()] if requirement is None else requirement),
        decide_within=decide_within,
        valid_for=valid_for,
        stored_digest="",
        emergency=emergency,
    )
    return restamped(proposal)


def restamped(proposal: Proposal, **fields: Any) -> Proposal:
    """The proposal with other fields, as the gate itself would have stamped it."""
    changed = replace(proposal, **fields)
    return replace(changed, stored_digest=changed.digest)


def make_signoff(
    proposal: Proposal,
    by: User = ALICE,
    decision: Decision = Decision.APPROVE,
    *,
    created: datetime | None = None,
    narrowing: Narrowing = UNNARROWED,
    name: str = "",
    digest: str = "",
) -> Signoff:
    """What `by` said about `proposal`, five minutes ago."""
    return Signoff(
        namespace=proposal.namespace,
        name=name or f"{proposal.name}-{by.username}-{decision.value.lower()}",
        uid=f"{by.username}-{decision.value}-uid",
        created=created or ago(minutes=5),
        proposal_uid=proposal.uid,
        digest=digest or proposal.digest,
        decision=decision,
        by=by,
        narrowing=narrowing,
    )


def make_claim(
    proposal: Proposal,
    change: Change,
    live: Live,
    *,
    entry: SignedChange | None = None,
    actor: User = AGENT,
    created: datetime | None = None,
) -> Claim:
    """The record of a use of `entry` (the proposal's first change), made ten seconds ago."""
    signed = (entry or proposal.changes[0]).change.digest
    return Claim(
        name=claim_name(proposal.name, proposal.uid, signed),
        created=created or ago(seconds=10),
        proposal_uid=proposal.uid,
        signed_digest=signed,
        change=change,
        actor=actor,
        generation=live.generation,
        resource_version=live.resource_version,
    )


def make_candidate(proposal: Proposal, *signoffs: Signoff, claims: Iterable[Claim] = ()) -> Candidate:
    """A proposal with all that was said about it and done with it."""
    return Candidate(proposal, signoffs, tuple(claims))


def make_snapshot(
    *candidates: Candidate,
    world: World | None = None,
    policies: Policies | None = None,
    now: datetime = NOW,
    settings: Settings = SETTINGS,
) -> Snapshot:
    """The state of the world at `now`."""
    return Snapshot(now, settings, policies or make_policies(), world or make_world(), candidates)


def signed_snapshot(
    change: Change | None = None,
    world: World | None = None,
    policies: Policies | None = None,
    *,
    by: Iterable[User] = (ALICE,),
    **proposal: Any,
) -> Snapshot:
    """A snapshot in which humans have signed exactly `change`."""
    world, policies = world or make_world(), policies or make_policies()
    change = change or make_change(world.live)
    entry = make_signed_change(change, world, policies)
    asked = make_proposal(entry, namespace=change.target.namespace or SYSTEM, **proposal)
    signoffs = [make_signoff(asked, user) for user in by]
    return make_snapshot(make_candidate(asked, *signoffs), world=world, policies=policies)


EFFECTS_OF_ALL_MODELS = frozenset(
    {Effect.ROLLBACK, Effect.DRAIN, Effect.SCALE_DOWN, Effect.POD_REMOVAL, Effect.LOOSENING}
)
