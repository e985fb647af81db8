"""The HTTP face of the offline model: checks requests as the Messages API does, then plays the answer."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from atmos_ai_sidecar.demo.offline_model import rules, wire
from atmos_ai_sidecar.demo.offline_model.history_rules import is_own_signature, violations
from atmos_ai_sidecar.demo.offline_model.playback import Playback, ReceivedRequest, api_headers, error_response
from atmos_ai_sidecar.demo.offline_model.replies import (
    Answer,
    HttpError,
    RawAnswer,
    Reply,
    Script,
    Step,
    Text,
    Thinking,
    answer_from_json,
    texts,
)
from atmos_ai_sidecar.demo.offline_model.usage import CHARACTERS_PER_TOKEN, PromptCache

MODEL = "offline-demo"
MAX_BODY_BYTES = 32 * 1024 * 1024
"""The real API's limit for one request."""


class Refusal(Exception):  # noqa: N818 - it is an answer, not a failure
    """An error of the API to answer with."""

    def __init__(self, error: HttpError) -> None:
        super().__init__(error.message)
        self.error = error


class Conversations:
    """The state of one offline model: its script, what it received, its cache and its gates."""

    def __init__(self, script: Script, piece_delay_seconds: float) -> None:
        self.script = script
        self.requests: list[ReceivedRequest] = []
        self.stopping = asyncio.Event()
        self._piece_delay_seconds = piece_delay_seconds
        self._arrived = asyncio.Condition()
        self._gates: dict[str, asyncio.Event] = {}
        self._cache = PromptCache()
        self._signatures: set[tuple[str, str]] = set()
        self._has_paused = False

    def gate(self, name: str) -> asyncio.Event:
        """Return the event that `WaitFor(name)` waits for."""
        return self._gates.setdefault(name, asyncio.Event())

    async def wait_for_request(self, index: int) -> ReceivedRequest:
        """Return the request with this index, as soon as it is there."""
        async with self._arrived:
            await self._arrived.wait_for(lambda: len(self.requests) > index)
        return self.requests[index]

    async def receive(self, request: Request) -> ReceivedRequest:
        """Read and record one request of the API."""
        raw = await request.body()
        try:
            decoded = json.loads(raw) if raw else None
        except ValueError:
            decoded = None
        received = ReceivedRequest(request.method, request.url.path, dict(request.headers), raw, decoded)
        async with self._arrived:
            self.requests.append(received)
            self._arrived.notify_all()
        return received

    def check(self, received: ReceivedRequest, *, is_counting: bool = False) -> None:
        """Raise the Refusal that the API would answer with, if there is one."""
        _check_headers(received.headers)
        if received.method == "GET":
            return
        if len(received.raw) > MAX_BODY_BYTES:
            raise Refusal(HttpError(status=413, message="the request is larger than 32 MB"))
        if received.json is None:
            raise Refusal(HttpError(status=400, message="the request body is not valid JSON"))
        found = violations(
            received.json,
            accepts_signature=lambda *pair: is_own_signature(*pair) or pair in self._signatures,
            is_continuation=self._has_paused,
            is_counting=is_counting,
        )
        if found:
            raise Refusal(HttpError(status=400, message=str(found[0])))

    def answer(self, request: Mapping[str, Any]) -> Answer:
        """Return what the script says, else what the rules say."""
        answer = self.script.take()
        if answer is None and self.script.then == "refuse":
            return HttpError(status=400, message="the script of this offline model has no answer left")
        answer = answer or shortened(rules.answer(request), request["max_tokens"])
        if isinstance(answer, Reply):
            self._has_paused = answer.stops_for == "pause_turn"
            self._signatures |= {
                (step.text, wire.signature_of(step)) for step in answer.steps if isinstance(step, Thinking)
            }
        return answer

    def response(self, received: ReceivedRequest) -> Response:
        """Return the response that plays the answer to a valid request."""
        answer = self.answer(received.json)
        if isinstance(answer, RawAnswer):
            return Response(answer.body, answer.status, media_type=answer.content_type)
        if isinstance(answer, HttpError):
            return error_response(answer)
        usage = answer.usage or self._cache.count(received.json, texts(answer.steps))
        envelope = wire.new_envelope(received.json["model"], usage)
        if answer.piece_delay_seconds is None:
            answer = replace(answer, piece_delay_seconds=self._piece_delay_seconds)
        return Playback(received, answer, envelope, gate=self.gate, stopping=self.stopping)

    def count(self, request: Mapping[str, Any]) -> int:
        """Return the tokens of a prompt, without touching the cache."""
        return PromptCache().count({**request, "cache_control": None}, "").input_tokens


def shortened(reply: Reply, max_tokens: int) -> Reply:
    """Stop a text where `max_tokens` stops it."""
    left = max_tokens * CHARACTERS_PER_TOKEN
    steps: list[Step] = []
    for step in reply.steps:
        if isinstance(step, Text) and len(step.text) > left:
            return replace(reply, steps=(*steps, Text(step.text[:left])), stop_reason="max_tokens")
        left -= len(step.text) if isinstance(step, Text) else 0
        steps.append(step)
    return reply


def _check_headers(headers: Mapping[str, str]) -> None:
    if not headers.get("x-api-key") and not headers.get("authorization", "").removeprefix("Bearer").strip():
        raise Refusal(HttpError(status=401, message="x-api-key header is required"))
    if not headers.get("anthropic-version"):
        raise Refusal(HttpError(status=400, message="anthropic-version: header is required"))


def build_app(model: Conversations) -> Starlette:
    """Return the ASGI application of one offline model."""

    async def messages(request: Request) -> Response:
        received = await model.receive(request)
        model.check(received)
        return model.response(received)

    async def count_tokens(request: Request) -> Response:
        received = await model.receive(request)
        model.check(received, is_counting=True)
        return JSONResponse({"input_tokens": model.count(received.json)}, headers=api_headers())

    async def models(request: Request) -> Response:
        model.check(await model.receive(request))
        page = {"data": [_MODEL_CARD], "has_more": False, "first_id": MODEL, "last_id": MODEL}
        return JSONResponse(page, headers=api_headers())

    return Starlette(
        routes=[
            Route("/v1/messages", messages, methods=["POST"]),
            Route("/v1/messages/count_tokens", count_tokens, methods=["POST"]),
            Route("/v1/models", models),
            *_control_routes(model),
        ],
        exception_handlers={Refusal: _refused, HTTPException: _unrouted, ClientDisconnect: _gone},
    )


_MODEL_CARD = {
    "type": "model",
    "id": MODEL,
    "display_name": "Offline demo (rules, no language model)",
    "created_at": "2026-01-01T00:00:00Z",
}


def _control_routes(model: Conversations) -> list[Route]:
    """Routes for tests in other processes; the Messages API has nothing of the kind."""

    async def requests(_request: Request) -> Response:
        fields = ("method", "path", "headers", "json", "is_complete")
        return JSONResponse([{name: getattr(one, name) for name in fields} for one in model.requests])

    async def add_answers(request: Request) -> Response:
        model.script.add(*map(answer_from_json, await request.json()))
        return JSONResponse({"answers_left": len(model.script)})

    async def open_gate(request: Request) -> Response:
        model.gate(request.path_params["name"]).set()
        return JSONResponse({})

    return [
        Route("/offline/requests", requests),
        Route("/offline/answers", add_answers, methods=["POST"]),
        Route("/offline/gates/{name}", open_gate, methods=["POST"]),
    ]


async def _refused(_request: Request, error: Exception) -> Response:
    assert isinstance(error, Refusal)  # noqa: S101 - starlette's signature is wider than its call
    return error_response(error.error)


async def _unrouted(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    return error_response(
        HttpError(status=status, message=f"the offline model has no {request.method} {request.url.path}")
    )


async def _gone(_request: Request, _error: Exception) -> Response:
    return Response()
