"""`wait`: until a proposal is approved, used, or whatever else is waited for."""

import argparse

from cutline.domain.duration import parse_duration
from cutline.domain.errors import BadObject
from cutline.domain.lifecycle import Phase
from cutline_cli.command import Command
from cutline_cli.exits import ExitCode, UsageError
from cutline_cli.session import Session
from cutline_cli.waiting import wait_for


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help="the proposal")
    parser.add_argument(
        "--for",
        dest="phase",
        choices=[phase.value for phase in Phase],
        default=Phase.APPROVED.value,
        help="what to wait for (default: %(default)s)",
    )
    parser.add_argument(
        "--timeout", default="10m", metavar="TIME", help="how long, as 90s or 10m (default: %(default)s)"
    )


async def _run(arguments: argparse.Namespace, session: Session) -> ExitCode:
    try:
        limit = parse_duration(arguments.timeout, "--timeout")
    except BadObject as error:
        raise UsageError(str(error)) from error
    phase, signed = await wait_for(session, arguments.name, Phase(arguments.phase), limit)
    if session.wants_json:
        session.console.show_json({"name": arguments.name, "phase": phase.value, "signed": signed})
    else:
        session.console.say(f"{arguments.name} is {phase.value}, signed {signed}")
    return ExitCode.OK


COMMAND = Command(
    name="wait",
    summary="wait until a proposal is approved or used",
    description=(
        "Wait until a proposal is in a phase, or past it. Ends at once, with exit code 4, when it cannot get\n"
        "there as things stand, and with 5 when the time is over. Approval is worked out from the sign-offs themselves."
    ),
    examples=(
        ("act once it is signed", "kubectl cutline wait rollback-checkout-7k2xq -n shop && kubectl rollout undo …"),
        ("wait for its use", "kubectl cutline wait rollback-checkout-7k2xq -n shop --for Used --timeout 1h"),
    ),
    configure=_configure,
    run=_run,
)
