"""`reject`: stop a proposal: whoever may approve may reject."""

import argparse

from cutline.domain.signoff import Decision
from cutline_cli.command import Command
from cutline_cli.exits import ExitCode
from cutline_cli.session import Session
from cutline_cli.signing import add_flags, sign


async def _run(arguments: argparse.Namespace, session: Session) -> ExitCode:
    return await sign(arguments, session, Decision.REJECT)


COMMAND = Command(
    name="reject",
    summary="stop a proposal: whoever may approve may reject",
    description=(
        "Say no. The changes cannot pass while your rejection stands, however many others have approved. To take\n"
        "it back, approve."
    ),
    examples=(
        ("say no", "kubectl cutline reject rollback-checkout-7k2xq -n shop --reason 'the fix is already merged'"),
    ),
    configure=add_flags,
    run=_run,
)
