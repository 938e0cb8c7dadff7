"""AdmissionReview on the wire (admission.k8s.io/v1)."""

import base64
from typing import Any

import msgspec

from cutline.api.users import user_from_user_info
from cutline.domain.request import Operation, Request
from cutline.domain.tree import JsonObject


class BadReview(Exception):
    """The body is not an AdmissionReview that could be answered."""


class _GroupResource(msgspec.Struct):
    resource: str
    group: str = ""


class _Request(msgspec.Struct, rename="camel"):
    uid: str
    operation: str
    resource: _GroupResource
    user_info: dict[str, Any]
    sub_resource: str = ""
    namespace: str = ""
    name: str = ""
    object: dict[str, Any] | None = None
    old_object: dict[str, Any] | None = None
    options: dict[str, Any] | None = None
    dry_run: bool = False


class _Review(msgspec.Struct):
    request: _Request


_decoder = msgspec.json.Decoder(_Review)
_encoder = msgspec.json.Encoder()


def request_of(body: bytes) -> Request:
    """The request inside a review; raises `BadReview` for anything else."""
    try:
        wire = _decoder.decode(body).request
        operation = Operation(wire.operation)
    except (msgspec.DecodeError, ValueError) as error:
        raise BadReview(str(error)) from error
    options = wire.options or {}
    return Request(
        uid=wire.uid,
        operation=operation,
        group=wire.resource.group,
        resource=wire.resource.resource,
        subresource=wire.sub_resource,
        namespace=wire.namespace,
        name=wire.name,
        user=user_from_user_info(wire.user_info),
        object=wire.object,
        old_object=wire.old_object,
        options=options,
        dry_run=wire.dry_run or _is_dry_run_in_body(wire),
    )


def _is_dry_run_in_body(wire: _Request) -> bool:
    """`kubectl drain --dry-run=server` says so in the Eviction alone (kubectl `drain.go`)."""
    if wire.sub_resource != "eviction" or wire.object is None:
        return False
    return bool((wire.object.get("deleteOptions") or {}).get("dryRun"))


def allowed(uid: str, *, warnings: tuple[str, ...] = (), patch: list[Any] | None = None) -> bytes:
    """The answer that lets a request pass, with a JSON patch where the gate completes the object."""
    response: dict[str, Any] = {"uid": uid, "allowed": True}
    if warnings:
        response["warnings"] = list(warnings)
    if patch:
        response["patchType"] = "JSONPatch"
        response["patch"] = base64.b64encode(_encoder.encode(patch)).decode()
    return _encode(response)


def denied(
    uid: str, message: str, *, causes: tuple[JsonObject, ...] = (), code: int = 403, reason: str = "Forbidden"
) -> bytes:
    """The answer that refuses a request; kubectl prints `message`, programs read `causes`."""
    status: dict[str, Any] = {
        "status": "Failure",
        "message": message,
        "reason": reason,
        "code": code,
    }
    if causes:
        status["details"] = {"causes": list(causes)}
    return _encode({"uid": uid, "allowed": False, "status": status})


def _encode(response: dict[str, Any]) -> bytes:
    return _encoder.encode({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response})
