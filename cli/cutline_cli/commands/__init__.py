"""The verbs, in the order in which help lists them: a new one is a module here and a row below."""

from cutline_cli.command import Command
from cutline_cli.commands import (
    approve,
    diff,
    emergency,
    list_proposals,
    propose,
    reject,
    revoke,
    show,
    uninstall,
    wait,
)

COMMANDS: tuple[Command, ...] = (
    propose.COMMAND,
    list_proposals.COMMAND,
    show.COMMAND,
    diff.COMMAND,
    approve.COMMAND,
    reject.COMMAND,
    revoke.COMMAND,
    wait.COMMAND,
    emergency.COMMAND,
    uninstall.COMMAND,
)
