"""What one testbed remembers between commands: its ports and how it was asked to be.

Kept as one JSON file in the testbed's folder. It refuses to remember what can be seen by
looking (which processes run, whether they are ready).
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from cutline_testbed.errors import TestbedError
from cutline_testbed.node.addresses import MOST_NODES, Addresses
from cutline_testbed.ports import HOST

FILE = "state.json"
FORMAT = 2


@dataclass(frozen=True, slots=True)
class Options:
    """How the control plane is to be. They take effect when it starts."""

    api_servers: int = 1
    # Off, every controller acts as the controller manager itself instead of as its own account.
    service_account_credentials: bool = True
    # Simulated ones.
    nodes: int = 3
    # Ones with a kubelet, containers and a network, which root on Linux can have.
    real_nodes: int = 0
    # Appended to every API server's command line (--admission-control-config-file=… and the like).
    api_server_args: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not 1 <= self.api_servers <= 5:
            raise TestbedError(f"{self.api_servers} API servers: one to five are supported")
        if not 0 <= self.nodes <= 200:
            raise TestbedError(f"{self.nodes} nodes: none to 200 are supported")
        if not 0 <= self.real_nodes <= MOST_NODES:
            raise TestbedError(f"{self.real_nodes} real nodes: none to {MOST_NODES} are supported")


@dataclass(frozen=True, slots=True)
class State:
    options: Options
    ports: dict[str, int] = field(default_factory=dict)
    # Which of the machine's networks its real nodes have; None without such nodes.
    slot: int | None = None

    @property
    def addresses(self) -> Addresses | None:
        return None if self.slot is None else Addresses(self.slot)

    @property
    def host(self) -> str:
        """Where the API servers listen: on the loopback address, unless real nodes must reach them."""
        return HOST if self.slot is None else Addresses(self.slot).host


def load(folder: Path) -> State | None:
    """The remembered state; None for a testbed that never was."""
    path = folder / FILE
    try:
        raw = json.loads(path.read_text())
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise TestbedError(f"{path} is damaged ({error}); `clean` removes this testbed") from error
    if raw.get("format") != FORMAT:
        raise TestbedError(f"{path} was written by another version of the testbed; `clean` removes it")
    slot = raw["slot"]
    return State(
        options=_options(raw["options"]),
        ports={k: int(v) for k, v in raw["ports"].items()},
        slot=None if slot is None else int(slot),
    )


def save(folder: Path, state: State) -> None:
    document = {"format": FORMAT, "options": asdict(state.options), "ports": state.ports, "slot": state.slot}
    staging = folder / f".{FILE}.new"
    staging.write_text(json.dumps(document, indent=2) + "\n")
    staging.replace(folder / FILE)


def ports_of_others(states: Path, name: str) -> set[int]:
    """Ports that other testbeds of this checkout will want again when they are started."""
    return {port for other in _others(states, name) for port in other.ports.values()}


def slots_of_others(states: Path, name: str) -> set[int]:
    """Networks that other testbeds of this checkout will want again."""
    return {other.slot for other in _others(states, name) if other.slot is not None}


def _others(states: Path, name: str) -> list[State]:
    found = []
    for path in states.glob(f"*/{FILE}"):
        if path.parent.name == name:
            continue
        try:
            other = load(path.parent)
        except (TestbedError, KeyError, TypeError, AttributeError, OSError):
            # A damaged neighbour is its own problem; what it had is still probed before use.
            continue
        if other is not None:
            found.append(other)
    return found


def _options(raw: dict[str, Any]) -> Options:
    return Options(
        api_servers=int(raw["api_servers"]),
        service_account_credentials=bool(raw["service_account_credentials"]),
        nodes=int(raw["nodes"]),
        real_nodes=int(raw["real_nodes"]),
        api_server_args=tuple(raw["api_server_args"]),
    )
