"""The plain HTTP answers for the kubelet and Prometheus: /livez, /readyz, /metrics.

Run it in a `Server` without TLS, on a port of its own: a probe presents no client certificate, and
must not need the certificate that it is to report missing.
"""

from collections.abc import Callable, Sequence
from http import HTTPStatus

from cutline_webhook import metrics
from cutline_webhook.messages import Handler, HttpRequest, HttpResponse, plain

Missing = Callable[[], Sequence[str]]
"""What is missing for a probe to succeed, in words; empty if nothing is. Must not raise or block."""


def probe_response(missing: Missing) -> HttpResponse:
    """200 and "ok", or 503 and one line for each missing thing."""
    lines = missing()
    if not lines:
        return plain(HTTPStatus.OK, "ok")
    return plain(HTTPStatus.SERVICE_UNAVAILABLE, "\n".join(lines))


def probes(figures: metrics.Metrics, unready: Missing) -> Handler:
    """The handler for the metrics listener."""

    async def handle(request: HttpRequest) -> HttpResponse:
        if request.method not in {"GET", "HEAD"}:
            return plain(HTTPStatus.METHOD_NOT_ALLOWED)
        match request.path:
            case "/livez":
                return plain(HTTPStatus.OK, "ok")  # a process that answers lives
            case "/readyz":
                return probe_response(unready)
            case "/metrics":
                return HttpResponse(HTTPStatus.OK, figures.render(), metrics.CONTENT_TYPE)
            case _:
                return plain(HTTPStatus.NOT_FOUND)

    return handle
