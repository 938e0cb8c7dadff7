"""One version number in every place, and the versions before it kept whole."""

import io
import subprocess
import tarfile
import tomllib
from pathlib import Path

import pytest
import yaml
from hack.keep_previous import NotThatVersionError, keep

ROOT = Path(__file__).resolve().parents[2]
PREVIOUS = ROOT / "tests" / "previous"
KEPT = sorted(path.name for path in PREVIOUS.iterdir() if path.is_dir())
HEARTS = ("webhook/Dockerfile", "operator/Dockerfile", "requirements/webhook.lock", "requirements/operator.lock")


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def _current() -> str:
    return str(tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"])


def _member(archive: Path, name: str) -> bytes:
    with tarfile.open(archive) as opened:
        found = opened.extractfile(name)
        assert found is not None
        return found.read()


def test_the_chart_and_the_distribution_are_one_version() -> None:
    chart = yaml.safe_load((ROOT / "charts/cutline/Chart.yaml").read_text("utf-8"))
    assert chart["version"] == chart["appVersion"] == _current()


def test_at_least_one_earlier_version_is_kept() -> None:
    assert KEPT
    assert max(map(_numbers, KEPT)) < _numbers(_current())


@pytest.mark.parametrize("version", KEPT)
def test_a_kept_version_is_what_its_folder_says(version: str) -> None:
    folder = PREVIOUS / version
    assert {path.name for path in folder.iterdir()} == {f"cutline-{version}.tgz", "source.tar.gz"}
    chart = yaml.safe_load(_member(folder / f"cutline-{version}.tgz", "cutline/Chart.yaml"))
    assert chart["version"] == chart["appVersion"] == version
    project = tomllib.loads(_member(folder / "source.tar.gz", "pyproject.toml").decode())["project"]
    assert project["version"] == version


@pytest.mark.parametrize("version", KEPT)
def test_images_of_a_kept_version_can_be_built_from_it(version: str) -> None:
    with tarfile.open(fileobj=io.BytesIO((PREVIOUS / version / "source.tar.gz").read_bytes())) as opened:
        names = set(opened.getnames())
    assert names.issuperset(HEARTS)
    assert any(name.startswith("src/cutline/domain/") for name in names)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A checkout of nothing but a chart of version 3.2.1 and sources."""
    files = {
        "charts/cutline/Chart.yaml": "name: cutline\nversion: 3.2.1\n",
        "src/cutline/a.py": "A = 1\n",
        "webhook/Dockerfile": "FROM scratch\n",
        "operator/Dockerfile": "FROM scratch\n",
        "images/a.py": "A = 1\n",
        ".dockerignore": "*\n",
        "requirements/webhook.lock": "",
        "requirements/dev.lock": "",
        "pyproject.toml": "",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    author = ("-c", "user.name=tester", "-c", "user.email=tester@example.com")
    for command in (("init", "--quiet"), ("add", "."), (*author, "commit", "--quiet", "-m", "all")):
        subprocess.run(["git", *command], cwd=tmp_path, check=True)
    return tmp_path


def test_a_version_is_kept_only_from_a_commit_that_has_it(repository: Path) -> None:
    with pytest.raises(NotThatVersionError, match="is version 3\\.2\\.1, not 3\\.2\\.0"):
        keep("3.2.0", "HEAD", repository)
    assert not (repository / "tests").exists()


def test_a_commit_is_kept_the_same_each_time_and_the_working_tree_is_not(repository: Path) -> None:
    first = [path.read_bytes() for path in keep("3.2.1", "HEAD", repository)]
    (repository / "src/cutline/a.py").write_text("A = 2\n")
    source = repository / "tests/previous/3.2.1/source.tar.gz"
    assert [path.read_bytes() for path in keep("3.2.1", "HEAD", repository)] == first
    assert _member(source, "src/cutline/a.py") == b"A = 1\n"
    with tarfile.open(source) as opened:
        assert "requirements/dev.lock" not in opened.getnames()
