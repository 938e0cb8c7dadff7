"""What can go wrong between us and the API server, as types.

A caller tells apart what it can act on (the object is not there, somebody was faster, we may not)
from what it cannot (the API server did not answer usefully). The latter is always `Unavailable`, and
for a write it says nothing about whether the write took place.

The classes follow the `reason` of the Kubernetes `Status` object where the HTTP code is ambiguous
(409 is both AlreadyExists and Conflict), and the HTTP code otherwise.
"""

from typing import Any, Final

import msgspec

NO_ANSWER: Final = 0
"""The status code of an error that arose before any answer had arrived."""


class KubeError(Exception):
    """An answer of the API server that is not a success, or the lack of an answer."""

    def __init__(
        self,
        status_code: int,
        reason: str,
        message: str,
        details: dict[str, Any] | None = None,
        retry_after: float | None = None,
    ) -> None:
        """Keep the parts of a Kubernetes `Status`.

        `status_code` is the HTTP code or `NO_ANSWER`; `reason` the CamelCase word of the API
        conventions; `details` the `Status.details` object as it came; `retry_after` the seconds the
        server asked to wait, if it did.
        """
        super().__init__(message)
        self.status_code = status_code
        self.reason = reason
        self.message = message
        self.details: dict[str, Any] = details if details is not None else {}
        self.retry_after = retry_after

    def __str__(self) -> str:
        """One line for logs: the code, the reason, the message."""
        code = "no answer" if self.status_code == NO_ANSWER else str(self.status_code)
        return f"{self.reason} ({code}): {self.message}"


class NotFound(KubeError):
    """No such object, or no such resource in this API server (404)."""


class AlreadyExists(KubeError):
    """Another object holds the name (409 AlreadyExists)."""


class Conflict(KubeError):
    """The object is not in the state that the request presumed: resourceVersion, uid, field owner (409)."""


class Gone(KubeError):
    """The resource version or continue token is too old; list again (410)."""


class Unauthorized(KubeError):
    """The API server does not know who we are (401)."""


class Forbidden(KubeError):
    """We, or an admission plugin on our behalf, may not (403)."""


class Invalid(KubeError):
    """The object or name is malformed (422); also raised before sending when a name cannot be in a URL."""


class Unavailable(KubeError):
    """No useful answer: connection, TLS, timeout, 429, 5xx, or not Kubernetes at all.

    After a write it is unknown whether the write took place.
    """


class BadKubeconfig(KubeError):
    """The credentials to connect with are missing or cannot be read."""


_BY_CODE: Final[dict[int, type[KubeError]]] = {
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    410: Gone,
    422: Invalid,
    429: Unavailable,
}


class _Status(msgspec.Struct, rename="camel"):
    """The members of a `Status` that we read; all optional, since a proxy may have answered instead."""

    kind: str = ""
    code: int | None = None
    reason: str = ""
    message: str = ""
    details: dict[str, Any] | None = None


def error_from_answer(status_code: int, body: bytes, retry_after: str | None = None) -> KubeError:
    """The error that an unsuccessful answer stands for; never raises on a malformed body."""
    try:
        status = msgspec.json.decode(body, type=_Status)
    except msgspec.DecodeError:
        status = _Status(message=body[:256].decode("utf-8", "replace").strip())
    seconds = float(retry_after) if retry_after is not None and retry_after.isdecimal() else None
    return _error(status_code, status, seconds)


def error_from_status(status: dict[str, Any]) -> KubeError:
    """The error inside the ERROR event of a watch, whose object is a `Status`."""
    try:
        parsed = msgspec.convert(status, type=_Status)
    except msgspec.ValidationError:
        return Unavailable(NO_ANSWER, "BadAnswer", "the watch reported an error that is no Status")
    return _error(parsed.code or 500, parsed, None)


def _error(status_code: int, status: _Status, retry_after: float | None) -> KubeError:
    if status_code == 409 and status.reason == "AlreadyExists":
        kind: type[KubeError] = AlreadyExists
    elif status_code >= 500:
        kind = Unavailable
    else:
        kind = _BY_CODE.get(status_code, KubeError)
    message = status.message or f"the API server answered {status_code}"
    return kind(status_code, status.reason or "Unknown", message, status.details, retry_after)
