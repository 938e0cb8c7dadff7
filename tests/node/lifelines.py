"""Measures, again and again, how many replicas of the webhook are alive, where the Service leads, and the API server.

Alive means: its process runs, and its own probe answers that it is ready. Neither the Deployment's
status nor the pod's condition is believed, both are later than the truth.
"""

import enum
import http.client
import threading
import time
from collections.abc import Iterator, Mapping, Set
from contextlib import contextmanager
from typing import Protocol

from tests.node.tally import Lifeline, Sample

EVERY_S = 0.1
PROBE_S = 1.0


class Health(enum.Enum):
    """What a replica's own probe shows."""

    READY = "ready"
    UNREADY = "unready"
    SILENT = "silent"
    """Nothing answers what its sockets take: connections to it that are open stay open."""


class Replicas(Protocol):
    """Whatever runs the webhook."""

    def look(self) -> tuple[int, int]:
        """How many replicas are alive, and how many dead ones requests may still be led to: by the Service, or by
        a connection that the API server has kept."""
        ...

    def reach_api(self) -> bool:
        """Whether the API server answers a consistent read from where they are, without waiting for long."""
        ...


class Sight:
    """What one look after the other shows of replicas that are known by their hosts."""

    def __init__(self) -> None:
        self._alive: set[str] = set()

    def look(self, found: Mapping[str, Health], led_to: Set[str]) -> tuple[int, int]:
        """How many are alive, and how many others requests may be led to, or may have been since the look before.

        One that was alive then has died in between, and requests met it as it did. By now the Service may know.
        """
        alive = {host for host, state in found.items() if state is Health.READY}
        silent = {host for host, state in found.items() if state is Health.SILENT}
        astray = (led_to | silent | self._alive) - alive
        self._alive = alive
        return len(alive), len(astray)


class Sampler:
    """Looks until the block ends."""

    def __init__(self, replicas: Replicas) -> None:
        self._replicas = replicas
        self._samples: list[Sample] = []
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lifeline")

    @contextmanager
    def running(self) -> Iterator["Sampler"]:
        self._thread.start()
        try:
            yield self
        finally:
            self._ended.set()
            self._thread.join()

    def is_whole(self, wanted: int) -> bool:
        """As found last: so many alive, none astray, the API server within reach."""
        last = self._samples[-1] if self._samples else None
        return last is not None and (last.alive, last.astray, last.api) == (wanted, 0, True)

    def lifeline(self) -> Lifeline:
        return Lifeline(tuple(self._samples))

    def _run(self) -> None:
        while not self._ended.is_set():
            # A look takes a while, and what it found may have been true at either end of it.
            began = time.monotonic()
            found = (*self._replicas.look(), self._replicas.reach_api())
            self._samples += [Sample(began, *found), Sample(time.monotonic(), *found)]
            self._ended.wait(EVERY_S)


def health(host: str, port: int) -> Health:
    """The probe's own answer, or none in time."""
    connection = http.client.HTTPConnection(host, port, timeout=PROBE_S)
    try:
        connection.connect()
        connection.request("GET", "/readyz")
        return Health.READY if connection.getresponse().status == 200 else Health.UNREADY
    except TimeoutError:
        # Without a connection nobody was there, and the machine that should be is gone or going.
        return Health.SILENT if connection.sock is not None else Health.UNREADY
    except (OSError, http.client.HTTPException):
        return Health.UNREADY
    finally:
        connection.close()
