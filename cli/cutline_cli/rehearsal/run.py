"""Running a command against the rehearsal's proxy, and what came of it."""

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cutline.kube.connection import load
from cutline_cli.exits import CliError, TimedOut, cli_error
from cutline_cli.rehearsal.denials import Denial, OtherRefusal
from cutline_cli.rehearsal.kubectl import KubectlCommand
from cutline_cli.rehearsal.proxy import Findings, rehearsing

_SECONDS = 60.0
_SECONDS_TO_END = 2.0
# Variables that would lead a client past the kubeconfig that it is given.
_WAYS_PAST_THE_PROXY = ("KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT", "KUBERNETES_MASTER")
_NO_PROXY = ("NO_PROXY", "no_proxy")


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """What a rehearsal found: denials by the gate, other refusals, and how the command ended."""

    denials: tuple[Denial, ...]
    others: tuple[OtherRefusal, ...]
    exit_code: int
    errors: str


async def rehearse(
    command: KubectlCommand,
    *,
    kubeconfig: Path | None,
    context: str | None,
    namespace: str,
    flags: Sequence[str],
    stdin: bytes | None,
    is_enough: Callable[[Denial], bool],
) -> Rehearsed:
    """Run `command` so that nothing it does is real; stop it at a denial that `is_enough`.

    Raises `TimedOut` after a minute, `CliError` if the command cannot be started.
    """
    endpoint, tokens = await asyncio.to_thread(load, kubeconfig, context)
    async with rehearsing(endpoint, tokens, namespace) as rehearsal:
        environment = environment_of_rehearsal(os.environ, rehearsal.kubeconfig, rehearsal.folder)
        process = await _started(command.rehearsed(*flags), environment, stdin)
        finishing = asyncio.ensure_future(process.communicate(stdin))
        stopping = asyncio.ensure_future(_until_enough(rehearsal.findings, is_enough))
        try:
            async with asyncio.timeout(_SECONDS):
                await asyncio.wait({finishing, stopping}, return_when=asyncio.FIRST_COMPLETED)
        except TimeoutError:
            raise TimedOut(
                f"`{command}` did not end within {_SECONDS:g} s, nothing has been changed; "
                "does it wait for something? --wait=false or --timeout may help"
            ) from None
        finally:
            stopping.cancel()
            await _ended(process)
            await asyncio.wait({finishing})
        _, errors = finishing.result()
        return _rehearsed(rehearsal.findings, process.returncode or 0, errors)


def environment_of_rehearsal(environment: Mapping[str, str], kubeconfig: Path, folder: Path) -> dict[str, str]:
    """The command's environment, in which all ways to an API server lead to the proxy."""
    result = {key: value for key, value in environment.items() if key not in _WAYS_PAST_THE_PROXY}
    result["KUBECONFIG"] = str(kubeconfig)
    # Defaults that a user has set for kubectl's flags could name another server.
    result |= {"KUBERC": "off", "KUBECTL_KUBERC": "false"}
    # kubectl's caches are by address, and this address will never be used again.
    result["KUBECACHEDIR"] = str(folder / "cache")
    for name in _NO_PROXY:
        result[name] = ",".join(part for part in (environment.get(name), "127.0.0.1") if part)
    return result


async def _started(
    words: Sequence[str], environment: dict[str, str], stdin: bytes | None
) -> asyncio.subprocess.Process:
    try:
        return await asyncio.create_subprocess_exec(
            *words,
            env=environment,
            stdin=asyncio.subprocess.DEVNULL if stdin is None else asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
    except OSError as error:
        raise CliError(f"{words[0]} cannot be started: {error.strerror}; is it on the PATH?") from error


async def _until_enough(findings: Findings, is_enough: Callable[[Denial], bool]) -> None:
    while not any(is_enough(denial) for denial in findings.denials):
        await findings.changed.wait()
        findings.changed.clear()


async def _ended(process: asyncio.subprocess.Process) -> None:
    """Make sure that the process is gone, politely first."""
    for sign in (signal.SIGTERM, signal.SIGKILL):
        if process.returncode is not None:
            return
        try:
            process.send_signal(sign)
            async with asyncio.timeout(_SECONDS_TO_END):
                await process.wait()
        except ProcessLookupError:
            return
        except TimeoutError:
            continue


def _rehearsed(findings: Findings, exit_code: int, errors: bytes) -> Rehearsed:
    for error in findings.unreadable:
        raise cli_error(error) if isinstance(error, CliError) else error
    return Rehearsed(
        denials=tuple(findings.denials),
        others=tuple(findings.others),
        exit_code=exit_code,
        errors=errors.decode("utf-8", "replace").strip(),
    )


def manifest_from_stdin(command: KubectlCommand) -> bytes | None:
    """The manifest that a command reads from the standard input, which can be read once only."""
    return sys.stdin.buffer.read() if command.reads_stdin else None
