"""TLS of the webhook: rotation while serving, and client certificates."""

import asyncio
import hashlib
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from cryptography.x509.oid import ExtendedKeyUsageOID

from cutline_webhook.messages import JSON, HttpRequest, HttpResponse, Limits
from cutline_webhook.server import Server
from cutline_webhook.tls import BadCertificate, replace_certificate, serving_context
from tests.webhook.certificates import Authority, Pair
from tests.webhook.conftest import Run
from tests.webhook.http_client import RawClient, get

AUTHORITY = Authority("the cluster's")
OTHERS = Authority("somebody else's")


async def tell_names(request: HttpRequest) -> HttpResponse:
    """Answer with the names of the client."""
    return HttpResponse(200, ",".join(request.peer_names).encode(), JSON)


@asynccontextmanager
async def serving(context: ssl.SSLContext, limits: Limits | None = None) -> AsyncIterator[int]:
    server = Server(tell_names, context, limits or Limits(linger=0.02))
    try:
        yield await server.start("127.0.0.1", 0)
    finally:
        await server.drain(0)


def served(pair: Pair, client_ca: str | None = None) -> ssl.SSLContext:
    context = serving_context(client_ca)
    replace_certificate(context, pair.certificate, pair.key)
    return context


def trusting(
    authority: Authority, tmp_path_factory: pytest.TempPathFactory, pair: Pair | None = None
) -> ssl.SSLContext:
    context = ssl.create_default_context(cadata=authority.pem)
    if pair is not None:
        path = tmp_path_factory.mktemp("client") / "pair.pem"
        path.write_bytes(pair.certificate + pair.key)
        context.load_cert_chain(path)
    return context


def test_a_certificate_is_replaced_while_serving(run: Run, tmp_path_factory: pytest.TempPathFactory) -> None:
    first, second = AUTHORITY.issue("one"), AUTHORITY.issue("two")
    client_tls = trusting(AUTHORITY, tmp_path_factory)

    async def scenario() -> None:
        context = served(first)
        async with serving(context) as port, RawClient(port, client_tls) as before:
            assert (await before.ask(get("/"))).status == 200
            info = replace_certificate(context, second.certificate, second.key)
            async with RawClient(port, client_tls) as after:
                assert (await after.ask(get("/"))).status == 200
                assert hashlib.sha256(after.certificate()).hexdigest() == info.sha256
                assert after.certificate() != before.certificate()
            assert (await before.ask(get("/"))).status == 200

    run(scenario())


def test_what_is_known_of_the_served_certificate() -> None:
    pair = AUTHORITY.issue("cutline", "cutline-webhook.cutline-system.svc", valid_for=timedelta(hours=3))
    info = replace_certificate(serving_context(), pair.certificate, pair.key)
    assert info.not_after == pytest.approx(time.time() + 3 * 3600, abs=10)


def test_an_expired_certificate_is_served_and_its_end_known() -> None:
    pair = AUTHORITY.issue("late", valid_for=timedelta(hours=-1))
    assert replace_certificate(serving_context(), pair.certificate, pair.key).not_after < time.time()


def _broken() -> dict[str, Pair]:
    one, two = AUTHORITY.issue("one"), AUTHORITY.issue("two")
    return {
        "for clients only": AUTHORITY.issue("client", usages=(ExtendedKeyUsageOID.CLIENT_AUTH,)),
        "not a pair": Pair(one.certificate, two.key),
        "no certificate": Pair(b"", one.key),
        "no key": Pair(one.certificate, b""),
        "garbage": Pair(b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", one.key),
        "not ASCII": Pair("é".encode() + one.certificate, one.key),
        "encrypted": Pair(
            one.certificate, b"-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n"
        ),
    }


@pytest.mark.parametrize("broken", _broken().values(), ids=_broken().keys())
def test_a_broken_replacement_changes_nothing(run: Run, tmp_path_factory: pytest.TempPathFactory, broken: Pair) -> None:
    client_tls = trusting(AUTHORITY, tmp_path_factory)
    pair = AUTHORITY.issue("good")

    async def scenario() -> None:
        context = served(pair)
        async with serving(context) as port:
            with pytest.raises(BadCertificate):
                replace_certificate(context, broken.certificate, broken.key)
            async with RawClient(port, client_tls) as client:
                assert (await client.ask(get("/"))).status == 200
                assert ssl.DER_cert_to_PEM_cert(client.certificate()).encode() == pair.certificate

    run(scenario())


def test_a_handler_learns_the_common_name_of_a_verified_client_and_no_other(
    run: Run, tmp_path_factory: pytest.TempPathFactory
) -> None:
    client_tls = trusting(AUTHORITY, tmp_path_factory, AUTHORITY.issue("kube-apiserver", "api.internal"))

    async def scenario() -> None:
        async with serving(served(AUTHORITY.issue("w"), AUTHORITY.pem)) as port, RawClient(port, client_tls) as client:
            assert (await client.ask(get("/"))).body == b"kube-apiserver"

    run(scenario())


def test_without_a_client_ca_nobody_has_a_name(run: Run, tmp_path_factory: pytest.TempPathFactory) -> None:
    client_tls = trusting(AUTHORITY, tmp_path_factory, AUTHORITY.issue("kube-apiserver"))

    async def scenario() -> None:
        async with serving(served(AUTHORITY.issue("w"))) as port, RawClient(port, client_tls) as client:
            assert (await client.ask(get("/"))).body == b""

    run(scenario())


@pytest.mark.parametrize("pair", [None, OTHERS.issue("kube-apiserver")], ids=["none", "of another CA"])
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_client_without_the_right_certificate_gets_no_answer(
    run: Run, tmp_path_factory: pytest.TempPathFactory, pair: Pair | None, version: ssl.TLSVersion
) -> None:
    client_tls = trusting(AUTHORITY, tmp_path_factory, pair)
    client_tls.maximum_version = version

    async def scenario() -> None:
        async with serving(served(AUTHORITY.issue("w"), AUTHORITY.pem)) as port:
            # Under TLS 1.3 the client learns of the refusal only after its handshake.
            with pytest.raises((OSError, asyncio.IncompleteReadError)):
                async with RawClient(port, client_tls) as client:
                    await client.ask(get("/"))

    run(scenario())


def test_draining_over_tls_answers_and_ends(run: Run, tmp_path_factory: pytest.TempPathFactory) -> None:
    client_tls = trusting(AUTHORITY, tmp_path_factory)

    async def scenario() -> None:
        server = Server(tell_names, served(AUTHORITY.issue("w")), Limits(linger=0.02))
        port = await server.start("127.0.0.1", 0)
        async with RawClient(port, client_tls) as client:
            assert (await client.ask(get("/"))).status == 200
            draining = asyncio.create_task(server.drain(5))
            await asyncio.sleep(0)
            assert (await client.ask(get("/"))).headers["connection"] == "close"
            assert await client.at_end()
            await draining

    run(scenario())


def test_a_client_that_never_begins_its_handshake_is_cut_off(run: Run) -> None:
    async def scenario() -> None:
        limits = Limits(handshake=0.2)
        async with serving(served(AUTHORITY.issue("w")), limits) as port, RawClient(port) as client:
            assert await client.at_end()

    run(scenario())


def test_a_client_ca_without_certificates_is_an_error() -> None:
    with pytest.raises(BadCertificate):
        serving_context("nothing here")
