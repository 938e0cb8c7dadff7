"""The webhook's routes: from bytes to a judgement and back to bytes.

Every review ends here in one log line and one count. The paths carry a random part
that only the webhook configurations know.
"""

import asyncio
import hmac
import logging
import time
from collections.abc import Awaitable, Callable
from enum import StrEnum
from http import HTTPStatus

from cutline.api.review import BadReview, allowed, denied, request_of
from cutline.domain.errors import BadObject, CutlineError
from cutline.domain.request import Request
from cutline.domain.text import visible_beginning
from cutline.domain.verdict import Conclusion, Reason, Response, undecided, without_target
from cutline.kube.errors import KubeError, NotFound
from cutline_webhook.answers import answer_to
from cutline_webhook.drafting import Drafter, wish_of
from cutline_webhook.gate import Gate, Judgement
from cutline_webhook.guarding import Guard
from cutline_webhook.messages import JSON, HttpHead, HttpRequest, HttpResponse, plain
from cutline_webhook.metrics import Metrics
from cutline_webhook.probes import Missing, probe_response
from cutline_webhook.refusal import Refused
from cutline_webhook.stamping import Stamper

_log = logging.getLogger("cutline.verdict")

# Less than the configurations' timeout: the gate answers by itself that it could not
# decide, before the API server gives up on it.
_BUDGET_SECONDS = 4.5
_LONGEST_REFUSAL = 2000  # characters
_READY_PATH = "/readyz"


class Route(StrEnum):
    """What follows the secret part in our paths."""

    GATE = "/gate"
    MUTATE = "/kinds/mutate"
    VALIDATE = "/kinds/validate"


class Outcome(StrEnum):
    """What became of a request on our own kinds. Like a refusal, an error keeps it from passing."""

    ADMITTED = "Admitted"
    REFUSED = "Refused"
    UNDECIDED = "Undecided"


class App:
    """One handler for the HTTPS listener."""

    def __init__(
        self,
        gate: Gate,
        stamper: Stamper,
        guard: Guard,
        drafter: Drafter,
        metrics: Metrics,
        *,
        unready: Missing,
        secret_path: Callable[[], str],
        system_namespace: str,
        client_names: frozenset[str],
        verifies_clients: bool,
    ) -> None:
        """`secret_path` is the random part of the paths, empty until it is known."""
        self._gate = gate
        self._stamper = stamper
        self._guard = guard
        self._drafter = drafter
        self._metrics = metrics
        self._unready = unready
        self._secret_path = secret_path
        self._system_namespace = system_namespace
        self._client_names = client_names
        self._verifies_clients = verifies_clients

    async def handle(self, http: HttpRequest) -> HttpResponse:
        """Answer one HTTP request; a review gets an answer for as long as the process lives."""
        refusal = self.refuse_early(HttpHead(http.method, http.path, http.peer_names))
        if refusal is not None:
            return refusal
        if http.path == _READY_PATH:
            return probe_response(self._unready)
        try:
            request = request_of(http.body)
        except (BadReview, BadObject) as error:
            return plain(HTTPStatus.BAD_REQUEST, str(error))
        return await self._answer(self._route_of(http.path), request)

    def refuse_early(self, head: HttpHead) -> HttpResponse | None:
        """What a request's head alone has against it: for the server, before it holds a body."""
        if head.path == _READY_PATH:
            return None if head.method in {"GET", "HEAD"} else plain(HTTPStatus.METHOD_NOT_ALLOWED)
        if not self._route_of(head.path):
            return plain(HTTPStatus.NOT_FOUND)
        if self._verifies_clients and self._client_names and not self._client_names & set(head.peer_names):
            return plain(HTTPStatus.FORBIDDEN)
        if head.method != "POST":
            return plain(HTTPStatus.METHOD_NOT_ALLOWED)
        return None

    def _route_of(self, path: str) -> str:
        """What follows the secret part in one of our paths; empty for every other path."""
        secret = self._secret_path()
        for route in Route:
            if secret and path.endswith(route):
                tried = path.removesuffix(route)
                return route if hmac.compare_digest(tried.encode(), f"/{secret}".encode()) else ""
        return ""

    async def _answer(self, route: str, request: Request) -> HttpResponse:
        match route:
            case Route.GATE:
                body = await self._review(request)
            case Route.MUTATE:
                body = await self._on_kinds(Route.MUTATE, request, self._mutate)
            case Route.VALIDATE:
                body = await self._on_kinds(Route.VALIDATE, request, self._validate)
            case _:
                return plain(HTTPStatus.NOT_FOUND)
        return HttpResponse(HTTPStatus.OK, body, JSON)

    async def _review(self, request: Request) -> bytes:
        started = time.perf_counter()
        try:
            async with asyncio.timeout(_BUDGET_SECONDS):
                judgement = await self._judge(request)
        except NotFound as error:
            judgement = self._gate.without_decision(without_target(error.message))
        except Exception as error:
            # Whatever it is, it was not decided: inside a gated scope that is a denial.
            _log.exception("review failed")
            detail = "it took too long" if isinstance(error, TimeoutError) else "an internal error"
            judgement = self._gate.without_decision(undecided(Reason.INTERNAL_ERROR, detail))
        self._record(request, judgement, time.perf_counter() - started)
        return answer_to(request, judgement, self._system_namespace)

    async def _judge(self, request: Request) -> Judgement:
        missing = self._unready()
        if missing:
            # Never an `allowed` before the gate knows: also not on a connection that came early.
            return self._gate.without_decision(undecided(Reason.NOT_READY, f"not ready: {missing[0]}"))
        return await self._gate.judge(request, caller_is_verified=self._verifies_clients)

    def _record(self, request: Request, judgement: Judgement, seconds: float) -> None:
        verdict = judgement.verdict
        self._metrics.observe_review(verdict.conclusion, verdict.effects, seconds)
        if verdict.conclusion is Conclusion.UNDECIDED:
            self._metrics.count_undecided(verdict.reason)
        if verdict.reason is Reason.EMERGENCY and not request.dry_run:
            self._metrics.count_emergency()
        covering = verdict.covering
        _log.info(
            "verdict",
            extra={
                "uid": request.uid,
                "user": request.user.username,
                "operation": request.operation.value,
                "resource": f"{request.resource}/{request.subresource}" if request.subresource else request.resource,
                "namespace": request.namespace,
                "target": request.name or str(verdict.change.target if verdict.change else ""),
                "dryRun": request.dry_run,
                "conclusion": verdict.conclusion.value,
                "response": verdict.response.value,
                "reason": verdict.reason.value,
                "effects": sorted(verdict.effects),
                "proposal": covering.proposal.key if covering else "",
                "detail": verdict.detail,
                "milliseconds": round(seconds * 1000, 2),
            },
        )
        wish = None if request.dry_run else wish_of(verdict, request.user)
        if wish is not None and verdict.response is Response.DENY:
            self._drafter.offer(wish)

    async def _on_kinds(self, route: Route, request: Request, answer: Callable[[Request], Awaitable[bytes]]) -> bytes:
        started = time.perf_counter()
        outcome, detail, body = await self._ruling(request, answer)
        seconds = time.perf_counter() - started
        self._metrics.observe_ruling(route, outcome, seconds)
        _log.info(
            "ruling",
            extra={
                "route": route.value,
                "uid": request.uid,
                "user": request.user.username,
                "operation": request.operation.value,
                "resource": f"{request.resource}/{request.subresource}" if request.subresource else request.resource,
                "namespace": request.namespace,
                "target": request.name,
                "dryRun": request.dry_run,
                "outcome": outcome.value,
                "detail": detail,
                "milliseconds": round(seconds * 1000, 2),
            },
        )
        return body or denied(request.uid, visible_beginning(detail, _LONGEST_REFUSAL))

    async def _ruling(
        self, request: Request, answer: Callable[[Request], Awaitable[bytes]]
    ) -> tuple[Outcome, str, bytes]:
        """What becomes of a request on our own kinds, why, and the answer where it may pass."""
        missing = self._unready()
        if missing:
            return Outcome.UNDECIDED, f"Cutline is not ready ({missing[0]}); try again", b""
        try:
            async with asyncio.timeout(_BUDGET_SECONDS):
                return Outcome.ADMITTED, "", await answer(request)
        except (Refused, CutlineError) as refusal:
            return Outcome.REFUSED, str(refusal), b""
        except (KubeError, TimeoutError) as error:
            _log.warning("%s of %s could not be judged: %s", request.operation, request.resource, error)
            return Outcome.UNDECIDED, "Cutline could not read what it needs to judge this; try again", b""
        except Exception:
            _log.exception("%s of %s failed", request.operation, request.resource)
            return Outcome.UNDECIDED, "Cutline could not judge this: an internal error", b""

    async def _mutate(self, request: Request) -> bytes:
        return allowed(request.uid, patch=await self._stamper.stamp(request))

    async def _validate(self, request: Request) -> bytes:
        return allowed(request.uid, warnings=tuple(await self._guard.check(request)))
