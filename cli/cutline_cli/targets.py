"""Targets as people type them, `deployment/checkout`, and names made from them."""

import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass

from cutline.domain import kind as kinds
from cutline.domain.kind import Kind
from cutline.domain.target import Target
from cutline_cli.exits import UsageError

_SHORT = {
    "deploy": kinds.DEPLOYMENT,
    "sts": kinds.STATEFUL_SET,
    "ds": kinds.DAEMON_SET,
    "rs": kinds.REPLICA_SET,
    "po": kinds.POD,
    "no": kinds.NODE,
    "ns": kinds.NAMESPACE,
    "revpol": kinds.POLICY,
    "crd": kinds.DEFINITION,
}
_LONGEST_STEM = 160  # leaves room in a proposal's 200 characters for a suffix
_LONGEST_NAME = 253  # of any Kubernetes object
_SUFFIX_LETTERS = "bcdfghjklmnpqrstvwxz2456789"  # as generateName: no vowels, hence no words
_SUFFIX_LENGTH = 5


@dataclass(frozen=True, slots=True)
class TypedTarget:
    """An object by kind and name, before anybody has looked whether it exists."""

    kind: Kind
    name: str

    def __str__(self) -> str:
        return f"{self.kind.kind.lower()}/{self.name}"


def typed_target(text: str, *, default: Kind | None = None) -> TypedTarget:
    """The target that `KIND/NAME` names; `default` is the kind of a bare `NAME`."""
    word, slash, name = text.partition("/")
    if not slash and default is not None:
        return TypedTarget(default, text)
    if not slash or not name or "/" in name:
        raise UsageError(f"{text!r} is not a target; write KIND/NAME, for example deployment/checkout")
    try:
        return TypedTarget(_kinds_by_word()[word.lower()], name)
    except KeyError:
        known = ", ".join(kind.kind.lower() for kind in kinds.KINDS)
        raise UsageError(f"the kind {word!r} is not one that can be proposed for; known are {known}") from None


def _kinds_by_word() -> dict[str, Kind]:
    return {word: kind for kind in kinds.KINDS for word in _words_of(kind)} | _SHORT


def _words_of(kind: Kind) -> Iterator[str]:
    """Everything that kubectl takes for the kind, but for its abbreviations."""
    for word in (kind.kind.lower(), kind.resource):
        yield word
        if kind.group:
            yield f"{word}.{kind.group}"
            yield f"{word}.{kind.version}.{kind.group}"


def proposal_name(action: str, target: str) -> str:
    """A readable name nobody has used yet: `rollback-checkout-7k2xq`."""
    suffix = "".join(secrets.choice(_SUFFIX_LETTERS) for _ in range(_SUFFIX_LENGTH))
    return f"{_label(f'{action.lower()}-{target}')[:_LONGEST_STEM].rstrip('-')}-{suffix}"


def signoff_names(proposal: str, username: str) -> Iterator[str]:
    """Names for a sign-off, the plainest first: people may sign a proposal several times."""
    # A service account's or an OIDC issuer's prefix says nothing to those who read the list.
    person = _label(re.split(r"[:#/]", username)[-1]) or "someone"
    stem = f"{proposal}-{person}"[: _LONGEST_NAME - 4].rstrip("-.")
    yield stem
    for number in range(2, 100):
        yield f"{stem}-{number}"


def _label(text: str) -> str:
    """`text` as a DNS label: an e-mail address loses its domain's dots, not its meaning."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def where(target: Target) -> str:
    """An object as kubectl takes it: `deployment/checkout -n shop`."""
    namespace = f" -n {target.namespace}" if target.namespace else ""
    return f"{target.kind.lower()}/{target.name}{namespace}"
