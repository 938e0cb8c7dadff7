"""How files are picked for an image, told apart from what stays behind."""

import os
from pathlib import Path

import pytest
from images.rootfs import debian, interpreter
from images.rootfs.tree import Tree
from images.rootfs.wheels import pruned


@pytest.mark.parametrize(
    "path",
    ["kubernetes/aio/client/api.py", "kubernetes/client/models/v1_pod.py", "kubernetes/client/api/core_v1_api.py"],
)
def test_of_the_kubernetes_client_the_classes_of_kinds_stay_out(path: str) -> None:
    assert pruned(path)


@pytest.mark.parametrize(
    "path",
    [
        "kubernetes/config/kube_config.py",
        "kubernetes/client/models/__init__.py",
        "kubernetes/client/api_client.py",
        "kubernetes/client/configuration.py",
        "aiohttp/_http_parser.cpython-313-x86_64-linux-gnu.so",
        "cryptography-50.0.2.dist-info/licenses/LICENSE",
    ],
)
def test_what_processes_load_stays_in(path: str) -> None:
    assert not pruned(path)


@pytest.mark.parametrize(
    ("path", "out"),
    [
        ("test", True),
        ("asyncio/__pycache__", True),
        ("lib-dynload/_testcapi.cpython-313-x86_64-linux-gnu.so", True),
        ("lib-dynload/_sqlite3.cpython-313-x86_64-linux-gnu.so", True),
        ("unittest", False),
        ("lib-dynload/_ssl.cpython-313-x86_64-linux-gnu.so", False),
        ("asyncio/base_events.py", False),
    ],
)
def test_of_the_standard_library_parts_stay_out(path: str, out: bool) -> None:
    assert interpreter.left_out(path) is out


def test_links_on_the_way_to_a_file_are_made_again(tmp_path: Path) -> None:
    stage, root = tmp_path / "stage", tmp_path / "root"
    (stage / "usr/lib").mkdir(parents=True)
    (stage / "usr/lib/libx.so.1.2").write_text("code")
    (stage / "usr/lib/libx.so.1").symlink_to("libx.so.1.2")
    (stage / "lib").symlink_to("usr/lib")
    place = Tree(root).add(str(stage / "lib/libx.so.1"))
    copied = root / str(stage).lstrip("/")
    assert place == str(stage / "usr/lib/libx.so.1.2")
    assert (copied / "lib").is_symlink()
    assert os.readlink(copied / "usr/lib/libx.so.1") == "libx.so.1.2"
    assert (copied / "lib/libx.so.1").read_text() == "code"


def test_a_file_that_is_not_there_ends_the_build(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"is no file in the build stage"):
        Tree(tmp_path / "root").add(str(tmp_path / "nowhere"))


def test_everything_gets_one_time_and_folders_one_mode(tmp_path: Path) -> None:
    tree = Tree(tmp_path)
    tree.write("/etc/passwd", "root")
    tree.folder("/tmp", 0o1777)  # noqa: S108 - of the image
    (tmp_path / "etc").chmod(0o700)
    tree.settle(1_700_000_000)
    assert {path.stat().st_mtime for path in [tmp_path, *tmp_path.rglob("*")]} == {1_700_000_000}
    assert (tmp_path / "etc").stat().st_mode & 0o7777 == 0o755
    assert (tmp_path / "tmp").stat().st_mode & 0o7777 == 0o1777


DEBIAN_STATUS = """\
Package: libssl3t64
Status: install ok installed
Architecture: amd64
Source: openssl
Version: 3.5.1-1

Package: libuuid1
Status: install ok installed
Architecture: amd64
Source: util-linux (2.41-5)
Version: 2.41-5+b1
"""


def test_a_file_is_of_the_package_whose_list_names_it(tmp_path: Path) -> None:
    (tmp_path / "info").mkdir()
    (tmp_path / "status").write_text(DEBIAN_STATUS)
    (tmp_path / "info/libssl3t64:amd64.list").write_text("/.\n/opt/nowhere/libssl.so.3\n")
    index = debian.PackageIndex(tmp_path)
    package = index.owner("/opt/nowhere/libssl.so.3")
    assert package is not None
    assert (package.name, package.version, package.source) == ("libssl3t64", "3.5.1-1", "openssl 3.5.1-1")
    assert index.owner("/opt/nowhere/other") is None


def test_licences_are_read_where_they_are_written_to_be_read() -> None:
    text = "Format: x\n\nFiles: *\nLicense: GPL-2+ or MIT\n words\n\nFiles: b\nLicense: MIT\n"
    assert debian.licences(text) == ["GPL-2+", "MIT"]
    assert debian.licences("This package was put together by hand. License: whatever") == []
    assert debian.common_licences("see /usr/share/common-licenses/GPL-2.") == ["/usr/share/common-licenses/GPL-2"]
