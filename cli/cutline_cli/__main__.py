"""`kubectl cutline`: parse, run one verb, end with a documented exit code.

Nothing that goes wrong outside this program reaches the user as a traceback.
"""

import asyncio
import os
import sys
from argparse import Namespace
from collections.abc import Sequence

from cutline.domain.errors import CutlineError
from cutline.kube.errors import KubeError
from cutline_cli.arguments import parsed
from cutline_cli.command import Command
from cutline_cli.console import Console, console_of_process
from cutline_cli.exits import CliError, ExitCode, cli_error
from cutline_cli.session import opened


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line `argv` (this process's own by default); the exit code."""
    console = console_of_process()
    try:
        arguments = parsed(sys.argv[1:] if argv is None else argv)
        return asyncio.run(_run(arguments, console))
    except (KubeError, CutlineError, CliError) as error:
        reported = cli_error(error)
        console.note(f"error: {reported}")
        return reported.code
    except KeyboardInterrupt:
        console.note("interrupted")
        return ExitCode.INTERRUPTED
    except BrokenPipeError:
        # `| head` has read enough. Python would complain once more while it closes the stream.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.ERROR
    except Exception as error:  # a person at a terminal has no use for a traceback
        console.note(f"error: a bug in kubectl cutline, please report it: {type(error).__name__}: {error}")
        return ExitCode.ERROR


async def _run(arguments: Namespace, console: Console) -> ExitCode:
    verb: Command = arguments.verb
    async with opened(arguments, console) as session:
        return await verb.run(arguments, session)


if __name__ == "__main__":
    sys.exit(main())
