"""The command line as a whole: common flags, verbs, help with examples."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from cutline_cli.command import AfterDashes, Command
from cutline_cli.commands import COMMANDS
from cutline_cli.exits import UsageError
from cutline_cli.session import DEFAULT_SYSTEM_NAMESPACE, SYSTEM_NAMESPACE_VARIABLE

PROGRAM = "kubectl cutline"
_EXIT_CODES = (
    "exit codes: 0 done, 1 error, 2 wrong usage, 3 not found, 4 refused or not confirmed, 5 timed out, 130 interrupted"
)


class Parser(argparse.ArgumentParser):
    """An `ArgumentParser` that raises instead of ending the process."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message} (see {self.prog} --help)")


def parsed(words: Sequence[str]) -> argparse.Namespace:
    """The command line, parsed: `run` is the verb's function, `command` what stood after `--`.

    Raises `UsageError`; `--help` prints and raises `SystemExit(0)`, as argparse does.
    """
    own, command = split_at_dashes(words)
    arguments = _parser().parse_args(own)
    verb: Command = arguments.verb
    if command is not None and verb.after_dashes is AfterDashes.NOTHING:
        raise UsageError(f"{verb.name} takes nothing after `--`; put its flags before, or leave the dashes out")
    arguments.command = command
    return arguments


def split_at_dashes(words: Sequence[str]) -> tuple[list[str], list[str] | None]:
    """Our own words, and those after the first `--` (None where there is none).

    argparse would take flags of the other command for ours, so it never sees them.
    """
    if "--" not in words:
        return list(words), None
    at = list(words).index("--")
    return list(words[:at]), list(words[at + 1 :])


def _parser() -> Parser:
    parser = Parser(
        prog=PROGRAM,
        description="Propose, read, sign and stop changes that cannot simply be taken back.",
        epilog=f"{_EXIT_CODES}\nhelp for one verb: {PROGRAM} VERB --help",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    verbs = parser.add_subparsers(metavar="VERB", title="verbs", required=True)
    for command in COMMANDS:
        _add(verbs, command)
    return parser


def _add(verbs: "argparse._SubParsersAction[Parser]", command: Command) -> None:
    parser = verbs.add_parser(
        command.name,
        help=command.summary,
        description=command.description,
        epilog=_epilog(command),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        # `--for` must not be taken for an abbreviated `--force` of tomorrow.
        allow_abbrev=False,
    )
    command.configure(parser)
    _add_common(parser)
    parser.set_defaults(verb=command)


def _add_common(parser: argparse.ArgumentParser) -> None:
    common = parser.add_argument_group("for every verb")
    common.add_argument("-n", "--namespace", metavar="NAME", help="the namespace (default: the context's)")
    common.add_argument("--context", metavar="NAME", help="the kubeconfig context to use (default: the current one)")
    common.add_argument("--kubeconfig", type=Path, metavar="FILE", help="the kubeconfig (default: as kubectl finds it)")
    common.add_argument(
        "--system-namespace",
        metavar="NAME",
        help=f"Cutline's own namespace (default: ${SYSTEM_NAMESPACE_VARIABLE}, else {DEFAULT_SYSTEM_NAMESPACE})",
    )
    common.add_argument("-o", "--output", choices=["json"], help="print JSON for programs instead of text")


def _epilog(command: Command) -> str:
    examples = "\n\n".join(f"  # {comment}\n  {line}" for comment, line in command.examples)
    return f"examples:\n{examples}\n\n{_EXIT_CODES}"
