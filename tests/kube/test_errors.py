"""Answers become errors by what a caller can do about them."""

import json

import pytest

from cutline.kube import errors
from cutline.kube.errors import KubeError, error_from_answer, error_from_status


@pytest.mark.parametrize(
    ("code", "reason", "kind"),
    [
        (400, "BadRequest", KubeError),
        (401, "Unauthorized", errors.Unauthorized),
        (403, "Forbidden", errors.Forbidden),
        (404, "NotFound", errors.NotFound),
        (409, "AlreadyExists", errors.AlreadyExists),
        (409, "Conflict", errors.Conflict),
        (410, "Expired", errors.Gone),
        (422, "Invalid", errors.Invalid),
        (429, "TooManyRequests", errors.Unavailable),
        (500, "InternalError", errors.Unavailable),
        (504, "Timeout", errors.Unavailable),
    ],
)
def test_each_status_has_its_type(code: int, reason: str, kind: type[KubeError]) -> None:
    status = {"kind": "Status", "code": code, "reason": reason, "message": "why", "details": {"name": "web"}}
    for error in (error_from_answer(code, json.dumps(status).encode(), "3"), error_from_status(status)):
        assert type(error) is kind
        assert (error.status_code, error.reason, error.message) == (code, reason, "why")
        assert error.details == {"name": "web"}


def test_what_the_server_asked_to_wait_is_kept() -> None:
    assert error_from_answer(429, b"", "3").retry_after == 3
    assert error_from_answer(429, b"", "Wed, 21 Oct 2015 07:28:00 GMT").retry_after is None


@pytest.mark.parametrize("body", [b"", b"<html>Bad Gateway</html>", b"[]", b'{"code": "x"}', b"\xff\xfe"])
def test_an_answer_of_somebody_else_is_still_an_error(body: bytes) -> None:
    error = error_from_answer(502, body)
    assert type(error) is errors.Unavailable
    assert error.message


def test_a_malformed_status_in_a_watch_is_an_error_too() -> None:
    assert isinstance(error_from_status({"code": "x"}), errors.Unavailable)
