"""Our own kinds on their way through the webhook: stamped, guarded and stored."""

import asyncio
import json
from collections.abc import Callable, Collection
from typing import Any

import pytest

from cutline.domain.kind import Kind, Role
from cutline.domain.policy import Policies
from cutline.domain.request import Operation, Request
from cutline.domain.user import User
from cutline.kube.access import AccessReviewer
from cutline.kube.world import WorldReader
from cutline_webhook.guarding import Guard
from cutline_webhook.proposing import ProposalMaker
from cutline_webhook.stamping import Stamper
from tests import builders as make
from tests import wire
from tests.api.cluster_in_memory import ClusterInMemory
from tests.api.trees import proposal_tree, signoff_tree
from tests.webhook.test_gate import settings

Tree = dict[str, Any]
Edit = Callable[[Tree], Any]
OPERATOR = User("system:serviceaccount:cutline-system:cutline-operator", "o", ("system:serviceaccounts",))
EVERYBODY = pytest.mark.parametrize(
    "user", [make.AGENT, make.ALICE, OPERATOR, User("admin", "", ("system:masters",))], ids=lambda user: user.username
)


def kind(plural: str) -> Kind:
    return Kind("cutline.dev", "v1alpha1", plural, plural, Role.POLICY)


def request(
    plural: str,
    operation: Operation,
    user: User,
    *,
    new: Tree | None = None,
    old: Tree | None = None,
    subresource: str = "",
) -> Request:
    namespace = ((new or old or {}).get("metadata") or {}).get("namespace", "")
    return make.make_request(
        operation, kind=kind(plural), namespace=namespace, user=user, new=new, old=old, subresource=subresource
    )


def parts(world: ClusterInMemory, policies: Policies | None = None) -> tuple[Stamper, Guard]:
    known = policies or make.make_policies()
    reader, reviewer = WorldReader(world.client(), make.SYSTEM), AccessReviewer(world.client())
    maker = ProposalMaker(settings(), reader, reviewer)
    stamper = Stamper(maker, reader, lambda: known, world.clock)
    return stamper, Guard(settings(), reader, reviewer, world.clock)


def stamped(world: ClusterInMemory, plural: str, user: User, tree: Tree, policies: Policies | None = None) -> Tree:
    """The object as the mutating webhook leaves it."""
    stamper, _ = parts(world, policies)
    (step,) = asyncio.run(stamper.stamp(request(plural, Operation.CREATE, user, new=tree)))
    assert (step["op"], step["path"]) == ("replace", "/spec")
    return {**tree, "spec": json.loads(json.dumps(step["value"]))}


def check(world: ClusterInMemory, asked: Request) -> Collection[str]:
    _, guard = parts(world)
    return asyncio.run(guard.check(asked))


def created(world: ClusterInMemory, plural: str, user: User, tree: Tree) -> Tree:
    """Stamp, guard and store an object, as the API server would."""
    whole = stamped(world, plural, user, tree)
    check(world, request(plural, Operation.CREATE, user, new=whole))
    metadata = {"uid": f"{tree['metadata']['name']}-uid", "creationTimestamp": world.now.strftime("%Y-%m-%dT%H:%M:%SZ")}
    return world.add(plural, {**whole, "metadata": {**tree["metadata"], **metadata}})


def by_hand(**spec: Any) -> Tree:
    return {
        "metadata": {"name": "web-to-3", "namespace": wire.SHOP},
        "spec": {
            "action": "ScaleDown",
            "target": {"group": "apps", "kind": "Deployment", "name": "web"},
            **({} if "changes" in spec else {"scaleDown": {"replicas": 3}}),
            "why": {"summary": "too many"},
            **spec,
        },
    }


def word(decision: str = "Approve", name: str = "mine", **spec: Any) -> Tree:
    digest = make.make_proposal().digest
    return {
        "metadata": {"name": name, "namespace": wire.SHOP},
        "spec": {"proposal": "web-to-3", "digest": digest, "decision": decision, **spec},
    }


def stored() -> dict[str, Tree]:
    proposal = make.make_proposal()
    spec = {"proposal": {"namespace": wire.SHOP, "name": proposal.name, "uid": proposal.uid}}
    return {
        "remediationproposals": proposal_tree(proposal),
        "signoffs": signoff_tree(make.make_signoff(proposal)),
        "admittedchanges": {"metadata": {"name": "a", "namespace": make.SYSTEM}, "spec": spec},
    }
