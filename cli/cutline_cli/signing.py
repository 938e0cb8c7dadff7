"""Signing a proposal: check what is signed, ask, create the sign-off under a free name."""

import argparse
from collections.abc import Mapping
from typing import Any

from cutline.domain.signoff import Decision
from cutline.kube.errors import AlreadyExists
from cutline.kube.resources import SIGNOFFS
from cutline_cli.exits import CliError, ExitCode, Refused, UsageError
from cutline_cli.manifests import JsonObject, signoff
from cutline_cli.records import read_record
from cutline_cli.rendering.entries import change_lines
from cutline_cli.rendering.screen import WIDTH, labelled
from cutline_cli.session import Session
from cutline_cli.standing import Record
from cutline_cli.targets import signoff_names

_FEWEST_DIGITS = 16
_ALGORITHM = "sha256:"
_WORDS = {Decision.APPROVE: "approve", Decision.REJECT: "reject", Decision.REVOKE: "revoke"}


def add_flags(parser: argparse.ArgumentParser) -> None:
    """The flags that every decision has."""
    parser.add_argument("name", metavar="NAME", help="the proposal")
    parser.add_argument("--reason", required=True, metavar="TEXT", help="why, for those who read it afterwards")
    parser.add_argument(
        "--digest",
        metavar="sha256:…",
        help=f"sign only this digest, as show printed it; its first {_FEWEST_DIGITS} digits are enough",
    )
    parser.add_argument("-y", "--yes", action="store_true", help="do not ask; needed where there is no terminal")


async def sign(
    arguments: argparse.Namespace, session: Session, decision: Decision, narrow: Mapping[str, Any] | None = None
) -> ExitCode:
    """Give `decision` on the proposal that `arguments` name."""
    record = await read_record(session, arguments.name)
    check_digest(record, arguments.digest)
    _confirm(arguments, session, record, decision, narrow or {})
    user = await session.user()
    tree = await _create(session, record, user.username, decision, arguments.reason, narrow)
    if session.wants_json:
        session.console.show_json(tree)
    else:
        _report(session, record, decision, tree)
    return ExitCode.OK


def check_digest(record: Record, expected: str | None) -> None:
    """Refuse to sign what is not what the signer was shown."""
    digest = record.proposal.digest
    if not record.is_untampered:
        raise Refused(f"the content of {record.name} does not have the digest that it carries; do not sign it")
    if expected is None:
        return
    digits = expected.removeprefix(_ALGORITHM)
    if len(digits) < _FEWEST_DIGITS or set(digits) - set("0123456789abcdef"):
        raise UsageError(f"--digest {expected!r}: give sha256: and at least {_FEWEST_DIGITS} hexadecimal digits")
    if not digest.removeprefix(_ALGORITHM).startswith(digits):
        raise Refused(f"{record.name} now has the digest {digest}: look at it again before signing")


def _confirm(
    arguments: argparse.Namespace, session: Session, record: Record, decision: Decision, narrow: Mapping[str, Any]
) -> None:
    if arguments.yes:
        return
    console, word = session.console, _WORDS[decision]
    if not console.is_interactive:
        raise Refused(f"nobody can be asked here: add --yes to {word} {record.proposal.digest}")
    proposal = record.proposal
    console.show(labelled(word, f"{proposal.action.value}, proposed by {proposal.proposer.username}"))
    console.show(labelled("digest", proposal.digest))
    console.show(change_lines(proposal, WIDTH))
    for key, value in narrow.items():
        console.show(labelled("only", f"{key}: {', '.join(value) if isinstance(value, list) else value}"))
    if not console.asks_for(f"{word} exactly this? Type yes:", "yes"):
        raise Refused("not confirmed; nothing was signed")


async def _create(
    session: Session,
    record: Record,
    username: str,
    decision: Decision,
    reason: str,
    narrow: Mapping[str, Any] | None,
) -> JsonObject:
    """Create the sign-off under the first free name: nobody's earlier word is ever replaced."""
    proposal = record.proposal
    for name in signoff_names(proposal.name, username):
        manifest = signoff(
            name=name,
            namespace=proposal.namespace,
            proposal_name=proposal.name,
            digest=proposal.digest,
            decision=decision,
            reason=reason,
            narrow=narrow,
        )
        try:
            return await session.client.create(SIGNOFFS, manifest, proposal.namespace)
        except AlreadyExists:
            continue
    raise CliError(f"you have signed {proposal.name} too often: no name is left for another sign-off")


def _report(session: Session, record: Record, decision: Decision, tree: JsonObject) -> None:
    done = {Decision.APPROVE: "approved", Decision.REJECT: "rejected", Decision.REVOKE: "revoked the approval of"}
    name = str(tree.get("metadata", {}).get("name", ""))
    session.console.say(f"{done[decision]} {record.name} as {name}")
    session.console.say(f"  digest:  {record.proposal.digest}")
    session.console.say(f"  next:    kubectl cutline show {record.name} -n {record.proposal.namespace}")
