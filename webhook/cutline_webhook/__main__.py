"""The webhook's command line: `python -m cutline_webhook --config FILE`."""

import argparse
import gc
import sys
from pathlib import Path

import uvloop

from cutline.api.settings import load_settings
from cutline.domain.errors import BadObject
from cutline.kube.errors import BadKubeconfig
from cutline_webhook import logs
from cutline_webhook.process import Address, serve
from cutline_webhook.tls import BadCertificate


def _address(text: str) -> Address:
    host, separator, port = text.rpartition(":")
    if not separator or not port.isdigit():
        raise argparse.ArgumentTypeError(f"{text!r} is not HOST:PORT")
    return Address(host.strip("[]"), int(port))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="cutline_webhook", description="The gate: every verdict is made here.")
    parser.add_argument("--config", type=Path, required=True, help="the installation's config.yaml")
    parser.add_argument("--listen", type=_address, default="0.0.0.0:8443", help="HTTPS for the API server")
    parser.add_argument("--metrics-listen", type=_address, default="0.0.0.0:9090", help="HTTP for probes, metrics")
    return parser.parse_args()


def main() -> int:
    """Serve until told to stop; 2 for settings that cannot be used."""
    arguments = _arguments()
    logs.configure()
    try:
        settings = load_settings(arguments.config.read_text())
        # What was loaded to start with stays: collecting it again and again costs milliseconds.
        gc.freeze()
        uvloop.run(serve(settings, arguments.listen, arguments.metrics_listen))
    except (BadObject, BadKubeconfig, BadCertificate, OSError) as error:
        print(f"cutline_webhook: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
