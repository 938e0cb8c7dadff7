"""The testbed named `bench`: made anew, with Cutline on it, and gone again at the end."""

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from bench.api_client import ApiClient
from bench.errors import BenchError
from cutline_testbed import CutlineProcesses, Testbed, install
from cutline_testbed.gate import NAMESPACE
from cutline_testbed.interrupts import undisturbed
from cutline_testbed.ports import HOST
from cutline_testbed.report import Report

NAME = "bench"
_SECRET = f"/api/v1/namespaces/{NAMESPACE}/secrets/cutline-webhook-tls"


@dataclass(frozen=True, slots=True)
class Serving:
    """How the webhook is reached: what the operator gave it and the API server."""

    address: str
    path: str
    certificate: bytes
    key: bytes
    authority: bytes


@dataclass(frozen=True, slots=True)
class Cluster:
    """A running testbed with Cutline, its operator stopped.

    No verdict depends on the operator; stopped, it does not put right what a benchmark takes away.
    """

    testbed: Testbed
    admin: ApiClient
    agent: ApiClient
    alice: ApiClient

    @property
    def webhook_pid(self) -> int:
        pid = CutlineProcesses(self.testbed).webhook.pid()
        if pid is None:
            tail = CutlineProcesses(self.testbed).webhook.log_tail()
            raise BenchError(f"the webhook has ended; the end of its log:\n{tail}")
        return pid

    def serving(self) -> Serving:
        data = {key: base64.b64decode(value) for key, value in self.admin.get(_SECRET)["data"].items()}
        return Serving(
            address=f"{HOST}:{self.testbed.state.ports['webhook']}",
            path=f"/{data['path'].decode()}/gate",
            certificate=data["tls.crt"],
            key=data["tls.key"],
            authority=data["ca.crt"],
        )


@contextmanager
def running_cluster(report: Report) -> Iterator[Cluster]:
    """Whatever ends the block ends the testbed too, and removes its data."""
    testbed = Testbed(NAME, report=report)
    testbed.clean()
    try:
        testbed.start()
        install(testbed)
        CutlineProcesses(testbed).stop_operator()
        with (
            ApiClient(testbed.kubeconfig("admin")) as admin,
            ApiClient(testbed.kubeconfig("agent")) as agent,
            ApiClient(testbed.kubeconfig("alice")) as alice,
        ):
            yield Cluster(testbed, admin, agent, alice)
    finally:
        with undisturbed():
            report.say(f"removing testbed {NAME!r}")
            testbed.clean()
