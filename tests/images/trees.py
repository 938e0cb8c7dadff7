"""Source trees as small as an image build can be asked for."""

import os
import subprocess
from pathlib import Path

_FILES = {
    "charts/cutline/Chart.yaml": 'appVersion: "1.2.3"\n',
    "src/cutline/domain.py": "pass",
    "images/rootfs/tree.py": "pass",
    "README.md": "words",
    **{
        name: "pass"
        for component in ("webhook", "operator")
        for name in (
            f"{component}/Dockerfile",
            f"{component}/cutline_{component}/app.py",
            f"requirements/{component}.lock",
        )
    },
}


def make_tree(folder: Path) -> Path:
    """Every input, one file each."""
    for name, text in _FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def commit(tree: Path, when: int) -> None:
    """Commit all of it at that time, whoever runs the test."""
    told = {"NAME": "somebody", "EMAIL": "somebody@example.com", "DATE": f"{when} +0000"}
    origin = {f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER") for key, value in told.items()}
    for command in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "--message", "a change"]):
        subprocess.run(["git", "-C", tree, *command], env={**os.environ, **origin}, check=True)
