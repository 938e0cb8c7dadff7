"""Rehearse the command of the command line, and find what has to be signed for it."""

from dataclasses import dataclass
from functools import partial

from cutline.domain.target import Target
from cutline.kube.resources import PODS
from cutline_cli.rehearsal.denials import Denial
from cutline_cli.rehearsal.kubectl import KubectlCommand, kubectl_command
from cutline_cli.rehearsal.outcome import Wanted, marks_node, wanted_after
from cutline_cli.rehearsal.run import manifest_from_stdin, rehearse
from cutline_cli.session import Session


@dataclass(frozen=True, slots=True)
class Plan:
    """A command, the manifest it was piped, and what it needs to have signed (None: nothing)."""

    command: KubectlCommand
    stdin: bytes | None
    wanted: Wanted | None


async def plan_of(session: Session, words: list[str]) -> Plan:
    """Rehearse `words` as this session's user."""
    command = kubectl_command(words)
    stdin = manifest_from_stdin(command)
    rehearsed = await rehearse(
        command,
        kubeconfig=session.kubeconfig,
        context=session.context,
        namespace=session.namespace,
        flags=namespace_flag(session),
        stdin=stdin,
        is_enough=partial(_is_enough, command),
    )
    return Plan(command, stdin, await wanted_after(command, rehearsed, partial(_node_of, session)))


def namespace_flag(session: Session) -> list[str]:
    """`-n` of our own, handed to the command; the context's default it finds by itself.

    kubectl treats the two differently: only the flag must agree with a manifest's namespace.
    """
    return [] if session.given_namespace is None else [f"--namespace={session.given_namespace}"]


def _is_enough(command: KubectlCommand, denial: Denial) -> bool:
    """A drain's first denial says it all; what follows would only be denied pod by pod."""
    return command.is_drain and marks_node(denial)


async def _node_of(session: Session, target: Target) -> str:
    pod = await session.client.get(PODS, target.name, target.namespace)
    return str((pod.get("spec") or {}).get("nodeName", ""))
