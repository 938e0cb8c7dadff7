"""What the gate says to a case: the real gate over an API server in memory that holds what the case holds.

The conditions under which the API server asks at all are its own to evaluate; a case remembers what
it did (`askedBy`), and here only the rules are held against that.
"""

import asyncio
import json

from cutline.api.policies import policies_of
from cutline.api.review import request_of
from cutline.api.settings import load_settings
from cutline.domain.change import change_of
from cutline.domain.effect import Action
from cutline.domain.exempt import BUILT_IN
from cutline.domain.kind import kind_of_resource
from cutline.domain.live import Live, live_of
from cutline.domain.policy import Policies
from cutline.domain.request import Request
from cutline.domain.verdict import Verdict
from cutline_operator.owner import Owner
from cutline_operator.webhook_address import WebhookAddress
from cutline_operator.webhook_configurations import Connection, gate
from cutline_webhook.gate import Gate
from tests import builders as make
from tests import wire
from tests.api.cluster_in_memory import ClusterInMemory
from tests.api.test_fields_and_settings import settings_text
from tests.api.trees import proposal_tree, signoff_tree
from tests.cases.case import Case, Tree

_SETTINGS = load_settings(settings_text(humans={"userGroups": ["sre"]}))
# In case of no answer from anybody: the API server never asks.
NOT_ASKED: Tree = {"response": "Admit", "reason": "NotAsked"}


def gate_webhooks() -> list[Tree]:
    """The gate's webhooks as the operator would configure them."""
    connection = Connection(WebhookAddress("https://localhost", "", 443, make.SYSTEM), "0" * 32, "")
    webhooks: list[Tree] = gate(connection, Owner("v1", "ConfigMap", "none", "none"), BUILT_IN)["webhooks"]
    return webhooks


def decided(case: Case) -> Tree:
    """`decides` of a case: the verdict on it, of which it would be denied for some part."""
    if not case.asked_by:
        return NOT_ASKED
    verdict = judged(case)
    tree: Tree = {
        "conclusion": verdict.conclusion.value,
        "response": verdict.response.value,
        "reason": verdict.reason.value,
    }
    return tree | ({"effects": sorted(effect.value for effect in verdict.effects)} if verdict.effects else {})


def judged(case: Case) -> Verdict:
    """The real decoding, effects and decision."""
    request = request_of(json.dumps(case.review).encode())
    policies = policies_of((case.policy,), is_fresh=True)
    world = _world(case, request, policies)
    judge = Gate(world.client(), _SETTINGS, lambda: policies, world.clock)
    return asyncio.run(judge.judge(request, caller_is_verified=True)).verdict


def _world(case: Case, request: Request, policies: Policies) -> ClusterInMemory:
    """The namespace inside the policy's reach, the target where the review only names it, and what was signed."""
    world = ClusterInMemory()
    if request.namespace:
        world.add("namespaces", wire.make_namespace(request.namespace))
    if case.target is not None:
        world.add(request.resource, case.target)
    if case.proposal is not None:
        _sign(world, case.proposal, request, _live(case, request), policies)
    return world


def _live(case: Case, request: Request) -> Live:
    tree = case.target or request.old_object
    assert tree is not None
    return live_of(kind_of_resource(request.group, request.resource), tree)


def _sign(world: ClusterInMemory, wanted: Tree, request: Request, live: Live, policies: Policies) -> None:
    """A proposal of the case's own actor for exactly this change, signed by those who are named."""
    namespace = make.make_namespace_state() if request.namespace else None
    entry = make.make_signed_change(change_of(request, live), make.make_world(live, namespace=namespace), policies)
    proposal = make.make_proposal(
        entry,
        name="signed",
        namespace=request.namespace or make.SYSTEM,
        action=Action(wanted["action"]),
        proposer=request.user,
        requirement=[make.make_requirement(policy="everything", line="all")],
    )
    world.add("remediationproposals", proposal_tree(proposal))
    people = {user.username: user for user in (make.ALICE, make.BOB, make.SAM)}
    for name in wanted["approvedBy"]:
        world.add("signoffs", signoff_tree(make.make_signoff(proposal, people[name]), proposal.name))


def with_rules_for(request: Tree) -> set[str]:
    """The gate's webhooks that have a rule for a request, whatever their conditions say of it."""
    return {webhook["name"] for webhook in gate_webhooks() if any(_is_for(rule, request) for rule in webhook["rules"])}


def _is_for(rule: Tree, request: Tree) -> bool:
    resource, asked = request["resource"]["resource"], request.get("subResource", "")
    named = f"{resource}/{asked}" if asked else resource
    return (
        request["operation"] in rule["operations"]
        and request["resource"]["group"] in rule["apiGroups"]
        and named in rule["resources"]
    )
