"""What a replica's probe is taken for."""

import socket
import threading
from collections.abc import Iterator

import pytest

from tests.node import lifelines
from tests.node.lifelines import Health, health

HERE = "127.0.0.1"


@pytest.fixture
def listener(monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """A socket that the kernel takes connections for, whoever accepts them."""
    monkeypatch.setattr(lifelines, "PROBE_S", 0.2)
    with socket.create_server((HERE, 0)) as made:
        yield made


def test_one_that_takes_connections_and_does_not_answer_is_silent(listener: socket.socket) -> None:
    assert health(HERE, listener.getsockname()[1]) is Health.SILENT


def test_where_nobody_listens_nobody_is_silent(listener: socket.socket) -> None:
    port = listener.getsockname()[1]
    listener.close()
    assert health(HERE, port) is Health.UNREADY


@pytest.mark.parametrize(("status", "found"), [(200, Health.READY), (503, Health.UNREADY)])
def test_an_answer_is_believed(listener: socket.socket, status: int, found: Health) -> None:
    def answer() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(4096)
            connection.sendall(f"HTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n".encode())

    thread = threading.Thread(target=answer)
    thread.start()
    assert health(HERE, listener.getsockname()[1]) is found
    thread.join()
