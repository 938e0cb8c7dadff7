"""The testbed's etcd past the API server: what an upgrade or the course of a week would leave there."""

import base64
import http.client
import json
from http import HTTPStatus
from typing import Any

from cutline_testbed import Testbed
from cutline_testbed.ports import HOST
from tests.e2e.waiting import SECONDS


class Etcd:
    """By etcd's own HTTP gateway, which takes keys and values in base64."""

    def __init__(self, testbed: Testbed) -> None:
        self._port = testbed.state.ports["etcd"]

    def get(self, key: str) -> bytes:
        (found,) = self._ask("range", key=key)["kvs"]
        return base64.b64decode(found["value"])

    def put(self, key: str, value: bytes) -> None:
        self._ask("put", key=key, value=base64.b64encode(value).decode())

    def delete(self, key: str) -> None:
        assert self._ask("deleterange", key=key).get("deleted") == "1", f"there is no {key}"

    def _ask(self, what: str, *, key: str, **more: str) -> dict[str, Any]:
        body = json.dumps({"key": base64.b64encode(key.encode()).decode(), **more})
        connection = http.client.HTTPConnection(HOST, self._port, timeout=SECONDS)
        try:
            connection.request("POST", f"/v3/kv/{what}", body)
            response = connection.getresponse()
            found: dict[str, Any] = json.load(response)
            assert response.status == HTTPStatus.OK, found
            return found
        finally:
            connection.close()
