"""HOST:PORT on the command line of a process."""

import argparse

import pytest

from cutline.process.listen_address import ListenAddress, listen_address


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [("127.0.0.1:8443", "127.0.0.1", 8443), ("[::1]:9090", "::1", 9090), ("localhost:0", "localhost", 0)],
)
def test_an_address_is_read(text: str, host: str, port: int) -> None:
    assert listen_address(text) == ListenAddress(host, port)


@pytest.mark.parametrize("text", ["", "8443", ":8443", "0.0.0.0:", "0.0.0.0:https", "0.0.0.0:65536", "0.0.0.0:²"])
def test_anything_else_is_named(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="is not HOST:PORT"):
        listen_address(text)
