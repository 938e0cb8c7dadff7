"""Writes requirements/*.lock: what each process and the development environment run on.

The locks carry hashes and no addresses: whoever installs from them decides where from,
and gets the same bytes.
"""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCKS = {
    "dev": ["--extra", "operator", "--extra", "webhook", "--group", "dev"],
    "operator": ["--extra", "operator"],
    "webhook": ["--extra", "webhook"],
}


def main() -> int:
    """Lock every environment; the first failure ends it."""
    for name, wanted in LOCKS.items():
        print(f"==> requirements/{name}.lock", flush=True)
        command = [sys.executable, "-m", "uv", "pip", "compile", "--quiet", "--universal", "--generate-hashes"]
        command += ["--no-header", "--no-annotate", "--no-emit-package", "cutline", "--python-version", "3.11"]
        command += [*wanted, "--output-file", f"requirements/{name}.lock", "pyproject.toml"]
        subprocess.run(command, cwd=ROOT, check=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
