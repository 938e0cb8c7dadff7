"""The one shape of a verb: a module in `commands/` makes one and lists it there."""

from argparse import ArgumentParser, Namespace
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum

from cutline_cli.exits import ExitCode
from cutline_cli.session import Session


class AfterDashes(Enum):
    """Whether a verb takes another program's command line after `--`."""

    NOTHING = "nothing"
    A_COMMAND = "a command"


@dataclass(frozen=True, slots=True)
class Command:
    """A verb of `kubectl cutline`.

    `examples` are whole command lines with a comment each; `configure` adds the verb's
    own flags; `run` does the work. The words after `--` arrive as `arguments.command`.
    """

    name: str
    summary: str
    description: str
    examples: tuple[tuple[str, str], ...]
    configure: Callable[[ArgumentParser], None]
    run: Callable[[Namespace, Session], Awaitable[ExitCode]]
    after_dashes: AfterDashes = AfterDashes.NOTHING
