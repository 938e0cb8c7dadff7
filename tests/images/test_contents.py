"""What is in the images, and what is not."""

import json
import re
import stat
import tarfile
from functools import cache
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from cutline_testbed.images import ImageArchives
from cutline_testbed.images.archive import layer_files, read_image
from cutline_testbed.images.builder import inputs_of
from cutline_testbed.images.provenance import provenance_of, version_of
from tests.images.sizes import Contents, rows, sizes

pytestmark = pytest.mark.images

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "reference" / "images.md"
MOST_PACKED_MB = 60.0


@cache
def entries(archive: Path) -> dict[str, tarfile.TarInfo]:
    """Every entry of the image by its absolute path."""
    with layer_files(archive) as layer:
        return {f"/{entry.name.rstrip('/')}": entry for entry in layer}


def test_every_file_is_of_a_component_that_the_list_of_software_names(
    built: ImageArchives, component: str, contents: Contents
) -> None:
    files = {path for path, entry in entries(built.archive(component)).items() if entry.isfile()}
    listed = json.loads(built.sbom(component).read_text())["components"]
    located = [place["location"] for part in listed for place in part.get("evidence", {}).get("occurrences", [])]
    assert set(located) == files
    assert len(located) == len(files), "a file is of two components"
    # What is Cutline's is where Cutline's files are: nobody else's were swept under it.
    ours = contents.components["cutline", "Cutline"]["files"]
    places = ("/opt/cutline/app/", "/usr/share/doc/cutline/", "/var/lib/dpkg/status.d/")
    settings = {"/etc/passwd", "/etc/group", "/etc/nsswitch.conf", "/etc/ld.so.cache"}
    assert [path for path in ours if not path.startswith(places) and path not in settings] == []


def test_the_list_of_software_is_valid_and_complete(built: ImageArchives, component: str) -> None:
    text = built.sbom(component).read_text()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    listed = {part["bom-ref"]: part for part in json.loads(text)["components"]}
    locked = dict(re.findall(r"^([a-z0-9-]+)==([^ ]+)", (ROOT / f"requirements/{component}.lock").read_text(), re.M))
    wheels = {part["purl"].removeprefix("pkg:pypi/"): part for ref, part in listed.items() if ref.startswith("wheel/")}
    assert set(wheels) == {f"{name}@{version}" for name, version in locked.items()}
    hashes = (ROOT / f"requirements/{component}.lock").read_text()
    for name, part in wheels.items():
        assert f"sha256:{part['hashes'][0]['content']}" in hashes, name
    assert listed["cpython/CPython"]["version"].startswith("3.13.")
    assert any(ref.startswith("debian/") for ref in listed)
    for ref, part in listed.items():
        assert part["licenses"], f"{ref} has no licence"


def test_the_licence_of_each_component_is_inside(built: ImageArchives, component: str, contents: Contents) -> None:
    inside = entries(built.archive(component))
    for key, entry in contents.components.items():
        assert entry["licence_files"], f"{key} has no licence text"
        absent = [path for path in entry["licence_files"] if _resolved(path, inside) not in inside]
        assert absent == [], key


def _resolved(path: str, inside: dict[str, tarfile.TarInfo]) -> str:
    """Through the links of folders, as a reader would get there."""
    parent = Path(path).parent
    entry = inside.get(str(parent))
    while entry is not None and entry.issym():
        parent = parent.parent / entry.linkname
        entry = inside.get(str(parent))
    return str(parent / Path(path).name)


def test_nothing_is_inside_that_could_build_or_install_or_run_commands(built: ImageArchives, component: str) -> None:
    inside = entries(built.archive(component))
    names = {Path(path).name for path, entry in inside.items() if not entry.isdir()}
    unwanted = {
        "sh",
        "bash",
        "dash",
        "busybox",
        "apt",
        "apt-get",
        "dpkg",
        "gcc",
        "cc",
        "ld",
        "pip",
        "ensurepip",
        "perl",
    }
    assert names & unwanted == set()
    programs = [
        path
        for path, entry in entries(built.archive(component)).items()
        if (entry.isfile() and "/bin/" in path) or "/sbin/" in path
    ]
    assert [Path(path).name for path in programs if not Path(path).name.startswith("python3")] == []


def test_everything_is_roots_and_nothing_can_be_changed_by_others(built: ImageArchives, component: str) -> None:
    for path, entry in entries(built.archive(component)).items():
        assert (entry.uid, entry.gid) == (0, 0), path
        if not entry.issym() and path != "/tmp":  # noqa: S108
            assert not entry.mode & (stat.S_IWGRP | stat.S_IWOTH | stat.S_ISUID | stat.S_ISGID), path


def test_each_module_is_compiled_and_trusted_as_it_is(built: ImageArchives, component: str) -> None:
    inside = entries(built.archive(component))
    with layer_files(built.archive(component)) as layer:
        for path in [path for path, entry in inside.items() if path.endswith(".py") and entry.isfile()]:
            module = Path(path)
            compiled = module.parent / "__pycache__" / f"{module.stem}.cpython-313.pyc"
            file = layer.extractfile(inside[str(compiled)])
            assert file is not None
            # By hash and unchecked: Python looks neither at times nor at the source.
            assert int.from_bytes(file.read(8)[4:], "little") == 0b01, path


def test_the_image_says_what_it_is(built: ImageArchives, component: str) -> None:
    image = read_image(built.archive(component))
    origin = provenance_of(ROOT, inputs_of(component))
    assert image.name == f"docker.io/library/cutline-{component}:{version_of(ROOT)}"
    labels = image.config["config"]["Labels"]
    assert labels.pop("org.opencontainers.image.description")
    assert labels == {
        "org.opencontainers.image.title": f"cutline-{component}",
        "org.opencontainers.image.version": origin.version,
        "org.opencontainers.image.revision": origin.revision,
        "org.opencontainers.image.licenses": "Apache-2.0",
    }
    assert image.config["config"]["User"] == "65532:65532"
    assert image.config["config"]["Entrypoint"] == ["python3", "-m", "cutline_start", f"cutline_{component}"]


def test_an_image_is_as_small_as_the_docs_say(built: ImageArchives, component: str, contents: Contents) -> None:
    measured = sizes(built.archive(component), contents)
    packed = read_image(built.archive(component)).packed / 1e6
    assert packed < MOST_PACKED_MB
    measured["in all"] = (packed, sum(whole for _, whole in measured.values()))
    table = "\n".join(f"| {group} | {small:.1f} | {whole:.1f} |" for group, (small, whole) in measured.items())
    section = PAGE.read_text().partition(f"### {component}")[2].partition("\n### ")[0]
    told = dict(rows(section))
    assert set(told) == set(measured), f"the table of {component} should read\n{table}"
    for group, figures in measured.items():
        for figure, said in zip(figures, told[group], strict=True):
            assert abs(figure - said) <= max(0.3, said * 0.1), f"{group}; the table of {component} should read\n{table}"
