"""A proxy on this machine that rehearses a command: its writes become dry runs.

It forwards to the API server with the user's own credentials, byte for byte, which is
why it holds an HTTP session of its own and does not use `KubeClient`. What may leave is
said by `gatekeeping`; what the gate answers is collected for the caller.

It listens on the loopback interface alone. Whoever asks must know a random token, which
stands in the path of the server's address: kubectl sends no bearer token over plain
HTTP (client-go `clientcmd`, ClientConfig), and a certificate for 127.0.0.1 would prove
no more.
"""

import asyncio
import hmac
import json
import secrets
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
from aiohttp import web
from multidict import CIMultiDict
from yarl import URL

from cutline.kube.connection import Endpoint, TokenSource
from cutline.kube.errors import KubeError
from cutline_cli.rehearsal.denials import Denial, OtherRefusal, refusal_of
from cutline_cli.rehearsal.gatekeeping import Incoming, NotForwarded, Outgoing, judged

_LOOPBACK = "127.0.0.1"
_LARGEST_BODY = 16 * 1024 * 1024
_PIECE = 64 * 1024
_CONTEXT = "rehearsal"
# Headers of one hop, and those that this hop sets itself (RFC 9110, 7.6.1).
_OF_THE_HOP = frozenset(
    (
        *("connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "te", "trailer"),
        *("transfer-encoding", "upgrade", "host", "content-length", "content-encoding"),
        *("accept-encoding", "authorization"),
    )
)
_WRITES = frozenset({"POST", "PUT", "PATCH", "DELETE"})


@dataclass(slots=True)
class Findings:
    """What was refused while the command ran; `changed` is set with each new refusal."""

    denials: list[Denial] = field(default_factory=list)
    others: list[OtherRefusal] = field(default_factory=list)
    unreadable: list[Exception] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def add(self, code: int, body: bytes) -> None:
        """Take in an answer of the API server; one that is no refusal is left alone."""
        try:
            refusal = refusal_of(code, body)
        except Exception as error:
            self.unreadable.append(error)
            self.changed.set()
            return
        match refusal:
            case Denial():
                self.denials.append(refusal)
            case OtherRefusal():
                self.others.append(refusal)
            case None:
                return
        self.changed.set()


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """A running proxy: the kubeconfig that leads to it, and what it has found so far."""

    kubeconfig: Path
    folder: Path
    findings: Findings


@asynccontextmanager
async def rehearsing(endpoint: Endpoint, tokens: TokenSource, namespace: str) -> AsyncIterator[Rehearsal]:
    """Run a proxy in front of `endpoint` for as long as the block lasts."""
    findings = Findings()
    secret = secrets.token_urlsafe(32)
    connector = aiohttp.TCPConnector(ssl=endpoint.tls or True)
    # What the command leaves out must stay out: to the API server a body without a type is JSON.
    session = aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        skip_auto_headers=["User-Agent", "Accept", "Content-Type"],
    )
    with tempfile.TemporaryDirectory(prefix="cutline-") as folder:
        async with session, _listening(_Relay(endpoint, tokens, session, secret, findings)) as port:
            kubeconfig = Path(folder) / "kubeconfig"
            # The folder is readable by its owner alone (tempfile, mkdtemp), and so is the file.
            kubeconfig.touch(mode=0o600)
            kubeconfig.write_text(_kubeconfig(port, secret, namespace), encoding="utf-8")
            yield Rehearsal(kubeconfig, Path(folder), findings)


@asynccontextmanager
async def _listening(relay: "_Relay") -> AsyncIterator[int]:
    application = web.Application(client_max_size=_LARGEST_BODY)
    application.router.add_route("*", "/{path:.*}", relay.handle)
    # Long watches must not hold up the end of the rehearsal.
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    try:
        site = web.TCPSite(runner, _LOOPBACK, 0)
        await site.start()
        port: int = runner.addresses[0][1]
        yield port
    finally:
        await runner.cleanup()


def _kubeconfig(port: int, secret: str, namespace: str) -> str:
    # JSON, because Go reads a bare 901e71 as a number where PyYAML writes it for a namespace's name.
    return json.dumps(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": _CONTEXT, "cluster": {"server": f"http://{_LOOPBACK}:{port}/{secret}"}}],
            "users": [{"name": _CONTEXT, "user": {}}],
            "contexts": [
                {"name": _CONTEXT, "context": {"cluster": _CONTEXT, "user": _CONTEXT, "namespace": namespace}}
            ],
            "current-context": _CONTEXT,
        }
    )


class _Relay:
    """Judges, forwards and listens to each request of the command."""

    def __init__(
        self,
        endpoint: Endpoint,
        tokens: TokenSource,
        session: aiohttp.ClientSession,
        secret: str,
        findings: Findings,
    ) -> None:
        self._endpoint = endpoint
        self._tokens = tokens
        self._session = session
        self._secret = secret
        self._findings = findings

    async def handle(self, request: web.Request) -> web.StreamResponse:
        secret, _, path = request.rel_url.raw_path.removeprefix("/").partition("/")
        if not hmac.compare_digest(secret.encode(), self._secret.encode()):
            return _status(403, "Forbidden", "this proxy belongs to one command of kubectl cutline")
        incoming = Incoming(
            method=request.method,
            path=f"/{path}",
            query=request.rel_url.raw_query_string,
            body=await request.read(),
            content_type=request.headers.get("Content-Type", ""),
            wants_upgrade="Upgrade" in request.headers,
        )
        # DeleteOptions are judged as they stand; packed ones would be judged unseen.
        if request.headers.get("Content-Encoding"):
            return _status(415, "UnsupportedMediaType", "a rehearsal takes no compressed requests")
        match judged(incoming):
            case NotForwarded(reason):
                return _status(403, "Forbidden", f"kubectl cutline did not send this request: {reason}")
            case Outgoing() as outgoing:
                return await self._forward(request, incoming, outgoing)

    async def _forward(self, request: web.Request, incoming: Incoming, outgoing: Outgoing) -> web.StreamResponse:
        try:
            headers = await self._headers(request)
            async with self._session.request(
                incoming.method,
                URL(f"{self._endpoint.server}{outgoing.path}?{outgoing.query}", encoded=True),
                data=incoming.body or None,
                headers=headers,
                timeout=aiohttp.ClientTimeout(total=None),
                allow_redirects=False,
                server_hostname=self._endpoint.tls_server_name,
                proxy=self._endpoint.proxy,
            ) as answer:
                return await self._answer(request, incoming, answer)
        except (aiohttp.ClientError, OSError, KubeError) as error:
            return _status(502, "ServiceUnavailable", f"the API server cannot be reached: {error}")

    async def _headers(self, request: web.Request) -> CIMultiDict[str]:
        headers = CIMultiDict(
            (name, value) for name, value in request.headers.items() if name.lower() not in _OF_THE_HOP
        )
        headers["Accept-Encoding"] = "identity"
        if request.method in _WRITES:
            # Denials have to be read here too; kubectl itself takes JSON for any answer.
            headers["Accept"] = "application/json"
        token = await self._tokens.header()
        if token is not None:
            headers["Authorization"] = token
        return headers

    async def _answer(
        self, request: web.Request, incoming: Incoming, answer: aiohttp.ClientResponse
    ) -> web.StreamResponse:
        headers = CIMultiDict(
            (name, value) for name, value in answer.headers.items() if name.lower() not in _OF_THE_HOP
        )
        if incoming.method in _WRITES:
            body = await answer.read()
            self._findings.add(answer.status, body)
            return web.Response(status=answer.status, headers=headers, body=body)
        # A read may be a watch, which ends when the command has seen enough.
        response = web.StreamResponse(status=answer.status, headers=headers)
        await response.prepare(request)
        async for piece in answer.content.iter_chunked(_PIECE):
            await response.write(piece)
        await response.write_eof()
        return response


def _status(code: int, reason: str, message: str) -> web.Response:
    """An answer of the proxy's own, in the form in which kubectl expects errors."""
    return web.json_response(
        {
            "apiVersion": "v1",
            "kind": "Status",
            "status": "Failure",
            "code": code,
            "reason": reason,
            "message": message,
        },
        status=code,
    )
