"""One admission request, as the API server sent it, freed of its wire form."""

from dataclasses import dataclass
from enum import StrEnum

from cutline.domain.tree import JsonObject
from cutline.domain.user import User


class Operation(StrEnum):
    """The operation of an admission request (`AdmissionRequest.operation`)."""

    CREATE = "CREATE"
    UPDATE = "UPDATE"
    DELETE = "DELETE"
    CONNECT = "CONNECT"


@dataclass(frozen=True, slots=True)
class Request:
    """What the gate is asked about.

    `name` may be empty: in a collection delete the target stands only in
    `old_object` (`handlers/delete.go`, DeleteCollection). `dry_run` already holds
    what an eviction may say in its body alone (`eviction.go`, propagateDryRun).
    `options` are the request's own (DeleteOptions for a delete).
    """

    uid: str
    operation: Operation
    group: str
    resource: str
    subresource: str
    namespace: str
    name: str
    user: User
    object: JsonObject | None
    old_object: JsonObject | None
    options: JsonObject
    dry_run: bool
