"""`show`: one screen that answers "what am I approving?"."""

import argparse

from cutline_cli.command import Command
from cutline_cli.exits import ExitCode
from cutline_cli.live_target import read_live
from cutline_cli.printers import record_as_tree
from cutline_cli.records import read_record, read_rejections
from cutline_cli.rendering.screen import View, screen
from cutline_cli.session import Session
from cutline_cli.standing import standing_now


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help="the proposal")


async def _run(arguments: argparse.Namespace, session: Session) -> ExitCode:
    record = await read_record(session, arguments.name)
    live, humans = await read_live(session, record), await session.humans()
    rejections = await read_rejections(session, record)
    standing = standing_now(record, humans, session.now(), lines=live.lines, drift=live.drift)
    if session.wants_json:
        session.console.show_json(
            {
                **record_as_tree(record, standing),
                "drift": None if live.drift is None else list(live.drift),
                "rejectedBefore": None if rejections is None else [one.as_tree() for one in rejections],
            }
        )
        return ExitCode.OK
    view = View(record, standing, live, await session.user(), humans, session.now(), rejections)
    session.console.show(screen(view))
    return ExitCode.OK


COMMAND = Command(
    name="show",
    summary="what a proposal would change, who signed it, what is missing, and why it was made",
    description=(
        "Everything an approver needs on one screen: every change as the gate has rendered it, the targets as they\n"
        "are now, what would be touched, how to take it back, who has signed and who still can. The proposer's own\n"
        "words stand last, each line behind a bar."
    ),
    examples=(
        ("look before signing", "kubectl cutline show rollback-checkout-7k2xq -n shop"),
        ("everything, for a program", "kubectl cutline show rollback-checkout-7k2xq -n shop -o json"),
    ),
    configure=_configure,
    run=_run,
)
