"""Requests about our own kinds to a real API server: as they are, and by kubectl."""

from __future__ import annotations

import http.client
import json
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from tests.contract.crd_cases import NAMESPACED
from tests.contract.crds_live.cases import CASES, PLURAL_OF

# What the API server adds when it did not get to the rules, because the form itself is wrong.
UNCHECKED = "some validation rules were not checked"


@dataclass(frozen=True, slots=True)
class Answer:
    code: int
    out: str
    err: str


@dataclass(frozen=True, slots=True)
class Api:
    """Requests as they are, without kubectl's start-up time, through one `kubectl proxy`."""

    port: int
    namespace: str

    def create(self, obj: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
        """The object as it would be stored, or the complaints about it; and nothing is stored."""
        plural = PLURAL_OF[obj["kind"]]
        query = "?dryRun=All&fieldValidation=Strict"
        return self._send("POST", self._path(plural) + query, "application/json", obj)

    def patch(self, plural: str, name: str, patch: list[dict[str, Any]]) -> tuple[dict[str, Any], list[str]]:
        """What a JSON patch would lead to, or the complaints about it; and nothing is stored."""
        path = f"{self._path(plural)}/{name}?dryRun=All&fieldValidation=Strict"
        return self._send("PATCH", path, "application/json-patch+json", patch)

    def _path(self, plural: str) -> str:
        place = f"/namespaces/{self.namespace}" if plural in NAMESPACED else ""
        return f"/apis/cutline.dev/v1alpha1{place}/{plural}"

    def _send(self, method: str, path: str, content_type: str, body: Any) -> tuple[dict[str, Any], list[str]]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request(method, path, json.dumps(body), {"Content-Type": content_type})
        response = connection.getresponse()
        answer: dict[str, Any] = json.loads(response.read())
        connection.close()
        if response.status < 400:
            return answer, []
        causes = answer.get("details", {}).get("causes", [])
        complaints = [f"{cause.get('field')}: {cause['message']}" for cause in causes] or [answer["message"]]
        return {}, [complaint for complaint in complaints if UNCHECKED not in complaint]


@dataclass(frozen=True, slots=True)
class Kubectl:
    binary: str
    kubeconfig: Path
    namespace: str

    def __call__(self, *args: str, stdin: Any = None) -> Answer:
        done = subprocess.run(
            [self.binary, f"--kubeconfig={self.kubeconfig}", f"--namespace={self.namespace}", *args],
            input=None if stdin is None else json.dumps(stdin),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return Answer(done.returncode, done.stdout, done.stderr)

    def ok(self, *args: str, stdin: Any = None) -> str:
        answer = self(*args, stdin=stdin)
        assert answer.code == 0, answer.err
        return answer.out

    def stored(self, plural: str, name: str) -> dict[str, Any]:
        obj: dict[str, Any] = json.loads(self.ok("get", f"{plural}.cutline.dev", name, "-o", "json"))
        return obj


def in_force(api: Api) -> Api:
    """The API server goes on with the old schema for a moment after a definition was changed."""
    for cases in CASES.values():
        eventually(partial(_tells_apart, api, cases.full, cases.bad[-1].object))
    return api


def _tells_apart(api: Api, good: dict[str, Any], bad: dict[str, Any]) -> bool:
    return not api.create(good)[1] and bool(api.create(bad)[1])


def eventually(check: Callable[[], bool], seconds: float = 15) -> None:
    deadline = time.monotonic() + seconds
    while not check():
        # If it never comes true, the test that follows says why.
        if time.monotonic() > deadline:
            return
        time.sleep(0.2)
