"""The webhook as a process of this machine, for a load that needs no node."""

from pathlib import Path

from cutline_testbed import CutlineProcesses
from tests.node.callers import Caller
from tests.node.lifelines import PROBE_S, Health, health


class OneProcess:
    """One replica without a Service: it is alive, or none is."""

    def __init__(self, processes: CutlineProcesses) -> None:
        self.processes = processes
        self._reader = Caller(processes.testbed.kubeconfig("admin"), timeout=PROBE_S)

    def close(self) -> None:
        self._reader.close()

    def reach_api(self) -> bool:
        return self._reader.reaches_all()

    def look(self) -> tuple[int, int]:
        pid = self.processes.webhook.pid()
        if pid is None or _is_stopped(pid):
            return 0, 0
        return int(health("127.0.0.1", self.processes.testbed.state.ports["webhook-metrics"]) is Health.READY), 0


def _is_stopped(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "TZX"
    except OSError:
        return True
