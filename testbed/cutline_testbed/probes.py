"""Whether a program of the control plane answers that it is ready.

It refuses to take a listening port for readiness: each program is asked.
"""

from __future__ import annotations

import http.client
import ssl

from cutline_testbed.ports import HOST

TIMEOUT_S = 5.0


def http_ok(port: int, path: str) -> bool:
    """A plain HTTP endpoint on the loopback address answers 200."""
    return _answers(http.client.HTTPConnection(HOST, port, timeout=TIMEOUT_S), path)


def https_ok(port: int, path: str) -> bool:
    """The same over TLS, whoever signed the certificate: health is no secret and no promise."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return _answers(http.client.HTTPSConnection(HOST, port, timeout=TIMEOUT_S, context=context), path)


def _answers(connection: http.client.HTTPConnection, path: str) -> bool:
    try:
        connection.request("GET", path)
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
