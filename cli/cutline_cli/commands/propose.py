"""`propose`: ask for an action, by its name or by the command that would do it."""

import argparse
from typing import Any

from cutline.domain.effect import Action
from cutline.domain.kind import NODE, POD
from cutline_cli.command import AfterDashes, Command
from cutline_cli.exits import ExitCode, UsageError
from cutline_cli.manifests import JsonObject, proposal
from cutline_cli.proposing import (
    add_common_flags,
    create,
    manifest_of_command,
    namespace_for,
    report,
    say_that_nothing_is_needed,
)
from cutline_cli.rehearsal.wanted import plan_of
from cutline_cli.session import Session
from cutline_cli.targets import typed_target

_ACTIONS = {
    "rollback": Action.ROLLBACK,
    "scale-down": Action.SCALE_DOWN,
    "drain": Action.DRAIN,
    "restart": Action.RESTART,
}
# What a bare name means, where only one kind can.
_DEFAULT_KINDS = {Action.DRAIN: NODE, Action.RESTART: POD}
_FLAG_OF = {"to_revision": Action.ROLLBACK, "replicas": Action.SCALE_DOWN}


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", nargs="?", choices=sorted(_ACTIONS), help="what shall be done")
    parser.add_argument("target", nargs="?", metavar="KIND/NAME", help="to which object")
    parser.add_argument(
        "--to-revision", type=int, metavar="N", help="rollback: the revision (default: the previous one)"
    )
    parser.add_argument("--replicas", type=int, metavar="N", help="scale-down: how many replicas shall remain")
    parser.add_argument("--summary", required=True, metavar="TEXT", help="what is wrong and why this action helps")
    add_common_flags(parser)


async def _run(arguments: argparse.Namespace, session: Session) -> ExitCode:
    manifest = (
        await _of_command(arguments, session) if arguments.command is not None else manifest_by_name(arguments, session)
    )
    if manifest is None:
        return ExitCode.OK
    report(session, await create(session, manifest))
    return ExitCode.OK


def manifest_by_name(arguments: argparse.Namespace, session: Session) -> JsonObject:
    if arguments.action is None or arguments.target is None:
        raise UsageError(
            "say what to propose: an action and a target (rollback deployment/checkout), "
            "or a command after dashes (-- kubectl scale …)"
        )
    action = _ACTIONS[arguments.action]
    target = typed_target(arguments.target, default=_DEFAULT_KINDS.get(action))
    return proposal(
        arguments,
        action=action,
        target=target,
        namespace=namespace_for(session, session.namespace if target.kind.namespaced else ""),
        parameters=_parameters(arguments, action),
    )


def _parameters(arguments: argparse.Namespace, action: Action) -> dict[str, Any]:
    for flag, owner in _FLAG_OF.items():
        if getattr(arguments, flag) is not None and owner is not action:
            raise UsageError(f"--{flag.replace('_', '-')} does not go with {arguments.action}")
    if action is Action.ROLLBACK:
        return {"rollback": {"toRevision": _natural("--to-revision", arguments.to_revision or 0)}}
    if action is Action.SCALE_DOWN:
        if arguments.replicas is None:
            raise UsageError("scale-down needs --replicas, the number that shall remain")
        return {"scaleDown": {"replicas": _natural("--replicas", arguments.replicas)}}
    return {action.value.lower(): {}}


def _natural(flag: str, number: int) -> int:
    if number < 0:
        raise UsageError(f"{flag} must be 0 or more, not {number}")
    return number


async def _of_command(arguments: argparse.Namespace, session: Session) -> JsonObject | None:
    if arguments.action is not None:
        raise UsageError("give an action and a target or a command after `--`, not both")
    plan = await plan_of(session, arguments.command)
    wanted = plan.wanted
    if wanted is None:
        say_that_nothing_is_needed(session, plan.command, "nothing was proposed, run it as it is")
        return None
    return await manifest_of_command(arguments, session, wanted)


COMMAND = Command(
    name="propose",
    summary="ask for a rollback, drain, scale-down or restart, or for what a command does",
    description=(
        "Ask for one action. Cutline's gate works out the exact change, who has to sign it, and adds who you are.\n"
        "After `--` comes a kubectl command; it is rehearsed as a server-side dry run, and exactly the change\n"
        "that the gate held up is proposed. Nothing is changed by proposing."
    ),
    examples=(
        (
            "go back to the previous revision",
            "kubectl cutline propose rollback deployment/checkout --summary '5xx since revision 42'",
        ),
        (
            "keep two replicas, with evidence",
            "kubectl cutline propose scale-down deploy/checkout --replicas 2 --summary 'idle since noon' \\\n"
            "    --evidence 'source=prometheus,claim=3 requests in 6 h,link=https://prometheus.example/g'",
        ),
        ("empty a node", "kubectl cutline propose drain node-1 --summary 'disk errors' --incident INC-1207"),
        ("remove one pod", "kubectl cutline propose restart pod/checkout-0 -n shop --summary 'deadlocked'"),
        (
            "propose exactly what a command does",
            "kubectl cutline propose --summary 'idle' -- kubectl scale deployment/checkout --replicas=2",
        ),
    ),
    configure=_configure,
    run=_run,
    after_dashes=AfterDashes.A_COMMAND,
)
