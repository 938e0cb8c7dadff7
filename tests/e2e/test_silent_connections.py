"""Who reaches the webhook's port may open connections and say nothing: the API server still gets its own."""

import socket
import ssl
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from cutline_webhook.server import Limits
from tests.e2e.cluster import Cluster
from tests.e2e.login import MERGE, Answer
from tests.e2e.test_evasions import deployments
from tests.e2e.waiting import SECONDS, await_true

pytestmark = [pytest.mark.e2e, pytest.mark.processes]

MOST = Limits().connections


def _anyone() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def _was_closed(connection: ssl.SSLSocket) -> bool:
    connection.setblocking(False)
    try:
        return connection.recv(1) == b""
    except ssl.SSLWantReadError:
        return False
    except OSError:
        return True


def test_silent_connections_do_not_keep_the_api_server_out(cluster: Cluster) -> None:
    ns = cluster.namespace()
    cluster.deployment(ns)
    host, _, port = cluster.webhook_address()[0].rpartition(":")
    login, anyone = cluster.login("agent"), _anyone()

    def silent_connection(_: int) -> ssl.SSLSocket:
        return anyone.wrap_socket(socket.create_connection((host, int(port)), timeout=SECONDS))

    def ask(_: int) -> Answer:
        return login.send("PATCH", f"{deployments(ns)}/checkout/scale?dryRun=All", {"spec": {"replicas": 1}}, MERGE)

    # A new process has no connection of the API server's yet.
    cluster.processes.restart_webhook()
    with ExitStack() as stack, ThreadPoolExecutor(8) as pool:
        silent = [stack.enter_context(one) for one in pool.map(silent_connection, range(MOST + 10))]
        # A client's handshake is over before the server's, and the news of an end takes its time as well.
        await_true(lambda: sum(map(_was_closed, silent[:20])) >= 10, "the oldest silent connections are closed")
        assert not any(map(_was_closed, silent[20:]))
        # More at once than the API server has connections for.
        for answer in pool.map(ask, range(40)):
            answer.must_be_refused("needs a signed proposal")
