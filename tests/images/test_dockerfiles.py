"""Our Dockerfiles are for docker, podman and buildah alike: nothing in them that one of the three does not know."""

import fnmatch
import re
from pathlib import Path

import pytest

from cutline_testbed.images.builder import COMPONENTS, inputs_of

ROOT = Path(__file__).parents[2]
each_dockerfile = pytest.mark.parametrize("component", COMPONENTS)


def instructions(component: str) -> list[str]:
    """Without comments, one line each."""
    text = (ROOT / component / "Dockerfile").read_text()
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return "\n".join(lines).replace("\\\n", " ").splitlines()


@each_dockerfile
def test_only_what_every_builder_knows(component: str) -> None:
    text = "\n".join(instructions(component))
    assert not re.search(r"--link|--network|--mount|--security|<<|BUILDKIT|syntax *=|chroot /", text)


@each_dockerfile
def test_the_image_starts_from_nothing_and_runs_as_nobody_in_particular(component: str) -> None:
    lines = instructions(component)
    last = lines[lines.index("FROM scratch") :]
    assert [line for line in last if line.startswith(("RUN", "ADD", "SHELL", "CMD"))] == []
    assert [line for line in last if line.startswith("COPY")] == ["COPY --from=build /rootfs /"]
    assert "USER 65532:65532" in last
    assert last[-1] == f'ENTRYPOINT ["python3", "-m", "cutline_start", "cutline_{component}"]'


@each_dockerfile
def test_dependencies_come_from_the_lock_with_hashes_and_uncompiled(component: str) -> None:
    [install] = [line for line in instructions(component) if "pip install" in line]
    assert {"--require-hashes", "--no-deps", "--no-compile"} <= set(install.split())
    assert "--only-binary :all:" in install


@each_dockerfile
def test_a_builder_is_sent_all_that_is_copied_and_the_key_covers_it(component: str) -> None:
    sent = {line.removeprefix("!") for line in (ROOT / ".dockerignore").read_text().splitlines() if line[:1] == "!"}
    copied = [
        source
        for line in instructions(component)
        if line.startswith("COPY") and "--from" not in line
        for source in line.split()[1:-1]
    ]
    assert copied
    for source in copied:
        assert (ROOT / source).exists(), source
        assert source.split("/")[0] in sent, source
        assert any(source == name or fnmatch.fnmatch(source, f"{name}/*") for name in inputs_of(component)), source


def test_the_two_differ_in_nothing_but_their_process() -> None:
    def without_name(component: str) -> str:
        text = re.sub(r'image\.description="[^"]*"', "", (ROOT / component / "Dockerfile").read_text())
        return text.replace(component, "PROCESS")

    assert without_name("webhook") == without_name("operator")
