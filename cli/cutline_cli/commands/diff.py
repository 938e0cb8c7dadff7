"""`diff`: the signed change alone, in full."""

import argparse

from cutline_cli.command import Command
from cutline_cli.exits import ExitCode
from cutline_cli.records import read_record
from cutline_cli.rendering.entries import entry_lines
from cutline_cli.rendering.screen import WIDTH
from cutline_cli.session import Session


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help="the proposal")


async def _run(arguments: argparse.Namespace, session: Session) -> ExitCode:
    record = await read_record(session, arguments.name)
    entries = record.proposal.changes
    if session.wants_json:
        session.console.show_json([entry.as_tree() for entry in entries])
        return ExitCode.OK
    for entry in entries:
        session.console.show(entry_lines(entry, WIDTH))
    return ExitCode.OK


COMMAND = Command(
    name="diff",
    summary="the exact change of a proposal, in full",
    description="Print the change that is signed, from its canonical form, without leaving anything out.",
    examples=(("read it with a pager", "kubectl cutline diff rollback-checkout-7k2xq -n shop | less"),),
    configure=_configure,
    run=_run,
)
