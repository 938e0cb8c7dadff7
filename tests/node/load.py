"""A steady load: senders in threads of their own, each with its script, until the block ends."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Generator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tests.node.callers import Caller, Request
from tests.node.tally import Fate, Kind, Sent, is_usual

Script = Generator[Request, Fate, None]
INTERVAL_S = 0.25
# So many usual answers in a row, from every sender, are calm.
CALM = 3


@dataclass(frozen=True, slots=True)
class Sender:
    """Who sends, and what: the script is told how each request ended, and names the next."""

    name: str
    persona: str
    script: Callable[[], Script]
    interval: float = INTERVAL_S


def again(make: Callable[[], Request]) -> Callable[[], Script]:
    """A script that goes on for ever, whatever the answers."""

    def script() -> Script:
        while True:
            yield make()

    return script


class SteadyLoad:
    """The threads and what they met."""

    def __init__(self, senders: list[Sender], kubeconfig: Callable[[str], Path]) -> None:
        self.sent: list[Sent] = []
        self._usual = {sender.name: 0 for sender in senders}
        self._once = Counter(self._usual.keys())
        self._ended = threading.Event()
        self._failed: list[BaseException] = []
        self._threads = [
            threading.Thread(target=self._run, args=(sender, Caller(kubeconfig(sender.persona))), name=sender.name)
            for sender in senders
        ]

    def __enter__(self) -> "SteadyLoad":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def await_calm(self, what: str, seconds: float) -> None:
        """Wait until every sender has met nothing unusual from now on, a few times over.

        Once a gated request has passed there is nothing left to wait for: what it asked for is done,
        and asked for again it is no change any more.
        """
        for name in self._usual:
            self._usual[name] = 0
        deadline = time.monotonic() + seconds
        while (restless := self._restless()) and not self._has_leaked():
            assert time.monotonic() < deadline, (
                f"after {seconds:.0f}s the load is not calm {what}: {self._last(restless)}"
            )
            time.sleep(0.05)

    def await_round(self, meanwhile: Callable[[], object] = lambda: None, seconds: float = 60.0) -> None:
        """Wait until every sender has sent twice more and been answered: what holds now has then been seen by all."""
        before = Counter(one.sender for one in self.sent)
        deadline = time.monotonic() + seconds
        while late := self._usual.keys() - (Counter(one.sender for one in self.sent) - before - self._once).keys():
            assert not self._failed, self._failed
            assert time.monotonic() < deadline, f"after {seconds:.0f}s some have not sent: {sorted(late)}"
            meanwhile()
            time.sleep(0.05)

    def _has_leaked(self) -> bool:
        return any(one.kind is Kind.GATED and one.fate is Fate.PASSED for one in self.sent[-500:])

    def _last(self, names: list[str]) -> str:
        """What these senders met last, in words."""
        last = {one.sender: f"{one.fate.value}, {one.detail[:200]}" for one in self.sent[-500:]}
        return "; ".join(f"{name}: {last.get(name, 'nothing sent')}" for name in names)

    def _restless(self) -> list[str]:
        if self._failed:
            raise AssertionError("a sender broke down") from self._failed[0]
        return [name for name, usual in self._usual.items() if usual < CALM]

    def _run(self, sender: Sender, caller: Caller) -> None:
        try:
            self._send_all(sender, caller)
        except BaseException as error:
            self._failed.append(error)
        finally:
            caller.close()

    def _send_all(self, sender: Sender, caller: Caller) -> None:
        script = sender.script()
        request = next(script)
        with suppress(StopIteration):
            while not self._ended.is_set():
                one = caller.ask(sender.name, request)
                self.sent.append(one)
                self._usual[sender.name] = self._usual[sender.name] + 1 if is_usual(one) else 0
                request = script.send(one.fate)
                self._ended.wait(sender.interval)
