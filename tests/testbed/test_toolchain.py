"""Which build is found, and when one counts as another."""

from pathlib import Path

import pytest

from cutline_testbed import programs
from cutline_testbed.errors import TestbedError
from cutline_testbed.go_sdk import GoSdk, parse_version
from cutline_testbed.paths import toolchain_source
from cutline_testbed.toolchain import assets_from, find_built
from cutline_testbed.toolchain_key import build_key, source_key


def _key(
    go_mod: bytes = b"mod", go_sum: bytes = b"sum", flags: str = "-s", wanted: tuple[str, ...] = ("etcd", "helm")
) -> str:
    return source_key(go_mod, go_sum, flags, wanted, ("stage",))


def test_equal_inputs_give_equal_keys_whatever_their_order() -> None:
    assert _key() == _key()
    assert _key(wanted=("helm", "etcd")) == _key()


@pytest.mark.parametrize(
    "other",
    [_key(go_mod=b"mod2"), _key(go_sum=b"sum2"), _key(flags="-w"), _key(wanted=("etcd",)), _key(b"mo", b"dsum")],
)
def test_whatever_changes_the_programs_changes_the_key(other: str) -> None:
    assert other != _key()


@pytest.mark.parametrize(
    ("output", "parsed"),
    [
        ("go version go1.26.8 linux/amd64", ("go1.26.8", (1, 26))),
        ("go version go1.27 darwin/arm64", ("go1.27", (1, 27))),
        ("go version devel +abc", None),
        ("", None),
    ],
)
def test_reads_the_version_of_go(output: str, parsed: tuple[str, tuple[int, int]] | None) -> None:
    assert parse_version(output) == parsed


def test_a_finished_build_is_found_by_its_exact_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    folder = tmp_path / "cutline" / "toolchain" / build_key("abc", "go1.26.8")
    folder.mkdir(parents=True)
    assert find_built("abc", GoSdk("go1.26.8", Path("/go"))) == folder
    assert find_built("abc", GoSdk("go1.27.0", Path("/go"))) is None
    assert find_built("def", GoSdk("go1.26.8", Path("/go"))) is None


def test_without_any_go_a_build_of_the_same_sources_will_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    folder = tmp_path / "cutline" / "toolchain" / build_key("abc", "go1.27.1")
    folder.mkdir(parents=True)
    assert find_built("abc", GoSdk("go1.26.6", None)) == folder


def test_envtest_assets_count_only_when_all_are_there(tmp_path: Path) -> None:
    assert assets_from({}) == {}
    for name in ("etcd", "kubectl"):
        (tmp_path / name).touch(mode=0o755)
    with pytest.raises(TestbedError, match="no executable kube-apiserver"):
        assets_from({"KUBEBUILDER_ASSETS": str(tmp_path)})
    (tmp_path / "kube-apiserver").touch(mode=0o755)
    found = assets_from({"KUBEBUILDER_ASSETS": str(tmp_path)})
    assert set(found) == {"etcd", "kubectl", "kube-apiserver"}


def test_both_version_packages_are_stamped() -> None:
    flags = programs.linker_flags("v1.37.2")
    for package in ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version"):
        for stamp in ("gitVersion=v1.37.2", "gitMajor=1", "gitMinor=37"):
            assert f"-X {package}.{stamp}" in flags


@pytest.mark.parametrize("program_set", programs.SETS, ids=lambda found: found.name)
def test_the_pinned_go_mod_builds_every_program_we_name(program_set: programs.ProgramSet) -> None:
    go_mod = (toolchain_source(program_set.source) / "go.mod").read_text()
    for package in program_set.packages.values():
        assert f"\t{package}\n" in go_mod or f"\ntool {package}\n" in go_mod


def test_the_stamped_versions_are_the_pinned_ones() -> None:
    assert f"k8s.io/kubernetes {programs.KUBERNETES_VERSION}" in (toolchain_source() / "go.mod").read_text()
    containerd = (toolchain_source("containerd") / "go.mod").read_text()
    assert f"github.com/containerd/containerd/v2 {programs.CONTAINERD_VERSION}" in containerd
