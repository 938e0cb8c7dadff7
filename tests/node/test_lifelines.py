"""What a replica's probe is taken for."""

import socket
import threading
from collections.abc import Iterator

import pytest

from tests.node import lifelines
from tests.node.lifelines import Health, Sight, health

HERE = "127.0.0.1"
ONE, OTHER = "10.0.0.1", "10.0.0.2"


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever answers does so within that on a busy machine, too."""
    monkeypatch.setattr(lifelines, "PROBE_S", 10.0)


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """A socket that the kernel takes connections for, whoever accepts them."""
    with socket.create_server((HERE, 0)) as made:
        yield made


def test_one_that_takes_connections_and_does_not_answer_is_silent(
    listener: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lifelines, "PROBE_S", 0.2)
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


def test_a_dead_one_may_be_met_as_long_as_the_service_leads_to_it_or_a_connection_is_kept() -> None:
    sight = Sight()
    assert sight.look({ONE: Health.READY, OTHER: Health.UNREADY}, {ONE, OTHER}) == (1, 1)
    assert sight.look({ONE: Health.READY, OTHER: Health.SILENT}, {ONE}) == (1, 1)
    assert sight.look({ONE: Health.READY, OTHER: Health.UNREADY}, {ONE}) == (1, 0)


@pytest.mark.parametrize("found", [{ONE: Health.READY, OTHER: Health.UNREADY}, {ONE: Health.READY}])
def test_one_that_died_since_the_look_before_was_met_however_soon_the_service_knew(found: dict[str, Health]) -> None:
    sight = Sight()
    assert sight.look({ONE: Health.READY, OTHER: Health.READY}, {ONE, OTHER}) == (2, 0)
    assert sight.look(found, {ONE}) == (1, 1)
    assert sight.look(found, {ONE}) == (1, 0)
