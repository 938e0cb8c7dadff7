"""`uninstall`: take the gate out of the API server's way, in the order that cannot deadlock."""

import argparse
import asyncio
from dataclasses import dataclass

from cutline.kube.client import PatchKind
from cutline.kube.errors import Forbidden, NotFound
from cutline.kube.resources import CLUSTERROLES, CRDS, DEPLOYMENTS, MUTATING_CONFIGS, VALIDATING_CONFIGS, ResourceRef
from cutline_cli.command import Command
from cutline_cli.exits import CliError, ExitCode, Refused
from cutline_cli.session import Session


@dataclass(frozen=True, slots=True)
class _Part:
    """One cluster-scoped object of an installation."""

    ref: ResourceRef
    name: str

    def __str__(self) -> str:
        return f"{self.ref.plural.removesuffix('s')}/{self.name}"


@dataclass(frozen=True, slots=True)
class _Release:
    """What Helm calls this installation, and the namespace in which its processes run."""

    name: str
    namespace: str


# The gate first: without it nothing else of this can be held up.
_CONFIGURATIONS = (
    _Part(VALIDATING_CONFIGS, "cutline-gate"),
    _Part(VALIDATING_CONFIGS, "cutline-kinds"),
    _Part(MUTATING_CONFIGS, "cutline-kinds"),
)
_DEFINITIONS = tuple(
    _Part(CRDS, f"{plural}.cutline.dev")
    for plural in ("signoffs", "admittedchanges", "remediationproposals", "reversibilitypolicies")
)
_OPERATOR = "cutline-operator"
# An operator that still runs puts the configurations back within this time: it looks every five seconds.
_SETTLING_SECONDS = 6.0
_LOOK_SECONDS = 0.5
_PURGE_PHRASE = "delete all records"


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--purge", action="store_true", help="delete the definitions too, and with them every policy and record"
    )
    parser.add_argument("-y", "--yes", action="store_true", help="do not ask; needed where there is no terminal")


async def _run(arguments: argparse.Namespace, session: Session) -> ExitCode:
    _confirm(arguments, session)
    deleted = await _delete(session, _CONFIGURATIONS)
    release = await _release(session)
    await _stop_operator(session, release)
    deleted += await _delete(session, _CONFIGURATIONS)
    await _check_that_they_stay_away(session)
    if arguments.purge:
        deleted += await _delete(session, _DEFINITIONS)
    _report(session, release, list(dict.fromkeys(map(str, deleted))), purged=arguments.purge)
    return ExitCode.OK


def _confirm(arguments: argparse.Namespace, session: Session) -> None:
    if arguments.yes:
        return
    if not session.console.is_interactive:
        raise Refused("nobody can be asked here: add --yes to uninstall")
    phrase = _PURGE_PHRASE if arguments.purge else "yes"
    what = (
        "every policy, proposal, sign-off and admitted change of this cluster is deleted"
        if arguments.purge
        else ("from then on nothing is gated in this cluster")
    )
    if not session.console.asks_for(f"Uninstall Cutline: {what}. Type '{phrase}':", phrase):
        raise Refused("not confirmed; nothing was deleted")


async def _delete(session: Session, parts: tuple[_Part, ...]) -> list[_Part]:
    deleted = []
    for part in parts:
        try:
            await session.client.delete(part.ref, part.name)
            deleted.append(part)
        except NotFound:
            continue
    return deleted


async def _release(session: Session) -> _Release:
    """As Helm noted it on the object that owns the configurations; the usual names where there is none."""
    try:
        owner = await session.client.get(CLUSTERROLES, _OPERATOR)
    except (Forbidden, NotFound):
        owner = {}
    noted = (owner.get("metadata") or {}).get("annotations") or {}
    return _Release(
        noted.get("meta.helm.sh/release-name") or "cutline",
        noted.get("meta.helm.sh/release-namespace") or session.system_namespace,
    )


async def _stop_operator(session: Session, release: _Release) -> None:
    """No pods of the operator, where it runs as the chart's Deployment: it would put back what is deleted."""
    try:
        await session.client.patch(
            DEPLOYMENTS,
            _OPERATOR,
            {"spec": {"replicas": 0}},
            release.namespace,
            kind=PatchKind.MERGE,
            subresource="scale",
        )
    except NotFound:
        return


async def _check_that_they_stay_away(session: Session) -> None:
    for _ in range(round(_SETTLING_SECONDS / _LOOK_SECONDS)):
        await asyncio.sleep(_LOOK_SECONDS)
        for part in _CONFIGURATIONS:
            try:
                await session.client.get(part.ref, part.name)
            except NotFound:
                continue
            raise CliError(f"{part} has come back: an operator still runs somewhere; stop it, then run this again")


def _report(session: Session, release: _Release, deleted: list[str], *, purged: bool) -> None:
    console, namespace = session.console, release.namespace
    if session.wants_json:
        console.show_json({"deleted": deleted, "purged": purged})
        return
    for name in deleted or ["nothing: no webhook configuration of Cutline was there"]:
        console.say(f"deleted {name}" if deleted else name)
    console.say("nothing is gated any more; now remove the rest:")
    console.say(f"  helm uninstall {release.name} -n {namespace}")
    console.say(f"  kubectl delete namespace {namespace}" + ("" if purged else "   # takes the admitted changes along"))
    if not purged:
        console.say("policies, proposals, sign-offs and admitted changes stay, and so do their definitions;")
        console.say("  kubectl cutline uninstall --purge   deletes those too")


COMMAND = Command(
    name="uninstall",
    summary="stop gating anything, and say how to remove the rest",
    description=(
        "Delete Cutline's webhook configurations, the gate's first, so that nothing is held up by a webhook that is\n"
        "about to go, and scale its operator to zero, which would put them back. Policies and records stay, unless\n"
        "--purge is given."
    ),
    examples=(
        ("stop gating, keep the records", "kubectl cutline uninstall"),
        ("leave nothing behind", "kubectl cutline uninstall --purge"),
    ),
    configure=_configure,
    run=_run,
)
