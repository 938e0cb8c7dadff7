"""Requests that a persona sends without kubectl, and what the API server itself answers."""

import base64
import http.client
import json
import ssl
import tempfile
import urllib.parse
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.e2e.waiting import SECONDS

MERGE, JSON_PATCH = "application/merge-patch+json", "application/json-patch+json"


@dataclass(frozen=True, slots=True)
class Answer:
    """What the API server itself answered, for what kubectl cannot send or does not print."""

    status: int
    body: dict[str, Any]

    @property
    def passed(self) -> bool:
        return self.status < 300

    @property
    def message(self) -> str:
        return str(self.body.get("message", ""))

    def cause(self, reason: str) -> str:
        """The message of the denial's cause with that reason; empty where there is none."""
        causes = (self.body.get("details") or {}).get("causes") or []
        return next((str(cause["message"]) for cause in causes if cause.get("reason") == reason), "")

    def must_pass(self) -> dict[str, Any]:
        assert self.passed, f"{self.status} {self.message}"
        return self.body

    def must_be_refused(self, *texts: str) -> None:
        assert not self.passed, f"passed: {self.body}"
        flat = " ".join(self.message.split())
        for text in texts:
            assert text in flat, f"{text!r} is not in: {self.message}"


class Login:
    """A persona's credentials, for requests that are sent without kubectl."""

    def __init__(self, kubeconfig: Path, address: str = "") -> None:
        """`address` (HOST:PORT) is that of another API server than the kubeconfig's."""
        tree = yaml.safe_load(kubeconfig.read_text())
        cluster, user = tree["clusters"][0]["cluster"], tree["users"][0]["user"]
        self._address = address or urllib.parse.urlsplit(cluster["server"]).netloc
        self._headers = {"Authorization": f"Bearer {user['token']}"} if "token" in user else {}
        self._context = ssl.create_default_context(cadata=_decoded(cluster["certificate-authority-data"]))
        if "client-certificate-data" in user:
            with tempfile.NamedTemporaryFile("w") as file:  # the standard library reads files only
                file.write(_decoded(user["client-certificate-data"]) + _decoded(user["client-key-data"]))
                file.flush()
                self._context.load_cert_chain(file.name)

    def send(
        self,
        method: str,
        path: str,
        body: object = None,
        content_type: str = "application/json",
        more_headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """One request; `OSError` or `HTTPException` where nobody answered."""
        connection = http.client.HTTPSConnection(self._address, timeout=SECONDS, context=self._context)
        try:
            headers = {**self._headers, "Content-Type": content_type, "Accept": "application/json"}
            connection.request(
                method, path, None if body is None else json.dumps(body), {**headers, **(more_headers or {})}
            )
            response = connection.getresponse()
            return Answer(response.status, json.loads(response.read()))
        finally:
            connection.close()

    def watch(self, path: str) -> Iterator[dict[str, Any]]:
        """The events of a watch, until the server ends it or the caller stops reading."""
        connection = http.client.HTTPSConnection(self._address, timeout=SECONDS, context=self._context)
        try:
            connection.request("GET", path, headers=self._headers)
            for line in connection.getresponse():
                yield json.loads(line)
        finally:
            connection.close()


def _decoded(text: str) -> str:
    return base64.b64decode(text).decode()
