"""`revoke`: take back your own approval, until it has been used."""

import argparse

from cutline.domain.signoff import Decision
from cutline_cli.command import Command
from cutline_cli.exits import ExitCode
from cutline_cli.session import Session
from cutline_cli.signing import add_flags, sign


async def _run(arguments: argparse.Namespace, session: Session) -> ExitCode:
    return await sign(arguments, session, Decision.REVOKE)


COMMAND = Command(
    name="revoke",
    summary="take back your own approval, until it has been used",
    description=("Take back your own approval. Both sign-offs stay on record."),
    examples=(
        (
            "think better of it",
            "kubectl cutline revoke rollback-checkout-7k2xq -n shop --reason 'the error rate has recovered'",
        ),
    ),
    configure=add_flags,
    run=_run,
)
