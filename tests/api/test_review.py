"""AdmissionReview on the wire."""

import base64
import json
from typing import Any

import pytest

from cutline.api.review import BadReview, allowed, denied, request_of
from cutline.domain.errors import BadObject
from cutline.domain.request import Operation


def review(**request: Any) -> bytes:
    base = {
        "uid": "u-1",
        "operation": "UPDATE",
        "resource": {"group": "apps", "version": "v1", "resource": "deployments"},
        "kind": {"group": "apps", "version": "v1", "kind": "Deployment"},
        "namespace": "shop",
        "name": "web",
        "userInfo": {"username": "alice", "groups": ["sre"]},
        "object": {"a": 1},
        "oldObject": {"a": 0},
        "options": {"kind": "UpdateOptions"},
        "dryRun": False,
    }
    return json.dumps(
        {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": base | request}
    ).encode()


def test_reads_what_the_api_server_sends() -> None:
    request = request_of(review(subResource="scale", dryRun=True))
    assert (request.uid, request.operation, request.group, request.resource) == (
        "u-1",
        Operation.UPDATE,
        "apps",
        "deployments",
    )
    assert (request.subresource, request.namespace, request.name, request.dry_run) == ("scale", "shop", "web", True)
    assert (request.object, request.old_object, request.user.username) == ({"a": 1}, {"a": 0}, "alice")


@pytest.mark.parametrize("absent", ["namespace", "name", "object", "oldObject", "options", "dryRun"])
def test_what_a_delete_or_a_cluster_scoped_object_does_not_have_may_be_absent(absent: str) -> None:
    tree = json.loads(review())
    del tree["request"][absent]
    request_of(json.dumps(tree).encode())


@pytest.mark.parametrize(
    ("options", "dry_run"),
    [({"dryRun": ["All"]}, True), ({"dryRun": []}, False), ({}, False), (None, False)],
)
def test_an_evictions_dry_run_may_sit_only_in_its_body(options: Any, dry_run: bool) -> None:
    body = {"kind": "Eviction", "deleteOptions": options}
    eviction = {"subResource": "eviction", "operation": "CREATE", "object": body}
    assert request_of(review(**eviction)).dry_run is dry_run
    assert request_of(review(**eviction, dryRun=True)).dry_run is True
    assert request_of(review(object=body)).dry_run is False


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"{}",
        b"[1]",
        b'{"request": null}',
        review(uid=None),
        review(operation="PATCH"),
        review(operation=7),
        review(resource="deployments"),
        review(object=[1]),
        review(userInfo=None),
        review().replace(b'"alice"', b'"\xff"'),
    ],
)
def test_anything_else_is_no_review(body: bytes) -> None:
    with pytest.raises(BadReview):
        request_of(body)


def test_a_sender_that_is_no_user_is_refused() -> None:
    with pytest.raises(BadObject):
        request_of(review(userInfo={"username": "alice", "groups": "sre"}))


def test_the_credential_of_the_sender_is_read() -> None:
    extra = {"authentication.kubernetes.io/credential-id": ["JTI=7"], "other": ["a", "b"]}
    user = request_of(review(userInfo={"username": "alice", "extra": extra})).user
    assert user.credential_id == "JTI=7"
    assert dict(user.extra)["other"] == ("a", "b")


def test_an_answer_echoes_the_uid_and_says_nothing_more_than_it_must() -> None:
    assert json.loads(allowed("u-1")) == {
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "response": {"uid": "u-1", "allowed": True},
    }


def test_a_patch_is_packed_as_the_api_server_wants_it() -> None:
    patch = [{"op": "replace", "path": "/spec", "value": {"a": "é"}}]
    response = json.loads(allowed("u-1", patch=patch, warnings=("w",)))["response"]
    assert (response["patchType"], json.loads(base64.b64decode(response["patch"]))) == ("JSONPatch", patch)
    assert response["warnings"] == ["w"]


def test_a_denial_carries_its_message_and_its_causes() -> None:
    response = json.loads(denied("u-1", "no", causes=({"reason": "R", "message": "m"},)))["response"]
    assert response["allowed"] is False
    assert response["status"] == {
        "status": "Failure",
        "message": "no",
        "reason": "Forbidden",
        "code": 403,
        "details": {"causes": [{"reason": "R", "message": "m"}]},
    }
