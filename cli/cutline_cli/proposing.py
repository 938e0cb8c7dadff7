"""Creating a proposal, and telling its author what happens next."""

import argparse
from collections.abc import Mapping

from cutline.api.proposals import proposal_of
from cutline.domain.errors import BadObject
from cutline.domain.proposal import Proposal
from cutline.kube.errors import Forbidden, NotFound
from cutline.kube.resources import NAMESPACES, PROPOSALS
from cutline_cli.exits import CliError
from cutline_cli.manifests import JsonObject, proposal
from cutline_cli.rehearsal.kubectl import KubectlCommand
from cutline_cli.rehearsal.outcome import Wanted
from cutline_cli.rendering.times import moment
from cutline_cli.session import Session

CONFIDENCES = ("low", "medium", "high")


def add_common_flags(parser: argparse.ArgumentParser) -> None:
    """The flags of every way to propose, apart from why."""
    parser.add_argument("--name", metavar="NAME", help="the proposal's name (default: made from action and target)")
    parser.add_argument("--incident", metavar="ID", help="the incident in your own tracker")
    parser.add_argument("--confidence", type=str.lower, choices=CONFIDENCES, help="how sure you are; lowers no demand")
    parser.add_argument(
        "--evidence",
        action="append",
        metavar="source=…,claim=…[,link=…]",
        help="an observation that supports the diagnosis; may be given several times",
    )
    parser.add_argument(
        "--decide-within", metavar="TIME", help="how long people have to decide (default 1h, at most 24h)"
    )
    parser.add_argument(
        "--valid-for", metavar="TIME", help="how long an approval may be used (default 15m, at most 30m)"
    )


def namespace_for(session: Session, target_namespace: str) -> str:
    """Where a proposal belongs: beside its target, or with Cutline where the target has no namespace."""
    return target_namespace or session.system_namespace


async def namespace_for_change(session: Session, target_namespace: str) -> str:
    """As `namespace_for`, for a change that names its target in full.

    A namespace on its way out takes no new objects: proposals about what is in it belong with Cutline.
    """
    if not target_namespace:
        return session.system_namespace
    try:
        tree = await session.client.get(NAMESPACES, target_namespace)
    except (Forbidden, NotFound):
        return target_namespace
    is_ending = bool((tree.get("metadata") or {}).get("deletionTimestamp"))
    return session.system_namespace if is_ending else target_namespace


async def manifest_of_command(
    arguments: argparse.Namespace, session: Session, wanted: Wanted, emergency: Mapping[str, str] | None = None
) -> JsonObject:
    """The proposal of what a rehearsed command needs to have signed."""
    return proposal(
        arguments,
        action=wanted.action,
        target=wanted.target,
        namespace=await namespace_for_change(session, wanted.namespace),
        parameters={} if wanted.changes else {wanted.action.value.lower(): {}},
        changes=wanted.changes,
        emergency=emergency,
    )


async def create(session: Session, manifest: JsonObject) -> JsonObject:
    """Create the proposal as it is; raises what the API server or the gate says against it."""
    return await session.client.create(PROPOSALS, manifest, str(manifest["metadata"]["namespace"]))


def say_that_nothing_is_needed(session: Session, command: KubectlCommand, consequence: str) -> None:
    """A rehearsed command met no line; `consequence` says what was therefore not done."""
    if session.wants_json:
        session.console.show_json({"signatureNeeded": False, "command": str(command)})
    else:
        session.console.note(f"`{command}` needs no signature: {consequence}")


def report(session: Session, tree: JsonObject) -> None:
    """Say what was created, what it needs, and the command that comes next."""
    if session.wants_json:
        session.console.show_json(tree)
        return
    made = completed(tree)
    target = f"{made.target.kind.lower()}/{made.target.name}"
    say = session.console.say
    say(f"proposed {made.name} in {made.namespace}: {made.action.value} of {target}")
    for entry in made.changes[:3]:
        say(f"  change:  {entry.summary or entry.change.target}")
    if len(made.changes) > 3:
        say(f"           and {len(made.changes) - 3} more")
    say(f"  digest:  {made.digest}")
    for requirement in made.requirement:
        say(f"  needs:   {requirement.describe()}")
    say(f"  until:   {moment(made.decide_by)}")
    say(f"  next:    kubectl cutline wait {made.name} -n {made.namespace} --for Approved")


def completed(tree: JsonObject) -> Proposal:
    """A proposal as it was stored; raises where the gate was not there to complete it."""
    try:
        return proposal_of(tree)
    except BadObject as error:
        raise CliError(f"the proposal was stored, but the gate has not completed it: {error}") from error
