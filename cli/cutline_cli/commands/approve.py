"""`approve`: sign a proposal, or less than it asks for."""

import argparse
import re
from typing import Any

from cutline.domain.duration import MAX_VALID_FOR
from cutline.domain.signoff import Decision
from cutline_cli.command import Command
from cutline_cli.exits import ExitCode, UsageError
from cutline_cli.manifests import checked_duration
from cutline_cli.session import Session
from cutline_cli.signing import add_flags, sign

_POD = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?/[a-z0-9]([-.a-z0-9]*[a-z0-9])?")


def _configure(parser: argparse.ArgumentParser) -> None:
    add_flags(parser)
    less = parser.add_argument_group("approve less than is asked for")
    less.add_argument("--replicas", type=int, metavar="N", help="a scale-down must leave at least N replicas")
    less.add_argument(
        "--pod", action="append", metavar="NAMESPACE/NAME", help="only this pod may be removed; may be repeated"
    )
    less.add_argument("--valid-for", metavar="TIME", help="this approval may be used for so long, at most 30m")


async def _run(arguments: argparse.Namespace, session: Session) -> ExitCode:
    return await sign(arguments, session, Decision.APPROVE, narrowing(arguments))


def narrowing(arguments: argparse.Namespace) -> dict[str, Any]:
    """`spec.narrow` of the sign-off; empty where everything is approved."""
    narrow: dict[str, Any] = {}
    if arguments.replicas is not None:
        if arguments.replicas < 0:
            raise UsageError(f"--replicas must be 0 or more, not {arguments.replicas}")
        narrow["replicas"] = arguments.replicas
    if arguments.pod:
        for pod in arguments.pod:
            if not _POD.fullmatch(pod):
                raise UsageError(f"--pod {pod!r}: write NAMESPACE/NAME, for example shop/checkout-0")
        narrow["pods"] = sorted(set(arguments.pod))
    if arguments.valid_for:
        narrow["validFor"] = checked_duration(arguments.valid_for, "--valid-for", MAX_VALID_FOR)
    return narrow


COMMAND = Command(
    name="approve",
    summary="sign a proposal, or less than it asks for",
    description=(
        "Sign exactly the change that the proposal's digest stands for. You are shown it and asked to confirm;\n"
        "with --digest you sign only what you were shown before. Where several people have to sign, the change\n"
        "passes once all of them have."
    ),
    examples=(
        (
            "sign what show has printed",
            "kubectl cutline approve rollback-checkout-7k2xq -n shop --digest sha256:9f2c0e61d8a7b345 \\\n"
            "    --reason 'revision 41 ran for nine days'",
        ),
        (
            "allow a scale-down, but not below three",
            "kubectl cutline approve scaledown-checkout-x2m4p --replicas 3 --reason 'two are not enough at noon'",
        ),
    ),
    configure=_configure,
    run=_run,
)
