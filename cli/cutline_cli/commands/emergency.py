"""`emergency`: the way out for one human at night, at once and under everybody's eyes."""

import argparse
import asyncio
import os

from cutline.domain.duration import format_duration
from cutline.domain.proposal import Proposal
from cutline_cli.command import AfterDashes, Command
from cutline_cli.exits import CliError, ExitCode, UsageError
from cutline_cli.proposing import (
    add_common_flags,
    completed,
    create,
    manifest_of_command,
    say_that_nothing_is_needed,
)
from cutline_cli.rehearsal.outcome import Wanted
from cutline_cli.rehearsal.wanted import Plan, namespace_flag, plan_of
from cutline_cli.rendering.lines import Line, Tone
from cutline_cli.session import Session

_STANDARD_ERROR = 2


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--reason", required=True, metavar="TEXT", help="why this cannot wait for a second person")
    parser.add_argument("--ticket", required=True, metavar="ID", help="where it will be reviewed afterwards")
    parser.add_argument("--summary", metavar="TEXT", help="what is wrong (default: the reason)")
    add_common_flags(parser)


async def _run(arguments: argparse.Namespace, session: Session) -> ExitCode:
    if arguments.command is None:
        raise UsageError("emergency runs a command; write it after dashes: -- kubectl rollout undo deployment/checkout")
    arguments.summary = arguments.summary or arguments.reason
    plan = await plan_of(session, arguments.command)
    if plan.wanted is None:
        say_that_nothing_is_needed(session, plan.command, "no emergency was called")
        await _run_for_real(session, plan)
        return ExitCode.OK
    called = await _call(arguments, session, plan.wanted)
    try:
        await _run_for_real(session, plan)
    finally:
        # Whatever became of the command: the door is open, and people have to know.
        _tell_loudly(session, called)
    return ExitCode.OK


async def _call(arguments: argparse.Namespace, session: Session, wanted: Wanted) -> Proposal:
    emergency = {"reason": arguments.reason, "ticket": arguments.ticket}
    tree = await create(session, await manifest_of_command(arguments, session, wanted, emergency))
    if session.wants_json:
        session.console.show_json(tree)
    return completed(tree)


async def _run_for_real(session: Session, plan: Plan) -> None:
    """The command itself, as its author's own user; its output is the terminal's, and never mixed with our JSON."""
    environment = dict(os.environ)
    flags = namespace_flag(session)
    if session.kubeconfig is not None:
        environment["KUBECONFIG"] = str(session.kubeconfig)
    if session.context is not None:
        flags.append(f"--context={session.context}")
    session.console.note(f"running: {plan.command}")
    try:
        process = await asyncio.create_subprocess_exec(
            *plan.command.real(*flags),
            env=environment,
            stdin=None if plan.stdin is None else asyncio.subprocess.PIPE,
            stdout=_STANDARD_ERROR if session.wants_json else None,
        )
    except OSError as error:
        raise CliError(f"{plan.command.program} cannot be started: {error.strerror}") from error
    await process.communicate(plan.stdin)
    if process.returncode:
        raise CliError(f"`{plan.command}` ended with exit code {process.returncode}")


def _tell_loudly(session: Session, called: Proposal) -> None:
    span = format_duration(called.emergency_life)
    lines = (
        f"EMERGENCY {called.name} in {called.namespace}: called by you alone, nobody else has signed.",
        f"For {span} from its start exactly this change passes, once. Then it is over.",
        "It stays open until somebody else has reviewed it; they begin with:",
        f"  kubectl cutline show {called.name} -n {called.namespace}",
    )
    if session.wants_json:
        session.console.note("\n".join(lines))
        return
    session.console.show(Line(line, Tone.WARNING) for line in lines)


COMMAND = Command(
    name="emergency",
    summary="run a command at once, without a second person, for others to review",
    description=(
        "Call an emergency and run a command. It is rehearsed first, so that exactly its change passes and nothing\n"
        "else. You need the verb `emergency` on actions.cutline.dev, a reason and a ticket. It lasts 15 minutes\n"
        "or what --valid-for says, if that is less; everybody is told, and somebody else has to review it."
    ),
    examples=(
        (
            "take back a release that is losing orders",
            "kubectl cutline emergency --reason 'orders are lost, nobody else is awake' --ticket INC-1207 \\\n"
            "    -- kubectl rollout undo deployment/checkout -n shop",
        ),
    ),
    configure=_configure,
    run=_run,
    after_dashes=AfterDashes.A_COMMAND,
)
