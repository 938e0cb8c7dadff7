"""`list`: the proposals of a namespace, and where each stands."""

import argparse

from cutline_cli.command import Command
from cutline_cli.exits import ExitCode
from cutline_cli.printers import PROPOSAL_HEADER, proposal_row, record_as_tree, table
from cutline_cli.records import read_records
from cutline_cli.session import Session
from cutline_cli.standing import standing_now


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-A", "--all-namespaces", action="store_true", help="the proposals of every namespace")


async def _run(arguments: argparse.Namespace, session: Session) -> ExitCode:
    namespace = None if arguments.all_namespaces else session.namespace
    records = await read_records(session, namespace)
    humans, now = await session.humans(), session.now()
    found = [(record, standing_now(record, humans, now)) for record in records]
    if session.wants_json:
        session.console.show_json({"items": [record_as_tree(record, standing) for record, standing in found]})
        return ExitCode.OK
    if not found:
        session.console.note(f"no proposals in {namespace or 'any namespace'}")
        return ExitCode.OK
    rows = [proposal_row(record, standing, now) for record, standing in found]
    header: tuple[str, ...] = PROPOSAL_HEADER
    if arguments.all_namespaces:
        header = ("NAMESPACE", *header)
        rows = [(record.proposal.namespace, *row) for (record, _), row in zip(found, rows, strict=True)]
    session.console.show(table(header, rows))
    return ExitCode.OK


COMMAND = Command(
    name="list",
    summary="the proposals of a namespace, and where each stands",
    description="List proposals, the newest first. Where they stand is worked out from the sign-offs themselves.",
    examples=(
        ("this namespace", "kubectl cutline list -n shop"),
        ("everywhere", "kubectl cutline list -A"),
    ),
    configure=_configure,
    run=_run,
)
