"""What the rehearsal's proxy lets out: reads, and writes that are dry runs. Pure.

Every other request is refused here, on this machine, with a `Status` that kubectl can
print. The judgement is on what will be forwarded, never on what came in: the query is
written anew, so that the API server cannot read it differently.
"""

from dataclasses import dataclass
from urllib.parse import parse_qsl, quote, unquote, urlencode

from cutline_cli.rehearsal.delete_options import Unreadable, is_dry_run

_READS = frozenset({"GET", "HEAD"})
_WRITES = frozenset({"POST", "PUT", "PATCH"})
_DELETE = "DELETE"
# What happens in a container or behind a node has no dry run.
_CONNECTIONS = frozenset({"exec", "attach", "portforward", "proxy"})
# `/api/v1/…` or `/apis/GROUP/VERSION/…`, up to where resources begin.
_CORE, _GROUPS = "api", "apis"
_PREFIX_LENGTH = {_CORE: 2, _GROUPS: 3}
_DRY_RUN = ("dryRun", "All")


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A request that may be forwarded, with the path and query that it is forwarded under."""

    path: str
    query: str


@dataclass(frozen=True, slots=True)
class NotForwarded:
    """A request that stays here, and why."""

    reason: str


@dataclass(frozen=True, slots=True)
class Incoming:
    """A request as the rehearsed command sent it; `path` is still quoted."""

    method: str
    path: str
    query: str
    body: bytes
    content_type: str
    wants_upgrade: bool = False


def judged(request: Incoming) -> Outgoing | NotForwarded:
    """The request as it may leave, or why it may not."""
    path = unquote(request.path)
    # Quoting inside a name, or a path that points elsewhere, is nobody's honest request.
    if "%" in path or ".." in path.split("/"):
        return NotForwarded("the path cannot be read without doubt")

    if request.wants_upgrade or _connects(path):
        return NotForwarded("a connection into a container or through a node has no dry run")

    query = parse_qsl(request.query, keep_blank_values=True)
    if request.method in _READS:
        return Outgoing(quote(path), urlencode(query))

    forced = urlencode([*((key, value) for key, value in query if key != _DRY_RUN[0]), _DRY_RUN])
    if request.method in _WRITES:
        return Outgoing(quote(path), forced)

    if request.method == _DELETE:
        objection = _objection_to_delete(request)
        return NotForwarded(objection) if objection else Outgoing(quote(path), forced)
    return NotForwarded(f"{request.method} is no request of the Kubernetes API")


def _objection_to_delete(request: Incoming) -> str:
    """Without a body the query decides, and that one is forced; with one, the body does."""
    if not request.body:
        return ""
    try:
        if is_dry_run(request.body, request.content_type):
            return ""
    except Unreadable as error:
        return f"it is not certain that this delete is a dry run: {error}"
    return "this delete is not a dry run; add --dry-run=server"


def _connects(path: str) -> bool:
    """Whether the path is that of a connection: a subresource, or the old `/proxy/` prefix."""
    parts = [part for part in path.split("/") if part]
    if not parts or parts[0] not in _PREFIX_LENGTH:
        return False
    rest = parts[_PREFIX_LENGTH[parts[0]] :]
    if rest[:1] and rest[0] in _CONNECTIONS:
        return True
    if rest[:1] == ["namespaces"] and len(rest) > 2 and rest[2] not in ("status", "finalize"):
        rest = rest[2:]
    return any(part in _CONNECTIONS for part in rest[2:3])
