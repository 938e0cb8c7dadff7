"""An HTTP server that plays an API server, for answers a real one gives only on a bad day."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import yaml
from aiohttp import web

from cutline.kube.client import KubeClient

Play = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


def write_kubeconfig(path: Path, server: str, user: dict[str, Any] | None = None, **cluster: Any) -> Path:
    """A kubeconfig with one context, whose namespace is `shop`."""
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": {"server": server, **cluster}}],
        "users": [{"name": "u", "user": user or {}}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u", "namespace": "shop"}}],
        "current-context": "x",
    }
    path.write_text(yaml.safe_dump(config), encoding="utf-8")
    return path


@asynccontextmanager
async def playing(play: Play) -> AsyncIterator[str]:
    """Serve; gives the URL."""
    runner = web.ServerRunner(web.Server(play), shutdown_timeout=0.01)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        host, port = runner.addresses[0][:2]
        yield f"http://{host}:{port}"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def client_of(play: Play, tmp_path: Path, **options: Any) -> AsyncIterator[KubeClient]:
    """A client connected to a server that answers with `play`."""
    async with playing(play) as url:
        kubeconfig = write_kubeconfig(tmp_path / "kubeconfig", url, {"token": "secret"})
        async with await KubeClient.connect(kubeconfig, user_agent="cutline-test", **options) as client:
            yield client
