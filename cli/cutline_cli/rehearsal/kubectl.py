"""A kubectl command line, as far as a rehearsal has to understand it.

Only verbs are rehearsed of which it is known that they do their work through the
kubeconfig they are given. A flag that would lead kubectl past the rehearsal's proxy is
refused, since everything past the proxy is real.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import PurePath

from cutline_cli.exits import UsageError


class DryRun(Enum):
    """Whether a verb knows `--dry-run=server`; the proxy makes the others' writes dry runs."""

    KNOWN = "known"
    UNKNOWN = "unknown"


_FLAG = "--dry-run=server"
# From `kubectl VERB --help` of 1.37; `rollout restart` and its neighbours have no such flag.
_VERBS: dict[tuple[str, ...], DryRun] = {
    ("scale",): DryRun.KNOWN,
    ("rollout", "undo"): DryRun.KNOWN,
    ("rollout", "restart"): DryRun.UNKNOWN,
    ("rollout", "pause"): DryRun.UNKNOWN,
    ("rollout", "resume"): DryRun.UNKNOWN,
    ("delete",): DryRun.KNOWN,
    ("drain",): DryRun.KNOWN,
    ("cordon",): DryRun.KNOWN,
    ("uncordon",): DryRun.KNOWN,
    ("taint",): DryRun.KNOWN,
    ("apply",): DryRun.KNOWN,
    ("patch",): DryRun.KNOWN,
    ("replace",): DryRun.KNOWN,
    ("create",): DryRun.KNOWN,
    ("label",): DryRun.KNOWN,
    ("annotate",): DryRun.KNOWN,
    ("autoscale",): DryRun.KNOWN,
    ("set", "image"): DryRun.KNOWN,
    ("set", "env"): DryRun.KNOWN,
    ("set", "resources"): DryRun.KNOWN,
    ("set", "selector"): DryRun.KNOWN,
    ("set", "serviceaccount"): DryRun.KNOWN,
}
_WAYS_PAST_THE_PROXY = frozenset(
    f"--{name}"
    for name in (
        *("kubeconfig", "context", "cluster", "user", "server", "token", "username", "password"),
        *(
            "client-certificate",
            "client-key",
            "certificate-authority",
            "kuberc",
            "insecure-skip-tls-verify",
            "tls-server-name",
        ),
    )
)
# One-letter flags of these verbs that take a value: what follows in the same word is the value.
_SHORT_WITH_VALUE = frozenset("cfklnopv")
_SHORT_SERVER = "s"
_STDIN_FILES = frozenset({"-f-", "-f=-", "--filename=-"})


@dataclass(frozen=True, slots=True)
class KubectlCommand:
    """A command that may be rehearsed: the program, its verb, and all that follows the verb."""

    program: str
    verb: tuple[str, ...]
    rest: tuple[str, ...]

    def rehearsed(self, *own: str) -> list[str]:
        """The command line of the rehearsal: no other idea of a dry run than the server's.

        `own` are flags of ours, which yield to the command's: those come later.
        """
        kept = [word for word in self.rest if word.split("=")[0] != "--dry-run"]
        flags = [_FLAG] if _VERBS[self.verb] is DryRun.KNOWN else []
        return [self.program, *own, *self.verb, *flags, *kept]

    def real(self, *own: str) -> list[str]:
        """The command line as it was given, after flags of `own`."""
        return [self.program, *own, *self.verb, *self.rest]

    @property
    def reads_stdin(self) -> bool:
        """Whether a manifest comes through the standard input."""
        pairs = zip(self.rest, self.rest[1:], strict=False)
        return any(flag in ("-f", "--filename") and value == "-" for flag, value in pairs) or any(
            word in _STDIN_FILES for word in self.rest
        )

    @property
    def is_drain(self) -> bool:
        return self.verb == ("drain",)

    @property
    def deletes_instead_of_evicting(self) -> bool:
        return self.is_drain and any(word.split("=")[0] == "--disable-eviction" for word in self.rest)

    def __str__(self) -> str:
        return " ".join([self.program, *self.verb, *self.rest])


def kubectl_command(words: Sequence[str]) -> KubectlCommand:
    """The command that stood after `--`; raises `UsageError` for what cannot be rehearsed."""
    if not words:
        raise UsageError("nothing follows `--`; write the command there, for example -- kubectl scale …")
    program, *rest = words
    if PurePath(program).name.removesuffix(".exe") != "kubectl":
        raise UsageError(
            f"{program!r} cannot be rehearsed, only kubectl can; "
            "propose its change by name instead, for example: propose scale-down deployment/checkout --replicas 2"
        )
    for word in rest:
        _refuse_way_past_the_proxy(word)
    where, rest = _split_leading_namespace(rest)
    for length in (1, 2):
        verb = tuple(rest[:length])
        if verb in _VERBS:
            return KubectlCommand(program, verb, (*where, *rest[length:]))
    known = ", ".join(" ".join(verb) for verb in _VERBS)
    raise UsageError(
        f"`kubectl {' '.join(rest[:2])}` cannot be rehearsed; put the verb first (or -n NAMESPACE), one of: {known}"
    )


def _split_leading_namespace(words: list[str]) -> tuple[list[str], list[str]]:
    """A namespace flag that stands before the verb, as many people write it, and the rest."""
    if words[:1] and words[0] in ("-n", "--namespace"):
        return words[:2], words[2:]
    if words[:1] and words[0].startswith(("--namespace=", "-n")):
        return words[:1], words[1:]
    return [], words


def _refuse_way_past_the_proxy(word: str) -> None:
    flag = word.split("=")[0]
    if flag in _WAYS_PAST_THE_PROXY or _has_short_server(word):
        raise UsageError(
            f"{flag} would lead kubectl past the dry run; "
            "give --kubeconfig or --context to kubectl cutline, before the `--`"
        )


def _has_short_server(word: str) -> bool:
    """Whether a word of one-letter flags, such as `-As`, holds the one that names a server."""
    if not word.startswith("-") or word.startswith("--"):
        return False
    for letter in word[1:]:
        if letter == _SHORT_SERVER:
            return True
        if letter in _SHORT_WITH_VALUE:
            return False
    return False
