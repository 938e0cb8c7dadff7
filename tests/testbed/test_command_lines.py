"""The command lines that decide what kind of control plane this is."""

from pathlib import Path

import pytest

from cutline_testbed import components, state
from cutline_testbed.components import CommandLines
from cutline_testbed.errors import TestbedError
from cutline_testbed.layout import Layout
from cutline_testbed.paths import valid_name
from cutline_testbed.programs import CONTROL_PLANE
from cutline_testbed.state import Options, State
from cutline_testbed.toolchain import Toolchain


def _lines(options: Options, folder: Path = Path("/state")) -> CommandLines:
    binaries = {name: Path("/bin") / name for name in CONTROL_PLANE.packages}
    toolchain = Toolchain(Path("/bin"), binaries)
    ports = {name: 20000 + number for number, name in enumerate(components.port_names(options))}
    return CommandLines(Layout("test", folder), toolchain, options, ports)


def test_the_api_server_authorises_like_a_real_one() -> None:
    line = _lines(Options()).of("kube-apiserver")
    assert "--authorization-mode=Node,RBAC" in line
    assert "--enable-admission-plugins=NodeRestriction" in line


def test_extra_flags_reach_every_api_server() -> None:
    lines = _lines(Options(api_servers=2, api_server_args=("--v=2",)))
    first, second = lines.of("kube-apiserver"), lines.of("kube-apiserver-2")
    assert "--v=2" in first
    assert "--v=2" in second
    differing = {part.split("=")[0] for part in set(first) ^ set(second)}
    assert differing == {"--secure-port", "--audit-log-path"}


@pytest.mark.parametrize(("own_accounts", "flag"), [(True, "true"), (False, "false")])
def test_controllers_act_as_themselves_unless_told_otherwise(own_accounts: bool, flag: str) -> None:
    line = _lines(Options(service_account_credentials=own_accounts)).of("kube-controller-manager")
    assert f"--use-service-account-credentials={flag}" in line


def test_every_program_starts_after_what_it_needs() -> None:
    order = components.start_order(Options(api_servers=2))
    assert order == [
        *("etcd", "kube-apiserver", "kube-apiserver-2"),
        *("kube-controller-manager", "kube-scheduler", "kwok"),
    ]


def test_state_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    written = State(Options(api_servers=2, nodes=5, api_server_args=("--v=2",)), {"etcd": 20001})
    state.save(tmp_path, written)
    assert state.load(tmp_path) == written
    assert state.load(tmp_path / "elsewhere") is None


def test_ports_of_neighbours_are_known_even_beside_a_damaged_one(tmp_path: Path) -> None:
    for name, port in (("one", 20001), ("two", 20002)):
        (tmp_path / name).mkdir()
        state.save(tmp_path / name, State(Options(), {"etcd": port}))
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "state.json").write_text("[]")
    assert state.ports_of_others(tmp_path, "one") == {20002}


@pytest.mark.parametrize("name", ["", "../x", "A", "a_b", "-a", "a-", "a" * 41])
def test_names_that_could_be_something_else_are_refused(name: str) -> None:
    with pytest.raises(TestbedError, match="not a usable testbed name"):
        valid_name(name)
