"""Hypothesis strategies of domain values.

Vocabularies are small on purpose: proposals, sign-offs and policies must meet each other
often, or a law about admissions would be tested on denials alone.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from hypothesis import strategies as st

from cutline.domain.change import Change, End, Verb
from cutline.domain.claim import Claim
from cutline.domain.difference import apply, difference
from cutline.domain.effect import Action
from cutline.domain.kind import DAEMON_SET, DEPLOYMENT, KINDS, NAMESPACE, NODE, POD, POLICY, STATEFUL_SET, Kind, Role
from cutline.domain.live import Live, NamespaceState, Revision, World, live_of
from cutline.domain.narrowing import UNNARROWED, Narrowing
from cutline.domain.normal_form import content_of, template_content
from cutline.domain.policy import Enforcement, Exemption, Line, Policies, Policy
from cutline.domain.proposal import Emergency, Proposal
from cutline.domain.requirement import Including, Requirement
from cutline.domain.selector import EVERYTHING, LabelRequirement, LabelSelector, Operator
from cutline.domain.signoff import Decision, Signoff
from cutline.domain.snapshot import Candidate, Snapshot
from cutline.domain.user import User
from tests import builders as make
from tests import wire

GROUPS = ("sre", "seniors", "visitors")

# --- JSON

scalars = (
    st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
)
json_values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab/~*é", max_size=3), inner, max_size=3),
    max_leaves=8,
)
json_objects: st.SearchStrategy[dict[str, Any]] = st.dictionaries(
    st.text("ab/~*é", max_size=3), json_values, max_size=4
)

# --- people, labels, durations

people = st.sampled_from([make.ALICE, make.BOB, make.SAM, make.VISITOR, make.AGENT, make.ROBOT])
labels = st.dictionaries(
    st.sampled_from(["cutline.dev/line", "tier", "app"]), st.sampled_from(["production", "payments", "web"]), max_size=3
)
label_requirements = st.builds(
    LabelRequirement,
    st.sampled_from(["cutline.dev/line", "tier", "app"]),
    st.sampled_from(Operator),
    st.sampled_from([(), ("production",), ("payments", "web")]),
)
selectors = st.builds(LabelSelector, st.lists(label_requirements, max_size=2).map(tuple))
short_durations = st.integers(1, 40 * 60).map(lambda seconds: timedelta(seconds=seconds))
moments = st.integers(-45 * 60, 60).map(lambda seconds: make.NOW + timedelta(seconds=seconds))

# --- policies

requirements = st.builds(
    Requirement,
    policy=st.sampled_from(["production", "payments"]),
    line=st.sampled_from(["seed", "strict"]),
    approvals=st.integers(1, 2),
    from_groups=st.frozensets(st.sampled_from(GROUPS), min_size=1, max_size=2),
    including=st.lists(st.builds(Including, st.just("seniors"), st.just(1)), max_size=1).map(tuple),
    valid_for=st.none() | short_durations,
)
lines = st.builds(
    Line,
    name=st.sampled_from(["seed", "strict"]),
    actions=st.frozensets(st.sampled_from(Action), min_size=1) | st.just(make.ALL_ACTIONS),
    requirement=requirements,
    objects=selectors,
    takes_exemptions=st.booleans(),
)
exemptions = st.builds(Exemption, st.frozensets(st.sampled_from(Action), min_size=1), st.none() | st.integers(0, 6))


def policies_named(name: str) -> st.SearchStrategy[Policy]:
    """Policies of that name."""
    return st.builds(
        Policy,
        name=st.just(name),
        enforcement=st.sampled_from([Enforcement.DENY, Enforcement.DENY, Enforcement.WARN, Enforcement.AUDIT]),
        namespaces=st.none() | selectors | st.just(EVERYTHING),
        cluster=st.frozensets(st.sampled_from(["Nodes", "Namespaces"])),
        # The resource's schema keys lines by their names.
        lines=st.lists(lines, min_size=1, max_size=2, unique_by=lambda line: line.name).map(tuple),
        exemptions=st.lists(exemptions, max_size=1).map(tuple),
    )


@st.composite
def all_policies(draw: st.DrawFn, *, known: bool = False) -> Policies:
    """All policies of a cluster; possibly stale or broken unless they must be `known`."""
    names = draw(st.lists(st.sampled_from(["production", "payments"]), unique=True, max_size=2))
    items = tuple(draw(policies_named(name)) for name in names)
    if draw(st.booleans()):
        items = (*items, make.make_policy(name="seed"))
    if known:
        return Policies(items)
    flaw = draw(st.integers(0, 15))
    return Policies(items, ("torn",) if flaw == 1 else (), is_fresh=flaw != 2)


# --- objects, the world, changes

templates = st.builds(
    wire.make_template,
    st.sampled_from(["web:1", "web:2", "web:3"]),
    labels=st.sampled_from([{"app": "web"}, {"app": "web", "v": "2"}]),
    nodeSelector=st.sampled_from([None, {"disk": "ssd"}]),
)
taints = st.lists(
    st.fixed_dictionaries({"key": st.sampled_from(["a", "b"]), "effect": st.sampled_from(["NoExecute", "NoSchedule"])}),
    max_size=2,
)


@st.composite
def trees(draw: st.DrawFn, kind: Kind) -> dict[str, Any]:
    """Objects of `kind` on the wire, among them some that say less than they should, and more."""
    tree = draw(_plain_trees(kind))
    # A field that the gate has never heard of, as a newer API server may send it.
    if draw(st.booleans()):
        tree["spec"] = {**(tree.get("spec") or {}), "unheardOf": draw(json_values)}
    for key in draw(st.lists(st.sampled_from(["labels", "annotations", "generation"]), max_size=1)):
        tree["metadata"] = {**tree["metadata"], key: None}
    if draw(st.integers(0, 19)) == 0:
        tree["spec"] = draw(st.sampled_from([None, {}]))
    return tree


def _plain_trees(kind: Kind) -> st.SearchStrategy[dict[str, Any]]:
    if kind.role is Role.WORKLOAD:
        ordinals = st.just({}) if kind is not STATEFUL_SET else st.fixed_dictionaries({}, optional={"start": _counts})
        return st.builds(
            wire.make_workload,
            st.just(kind),
            replicas=st.none() | st.integers(0, 6),
            template=templates,
            labels=labels,
            generation=st.integers(1, 9),
            ordinals=ordinals,
        )
    if kind is POD:
        return st.builds(
            wire.make_pod,
            node=st.sampled_from(["", "node-1"]),
            phase=st.sampled_from(["Pending", "Running", "Succeeded", "Failed"]),
            labels=labels,
            owner=st.sampled_from(["", "ReplicaSet", "DaemonSet"]),
            terminationGracePeriodSeconds=st.none() | st.integers(0, 60),
        )
    if kind is NODE:
        return st.builds(wire.make_node, unschedulable=st.sampled_from([None, False, True]), taints=taints)
    if kind is NAMESPACE:
        return st.builds(wire.make_namespace, labels=labels)
    return st.builds(wire.make_policy_tree, lines=st.lists(_line_trees, min_size=1, max_size=2))


_counts = st.integers(0, 3)
_line_trees = st.builds(
    wire.make_line_tree,
    st.sampled_from(["seed", "strict"]),
    actions=st.lists(st.sampled_from(["ScaleDown", "Rollback", "Drain"]), min_size=1, unique=True),
    require=st.fixed_dictionaries(
        {"approvals": st.integers(1, 2), "from": st.just([{"userGroup": "sre"}])},
    ),
)


@st.composite
def worlds(draw: st.DrawFn, kinds: tuple[Kind, ...] = KINDS) -> World:
    """A target as it stands, with its namespace and its revisions."""
    kind = draw(st.sampled_from(kinds))
    live = live_of(kind, draw(trees(kind)))
    return World(
        live, draw(_namespaces) if kind.namespaced else None, draw(st.lists(_revisions, max_size=3).map(tuple))
    )


_namespaces = st.builds(
    NamespaceState,
    st.just(wire.LINE_LABELS) | st.just(wire.LINE_LABELS) | labels,
    st.sampled_from([False, False, False, True]),
)
_revisions = st.builds(
    lambda template, number: Revision(f"rs-{number}", number, template_content(DEPLOYMENT, template), {}),
    templates,
    st.integers(1, 4),
)


@st.composite
def changes(draw: st.DrawFn, live: Live) -> Change:
    """A change of `live`: to another object of its kind, of a few of its fields, or its end."""
    verbs = {POD: (Verb.EVICT, Verb.EVICT, Verb.DELETE, Verb.UPDATE), DEPLOYMENT: (Verb.UPDATE,)}
    verb = draw(st.sampled_from(verbs.get(live.kind, (Verb.UPDATE, Verb.UPDATE, Verb.UPDATE, Verb.DELETE))))
    if verb is not Verb.UPDATE:
        return Change(live.target, verb, end=draw(ends))
    other = content_of(live.kind, draw(trees(live.kind)))
    fields = difference(live.content, other)
    if draw(st.booleans()):
        fields = tuple(field for field in fields if draw(st.booleans()))
    return Change(live.target, verb, difference(live.content, apply(live.content, fields)))


ends = st.builds(End, st.none() | st.integers(0, 60), st.sampled_from(["", "Background", "Orphan"]))

# --- proposals, sign-offs, claims

narrowings = st.builds(
    Narrowing,
    replicas=st.none() | st.integers(0, 6),
    pods=st.none() | st.frozensets(st.sampled_from(["shop/web-1", "shop/web-2"])),
    valid_for=st.none() | short_durations,
)


@st.composite
def proposals(draw: st.DrawFn, world: World, policies: Policies, change: Change, name: str) -> Proposal:
    """Proposals about the target: often of exactly `change`, sometimes of another one."""
    signed = change if draw(st.integers(0, 3)) else draw(changes(world.live))
    entry = make.make_signed_change(signed, world, policies)
    if draw(st.integers(0, 9)) == 0:
        entry = replace(entry, effects=draw(st.frozensets(st.sampled_from(sorted(make.EFFECTS_OF_ALL_MODELS)))))
    proposal = make.make_proposal(
        entry,
        name=name,
        uid=f"{name}-uid",
        namespace=draw(st.sampled_from([change.target.namespace or make.SYSTEM] * 4 + [make.SYSTEM, wire.SHOP])),
        created=draw(moments),
        action=draw(st.sampled_from(Action)),
        proposer=draw(st.sampled_from([make.AGENT, make.AGENT, make.AGENT, make.ALICE, make.BOB])),
        requirement=draw(st.lists(requirements, max_size=2)),
        decide_within=draw(short_durations),
        valid_for=draw(short_durations),
        emergency=draw(st.sampled_from([None, None, None, None, Emergency("fire", "INC-1")])),
    )
    return proposal if draw(st.integers(0, 9)) else replace(proposal, stored_digest="sha256:0")


@st.composite
def signoffs(draw: st.DrawFn, proposal: Proposal, index: int = 0) -> Signoff:
    """What somebody said about a proposal; mostly an approval."""
    return make.make_signoff(
        proposal,
        draw(people),
        draw(st.sampled_from([Decision.APPROVE] * 6 + [Decision.REJECT, Decision.REVOKE])),
        created=draw(moments),
        narrowing=draw(st.just(UNNARROWED) | narrowings),
        name=f"signoff-{index}",
        digest=draw(st.sampled_from([proposal.digest] * 6 + ["sha256:0"])),
    )


@st.composite
def claims(draw: st.DrawFn, proposal: Proposal, change: Change, live: Live) -> Claim:
    """A use of the proposal's first change: mostly this very use, some seconds ago."""
    claim = make.make_claim(
        proposal,
        change if draw(st.booleans()) else proposal.changes[0].change,
        live,
        actor=draw(st.sampled_from([make.AGENT, make.AGENT, make.BOB])),
        created=make.NOW - timedelta(seconds=draw(st.integers(0, 60))),
    )
    return replace(claim, generation=draw(st.sampled_from([claim.generation, None, 1, 2])))


@st.composite
def candidates(draw: st.DrawFn, world: World, policies: Policies, change: Change, name: str) -> Candidate:
    """A proposal with everything said about it and done with it; half of them signed in due form."""
    if draw(st.booleans()):
        proposal = make.make_proposal(
            make.make_signed_change(change, world, policies),
            name=name,
            uid=f"{name}-uid",
            namespace=change.target.namespace or make.SYSTEM,
            emergency=draw(st.sampled_from([None, None, None, Emergency("fire", "INC-1")])),
        )
        said = tuple(make.make_signoff(proposal, user) for user in (make.ALICE, make.BOB, make.SAM))
        said += tuple(draw(st.lists(signoffs(proposal), max_size=1)))
    else:
        proposal = draw(proposals(world, policies, change, name))
        said = tuple(draw(signoffs(proposal, index)) for index in range(draw(st.integers(0, 3))))
    used = draw(st.lists(claims(proposal, change, world.live), max_size=1)) if draw(st.booleans()) else []
    return Candidate(proposal, said, tuple(used))


# --- whole decisions

ALL_GATED_KINDS = (DEPLOYMENT, STATEFUL_SET, DAEMON_SET, POD, NODE, NAMESPACE, POLICY)


@st.composite
def decisions(draw: st.DrawFn, *, known: bool = False, gated: bool = False) -> tuple[Change, User, Snapshot]:
    """A change, who asks for it, and the state of the world: what `decide` is given.

    `known` policies can be read; a `gated` change is one that needs a signature under them.
    """
    if gated or draw(st.booleans()):
        change, world = draw(gated_changes())
    else:
        world = draw(worlds(ALL_GATED_KINDS))
        change = draw(changes(world.live))
    policies = GATES_ALL if gated and draw(st.booleans()) else draw(all_policies(known=known or gated))
    if gated:
        policies = replace(policies, items=(*policies.items, make.make_policy(name="gates-all")))
    count = draw(st.integers(0, 3))
    asked = tuple(draw(candidates(world, policies, change, f"proposal-{index}")) for index in range(count))
    actor = draw(st.sampled_from([make.AGENT, make.AGENT, make.AGENT, make.AGENT, make.ALICE, make.BOB]))
    return change, actor, make.make_snapshot(*asked, world=world, policies=policies)


@st.composite
def signed_decisions(draw: st.DrawFn) -> tuple[Change, Snapshot]:
    """A gated change by `AGENT` that humans have signed, in force now: `decide` admits it."""
    change, world = draw(gated_changes())
    return change, make.signed_snapshot(change, world, GATES_ALL, by=draw(st.sampled_from(_SIGNERS)))


_SIGNERS = ((make.ALICE,), (make.BOB, make.SAM), (make.ALICE, make.BOB, make.SAM))
GATES_ALL = make.make_policies(
    make.make_policy(
        make.make_line(requirement=make.make_requirement()),
        make.make_line("payments", objects=make.matching(tier="payments")),
        namespaces=make.matching(**{"cutline.dev/line": "production"}),
    )
)


@st.composite
def gated_changes(draw: st.DrawFn) -> tuple[Change, World]:
    """A change with at least one effect, under policies that gate everything (`GATES_ALL`)."""
    which = draw(st.sampled_from(["scale", "rollback", "both", "restart", "cordon", "taint", "namespace", "policy"]))
    old_image, new_image = "web:2", "web:1"
    deployment = wire.make_workload(replicas=draw(st.integers(3, 6)))
    revisions = (
        make.make_revision(wire.make_template(new_image), 1),
        make.make_revision(wire.make_template(old_image), 2),
    )
    spec = deployment["spec"]
    match which:
        case "scale":
            return _updated(DEPLOYMENT, deployment, spec | {"replicas": draw(st.integers(0, 2))}, revisions)
        case "rollback":
            return _updated(DEPLOYMENT, deployment, spec | {"template": wire.make_template(new_image)}, revisions)
        case "both":
            both = spec | {"template": wire.make_template(new_image), "replicas": 1}
            return _updated(DEPLOYMENT, deployment, both, revisions)
        case "restart":
            live = make.make_live(POD)
            verb = draw(st.sampled_from([Verb.EVICT, Verb.DELETE]))
            return Change(live.target, verb, end=draw(ends)), make.make_world(live)
        case "cordon":
            return _updated(NODE, wire.make_node(), {"unschedulable": True})
        case "taint":
            return _updated(NODE, wire.make_node(), {"taints": [{"key": "a", "effect": "NoExecute"}]})
        case "namespace":
            change, live = make.update(NAMESPACE, wire.make_namespace(), wire.make_namespace(labels={}))
            return change, make.make_world(live)
        case _:
            after = wire.make_policy_tree(enforcement="Warn")
            change, live = make.update(POLICY, wire.make_policy_tree(), after)
            return change, make.make_world(live)


def _updated(
    kind: Kind, old: Mapping[str, Any], spec: Mapping[str, Any], revisions: tuple[Revision, ...] = ()
) -> tuple[Change, World]:
    change, live = make.update(kind, old, {**old, "spec": spec})
    return change, make.make_world(live, revisions=revisions)
