"""The webhook's command line: `python -m cutline_webhook --config FILE`."""

import argparse
import gc
import sys
from pathlib import Path

import uvloop

from cutline.api.settings import load_settings
from cutline.domain.errors import BadObject
from cutline.kube.errors import BadKubeconfig
from cutline.process import logs
from cutline.process.listen_address import listen_address
from cutline_webhook.process import serve
from cutline_webhook.tls import BadCertificate


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="cutline_webhook", description="The gate: every verdict is made here.")
    parser.add_argument("--config", type=Path, required=True, help="the installation's config.yaml")
    parser.add_argument("--listen", type=listen_address, default="0.0.0.0:8443", help="HTTPS for the API server")
    parser.add_argument(
        "--metrics-listen", type=listen_address, default="0.0.0.0:9090", help="HTTP for probes, metrics"
    )
    return parser.parse_args()


def main() -> int:
    """Serve until told to stop; 2 for settings that cannot be used."""
    arguments = _arguments()
    logs.configure()
    try:
        settings = load_settings(arguments.config.read_text(encoding="utf-8"))
        # What was loaded to start with stays: collecting it again and again costs milliseconds.
        gc.freeze()
        uvloop.run(serve(settings, arguments.listen, arguments.metrics_listen))
    except (BadObject, BadKubeconfig, BadCertificate, OSError, UnicodeDecodeError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
