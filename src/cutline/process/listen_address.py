"""Where a process listens, as it is written on a command line."""

import argparse
from dataclasses import dataclass

_HIGHEST_PORT = 65535


@dataclass(frozen=True, slots=True)
class ListenAddress:
    """An address of this machine; `host` is a name or an address without brackets."""

    host: str
    port: int


def listen_address(text: str) -> ListenAddress:
    """The address that `HOST:PORT` names, for `argparse`; an IPv6 address stands in brackets.

    Raises `argparse.ArgumentTypeError` for anything else.
    """
    host, _, port = text.rpartition(":")
    # Digits of other scripts are digits to Python, and no port to anybody.
    is_port = port.isascii() and port.isdigit() and int(port) <= _HIGHEST_PORT
    if not host or not is_port:
        raise argparse.ArgumentTypeError(f"{text!r} is not HOST:PORT")
    return ListenAddress(host.removeprefix("[").removesuffix("]"), int(port))
