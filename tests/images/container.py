"""One of our images as a container, as a kubelet would have it run: by runc, with nothing that it does not need.

No runtime stands between: the process is number 1 of its own process namespace, its root file system is
read-only, it has no capability and cannot gain any. It shares the machine's network, where the testbed is.
"""

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cutline_testbed.images.archive import read_image, unpack

SECONDS = 30.0
_SYSTEM_CALL_FILES = ("/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/timer_list", "/sys/firmware")


@dataclass(slots=True)
class Container:
    """The image of an archive, unpacked in a folder of its own; started and ended at will."""

    name: str
    archive: Path
    folder: Path
    mounts: Mapping[str, Path] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    def start(self, *arguments: str) -> None:
        """Start it with these arguments after the image's own entry point."""
        self._write_bundle(arguments)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*self._runc(), "run", "--bundle", str(self.folder), self.name],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    @property
    def log(self) -> Path:
        return self.folder / "log"

    def pid(self) -> int:
        """Of its first process, as this machine counts."""
        deadline = time.monotonic() + SECONDS
        while True:
            state = subprocess.run([*self._runc(), "state", self.name], capture_output=True, text=True, check=False)
            if state.returncode == 0 and json.loads(state.stdout)["status"] == "running":
                return int(json.loads(state.stdout)["pid"])
            assert self.process is not None
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, f"{self.name} does not run"
            time.sleep(0.01)

    def await_ready(self, ready: Callable[[], bool]) -> None:
        """Return when it says so; its end, or none of it in time, is an error with its log."""
        deadline = time.monotonic() + SECONDS
        while not ready():
            assert self.process is not None
            assert self.process.poll() is None, f"{self.name} ended:\n{self.log.read_text()}"
            assert time.monotonic() < deadline, f"{self.name} is not ready:\n{self.log.read_text()}"
            time.sleep(0.02)

    def times(self) -> tuple[float, float, float]:
        """Seconds since its first process was made; those in which it waited for a processor; those it used."""
        folder = Path(f"/proc/{self.pid()}")
        fields = (folder / "stat").read_text().rpartition(")")[2].split()
        ticks = os.sysconf("SC_CLK_TCK")
        age = float(Path("/proc/uptime").read_text().split()[0]) - int(fields[19]) / ticks
        schedules = [task.read_text().split() for task in folder.glob("task/*/schedstat")]
        waited = max(int(schedule[1]) for schedule in schedules) / 1e9
        return age, waited, (int(fields[11]) + int(fields[12])) / ticks

    def signal(self, number: signal.Signals) -> None:
        """As the runtime sends it."""
        subprocess.run([*self._runc(), "kill", self.name, number.name], check=True)

    def run_inside(self, *command: str) -> str:
        """What a further process in the container prints, as `kubectl exec` starts it."""
        run = subprocess.run(
            [*self._runc(), "exec", self.name, *command], capture_output=True, text=True, check=False, timeout=SECONDS
        )
        assert run.returncode == 0, run.stdout + run.stderr
        return run.stdout

    def await_end(self, seconds: float = SECONDS) -> int:
        """The exit code, as the runtime reports it."""
        assert self.process is not None
        return self.process.wait(seconds)

    def remove(self) -> None:
        """End it, whatever it does, and leave nothing of it."""
        subprocess.run([*self._runc(), "delete", "--force", self.name], capture_output=True, check=False)
        if self.process is not None:
            self.process.wait(SECONDS)
        shutil.rmtree(self.folder)

    def memory_kib(self, field_name: str = "VmRSS") -> int:
        """What the first process has in memory (VmRSS), or had at most (VmHWM)."""
        status = Path(f"/proc/{self.pid()}/status").read_text()
        return next(int(line.split()[1]) for line in status.splitlines() if line.startswith(f"{field_name}:"))

    def _runc(self) -> Sequence[str]:
        return ("runc", "--root", str(self.folder / "runc"))

    def _write_bundle(self, arguments: Sequence[str]) -> None:
        root = self.folder / "rootfs"
        if not root.exists():
            unpack(self.archive, root)
        config = read_image(self.archive).config["config"]
        user, _, group = config["User"].partition(":")
        spec = {
            "ociVersion": "1.0.2",
            "root": {"path": str(root), "readonly": True},
            "process": {
                "user": {"uid": int(user), "gid": int(group)},
                "args": [*config["Entrypoint"], *arguments],
                "env": [*config["Env"], *(f"{name}={value}" for name, value in self.environment.items())],
                "cwd": config.get("WorkingDir") or "/",
                "noNewPrivileges": True,
                "capabilities": {},
            },
            "mounts": [*_system_mounts(), *(_bind(place, source) for place, source in self.mounts.items())],
            "linux": {
                "namespaces": [{"type": kind} for kind in ("pid", "mount", "ipc", "uts")],
                "maskedPaths": list(_SYSTEM_CALL_FILES),
                "readonlyPaths": ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"],
            },
        }
        (self.folder / "config.json").write_text(json.dumps(spec))


def _system_mounts() -> list[dict[str, object]]:
    flags = ["nosuid", "noexec", "nodev"]
    return [
        {"destination": "/proc", "type": "proc", "source": "proc", "options": flags},
        {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755", "size=64k"]},
        {"destination": "/tmp", "type": "tmpfs", "source": "tmpfs", "options": [*flags, "mode=1777", "size=16m"]},  # noqa: S108
    ]


def _bind(place: str, source: Path) -> dict[str, object]:
    return {"destination": place, "type": "bind", "source": str(source), "options": ["bind", "ro", "nosuid", "nodev"]}
