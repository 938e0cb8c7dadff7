"""Exit codes, and the errors that end a command with one of them.

An error is one clear sentence that names the field or object and the fix. Nothing here
knows how it is printed; only `__main__` turns an error into a line and a code.
"""

from enum import IntEnum
from typing import assert_never

from cutline.domain.errors import CutlineError
from cutline.kube.errors import (
    AlreadyExists,
    Forbidden,
    KubeError,
    NotFound,
    Unauthorized,
)

# What the API server puts before the gate's own words.
_WEBHOOK_PREFIX = "admission webhook "
_DENIED = " denied the request: "


class ExitCode(IntEnum):
    """How a command ended, for scripts; documented in `docs/reference/cli.md`."""

    OK = 0
    ERROR = 1
    USAGE = 2
    NOT_FOUND = 3
    REFUSED = 4  # by the gate, by the API server, or by whoever was asked to confirm
    TIMED_OUT = 5
    INTERRUPTED = 130  # as shells report a program that Ctrl-C ended


class CliError(Exception):
    """A command cannot go on; the message is all that the user will read."""

    code = ExitCode.ERROR


class UsageError(CliError):
    """The command line cannot be meant; names the flag and the fix."""

    code = ExitCode.USAGE


class Missing(CliError):
    """What the command is about does not exist."""

    code = ExitCode.NOT_FOUND


class Refused(CliError):
    """The gate, the API server or a person said no."""

    code = ExitCode.REFUSED


class TimedOut(CliError):
    """What was waited for did not happen in time."""

    code = ExitCode.TIMED_OUT


def cli_error(error: KubeError | CutlineError | CliError) -> CliError:
    """`error` as the command line reports it."""
    match error:
        case CliError():
            return error
        case CutlineError():
            return CliError(str(error))
        case KubeError():
            return _from_api_server(error)
    assert_never(error)


def _from_api_server(error: KubeError) -> CliError:
    message = without_prefix(error.message)
    match error:
        case NotFound() if not error.details.get("name"):
            return Missing(f"the API server does not know this kind of object: is Cutline installed? ({message})")
        case NotFound():
            return Missing(message)
        case Unauthorized():
            return Refused(f"the API server does not accept your credentials: {message}")
        case Forbidden():
            return Refused(message)
        case AlreadyExists():
            return CliError(f"{message}; choose another name with --name")
        case _:
            return CliError(message)


def without_prefix(message: str) -> str:
    """A denial in the gate's own words, without the API server's introduction to them."""
    if message.startswith(_WEBHOOK_PREFIX) and _DENIED in message:
        return message.split(_DENIED, 1)[1]
    return message
