"""`python -m cutline_operator`: reads its arguments and its file, and runs until it is told to end."""

import argparse
import asyncio
import sys
from pathlib import Path

from cutline.api.settings import load_settings
from cutline.domain.errors import BadObject
from cutline.kube.errors import BadKubeconfig
from cutline.process.listen_address import listen_address
from cutline_operator import logs
from cutline_operator.process import run
from cutline_operator.webhook_address import address_of

_BAD_CONFIGURATION = 2


def main(argv: list[str] | None = None) -> int:
    """The exit code: 0 after an orderly end, 2 for what the installer has to put right."""
    arguments = _parser().parse_args(argv)
    logs.configure()
    try:
        settings = load_settings(arguments.config.read_text(encoding="utf-8"))
        asyncio.run(run(settings, address_of(settings), arguments.metrics_listen))
    except (BadObject, BadKubeconfig, OSError, UnicodeDecodeError) as error:
        print(f"error: {error}", file=sys.stderr)
        return _BAD_CONFIGURATION
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="cutline_operator", description="Cutline's operator. It never decides.")
    parser.add_argument("--config", type=Path, required=True, help="the installation's configuration file")
    parser.add_argument(
        "--metrics-listen",
        type=listen_address,
        required=True,
        metavar="HOST:PORT",
        help="where /metrics, /readyz and /livez are served, by plain HTTP",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
