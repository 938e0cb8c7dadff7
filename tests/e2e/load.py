"""Requests all the while, and how each was answered."""

import threading
from collections import Counter
from collections.abc import Callable

from tests.e2e.login import Answer
from tests.e2e.waiting import await_true


class Load:
    """Requests sent again and again by threads until the block ends."""

    def __init__(self) -> None:
        self.statuses: dict[str, Counter[int]] = {}
        # What was said with the first answer of each status, to tell why one was not expected.
        self.said: dict[tuple[str, int], str] = {}
        self._failed: list[BaseException] = []
        self._ended = threading.Event()
        self._threads: list[threading.Thread] = []

    def keep(self, name: str, send: Callable[[], Answer]) -> None:
        counted = self.statuses.setdefault(name, Counter())

        def run() -> None:
            try:
                while not self._ended.is_set():
                    answer = send()
                    counted[answer.status] += 1
                    self.said.setdefault((name, answer.status), answer.message)
            except BaseException as error:
                self._failed.append(error)

        self._threads.append(threading.Thread(target=run, daemon=True))

    def __enter__(self) -> "Load":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()
        if self._failed:
            raise AssertionError("a sender broke down") from self._failed[0]

    def await_more(self, name: str, status: int, more: int = 5) -> None:
        """Wait until so many more requests were answered with this status."""
        wanted = self.statuses[name][status] + more
        await_true(
            lambda: bool(self._failed) or self.statuses[name][status] >= wanted, f"{name} met {status} {more} times"
        )
