"""The API client of a command line: it asks again where a person would."""

# ruff: noqa: ASYNC109 - the signature is that of the method it replaces

import asyncio
from collections.abc import Mapping

from cutline.kube.client import KubeClient
from cutline.kube.errors import NO_ANSWER, Unavailable
from cutline.kube.transport import Answer

_TRIES = 4
_SECONDS_BETWEEN = 0.5
_LONGEST_PAUSE = 5.0


class PatientClient(KubeClient):
    """A `KubeClient` that repeats reads, and only reads, which the API server could not answer.

    An API server that starts, or has just learned of a new kind, refuses for a second or
    two. A write may have taken place although its answer was lost; it is never repeated.
    """

    async def raw(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: bytes | None = None,
        content_type: str = "application/json",
        accept: str = "application/json",
        timeout: float | None = None,
    ) -> Answer:
        """As `KubeClient.raw`, with patience."""
        tries = _TRIES if method == "GET" else 1
        while True:
            tries -= 1
            try:
                return await super().raw(
                    method, path, query=query, body=body, content_type=content_type, accept=accept, timeout=timeout
                )
            except Unavailable as error:
                # Where there was no answer at all, the wait has been long enough.
                if not tries or error.status_code == NO_ANSWER:
                    raise
                await asyncio.sleep(min(error.retry_after or _SECONDS_BETWEEN, _LONGEST_PAUSE))
