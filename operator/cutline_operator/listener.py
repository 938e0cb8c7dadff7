"""The plain HTTP listener for the kubelet and Prometheus: /metrics, /readyz, /livez."""

from collections.abc import Callable, Sequence

from aiohttp import web
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from cutline_operator.metrics import Metrics

Missing = Callable[[], Sequence[str]]
"""What is missing for a probe to succeed, in words; empty if nothing is."""


class Listener:
    """Serves until it is closed."""

    def __init__(self, metrics: Metrics, unready: Missing) -> None:
        self._metrics = metrics
        self._unready = unready
        self._runner: web.AppRunner | None = None

    async def start(self, host: str, port: int) -> None:
        """Listen; raises `OSError` where the address is taken."""
        app = web.Application()
        app.router.add_get("/metrics", self._render)
        app.router.add_get("/readyz", self._ready)
        app.router.add_get("/livez", self._alive)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, host, port).start()

    @property
    def port(self) -> int:
        """The port that is listened on; 0 before `start`."""
        return int(self._runner.addresses[0][1]) if self._runner is not None else 0

    async def close(self) -> None:
        """Stop listening."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _render(self, request: web.Request) -> web.Response:
        return web.Response(body=generate_latest(self._metrics.registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def _ready(self, request: web.Request) -> web.Response:
        missing = self._unready()
        return web.Response(text="\n".join(missing) or "ok", status=503 if missing else 200)

    async def _alive(self, request: web.Request) -> web.Response:
        # That the event loop came this far is what is asked.
        return web.Response(text="ok")
