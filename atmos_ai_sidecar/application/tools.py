"""A tool call from the model's wish to its result: find, validate, decide, ask, run, redact, cap.

Guarantees: every call comes to exactly one result; nothing runs before its input is valid and its permission is
decided; waiting for a person is never timed as the tool; nothing that a tool printed leaves here with a known secret.
"""

import asyncio
import dataclasses
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

from atmos_ai_sidecar.application.gate import Gate
from atmos_ai_sidecar.application.progress import Progress
from atmos_ai_sidecar.application.tool_sources import ToolSources
from atmos_ai_sidecar.application.validation import validate_input
from atmos_ai_sidecar.domain.messages import ToolCall, ToolResult
from atmos_ai_sidecar.domain.nesting import is_too_deep
from atmos_ai_sidecar.domain.outputs import cap
from atmos_ai_sidecar.domain.permissions import PermissionSettings, is_hidden
from atmos_ai_sidecar.domain.questions import sanitised, title_for
from atmos_ai_sidecar.domain.redaction import Redactor, StreamRedactor, holds_placeholder
from atmos_ai_sidecar.domain.tools import Demand, Effect, Execution, OutputPiece, Preview, Result, Tool, ToolRegistry
from atmos_ai_sidecar.errors import (
    InvalidFieldError,
    SidecarError,
    ToolExecutionDeniedError,
    ToolExecutionFailedError,
    ToolNotFoundError,
    ToolTimeoutError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from atmos_ai_sidecar.application.audit import Audit
    from atmos_ai_sidecar.application.grants import Grants
    from atmos_ai_sidecar.application.ports.approver import Approver, CallContext
    from atmos_ai_sidecar.application.ports.clock import Clock
    from atmos_ai_sidecar.application.ports.tool_outputs import ToolOutputs

_LOG = logging.getLogger(__name__)
_LARGE_CHARACTERS = 200_000
"""Redacting more than this takes longer than a frame, so it is done in a thread."""
_DATA_CHARACTERS = 256_000
_PIECE_CHARACTERS = 16_384
"""At most 64 KiB in UTF-8."""

Emit = Callable[[OutputPiece], None]
_Stream = Literal["stdout", "stderr"]


class ToolExecutor:
    """Runs tool calls of one workspace."""

    def __init__(
        self,
        *,
        registry: ToolRegistry,
        approver: "Approver",
        redactor: Redactor,
        clock: "Clock",
        timeouts: Mapping[str, float] | None = None,
        outputs: "ToolOutputs | None" = None,
        sources: ToolSources | None = None,
        audit: "Audit | None" = None,
        grants: "Grants | None" = None,
    ) -> None:
        """Wires the executor.

        Args:
            registry: The tools that there are.
            approver: Asks a person.
            redactor: Takes secrets out of what tools print.
            clock: Measures durations.
            timeouts: Seconds by tool name, over the tools' own; calls without a limit keep having none.
            outputs: Keeps what is too long for the model; None: what is cut is lost.
            sources: Where more tools come from, see ``load``.
            audit: Where decisions are written down; None: nowhere.
            grants: Remembered answers whose uses are counted; None: they are not.
        """
        self._registry = registry
        self._gate = Gate(approver=approver, clock=clock, look=self._preview, audit=audit, grants=grants)
        self._redactor = redactor
        self._clock = clock
        self._timeouts = dict(timeouts or {})
        self._outputs = outputs
        self._sources = sources or ToolSources(registry)

    @property
    def registry(self) -> ToolRegistry:
        return self._registry

    @property
    def problems(self) -> Sequence[str]:
        """What was left out of the registry and why, one line each; known after ``load``."""
        return self._sources.problems

    async def load(self, progress: Progress | None = None) -> None:
        """Brings the registry up to date with the sources that find their tools while the workspace is in use.

        Before it the registry has the built-in tools only. Quick when nothing has changed; ``progress`` counts the
        sources that have answered.
        """
        await self._sources.load(progress)

    async def load_for(self, name: str) -> None:
        """Brings the registry up to date when it has no tool of that name yet."""
        if all(tool.name != name for tool in self._registry.list()):
            await self.load()

    def offered(self, policy: PermissionSettings) -> Sequence[Tool]:
        """The tools that the model is told of, sorted by name: all but those whose every call would be denied."""
        return tuple(tool for tool in self._registry.list() if not is_hidden(tool, policy))

    def title(self, call: ToolCall) -> str:
        """One line for people about a call; the name alone when there is no such tool."""
        try:
            return title_for(self._registry.get(call.name), call)
        except ToolNotFoundError:
            return sanitised(call.name)

    def is_parallel(self, call: ToolCall) -> bool:
        """Whether the call only reads, so that it may run beside others."""
        try:
            return self._registry.get(call.name).demand(call.input).effect is Effect.READ
        except SidecarError:
            return True

    async def execute(
        self, call: ToolCall, *, context: "CallContext", policy: PermissionSettings, emit: Emit
    ) -> ToolResult:
        """Runs one call, or says why it did not run.

        Cancelling it cancels the question or the tool.

        Args:
            call: What the model asked for.
            context: On whose behalf.
            policy: The permissions of the turn.
            emit: Gets what the tool prints while it runs, redacted.

        Returns:
            The result; its ``output`` is what the model is told, also when the call failed.
        """
        try:
            tool, demand = await self._accepted(call, context)
            async with self._gate.passing(tool, call, demand, context, policy) as passage:
                result = passage.result = await self._run(tool, call, demand, context, emit)
        except InvalidFieldError as error:
            result = _failure(error, f"The input of {call.name} is not valid. {error} Nothing was run.")
        except SidecarError as error:
            result = _failure(error)
        return ToolResult(tool_call_id=call.id, result=await self._clean(result, call, context))

    async def _accepted(self, call: ToolCall, context: "CallContext") -> tuple[Tool, Demand]:
        """The tool of a call and what the call demands; what is turned away here stands in the audit trail too."""
        try:
            tool = self._registry.get(call.name)
            validate_input(tool, call.input)
            demand = tool.demand(call.input)
            _refuse_placeholders(call, demand)
        except SidecarError as error:
            await self._gate.turn_away(call, context, error)
            raise
        return tool, demand

    async def _preview(self, tool: Tool, call: ToolCall, context: "CallContext") -> Preview | None:
        """What the call would change, without secrets; None for a tool that does not tell."""
        if tool.preview is None:
            return None
        preview = await asyncio.to_thread(tool.preview, call.input, context.session_id)
        return dataclasses.replace(preview, text=await self._redact(preview.text))

    async def _run(self, tool: Tool, call: ToolCall, demand: Demand, context: "CallContext", emit: Emit) -> Result:
        limit = demand.timeout_seconds and self._timeouts.get(tool.name, demand.timeout_seconds)
        start = self._clock.monotonic()
        with self._redacted(emit) as emit_redacted:
            execution = Execution(
                tool_call_id=call.id,
                session_id=context.session_id,
                turn_id=context.turn_id,
                target=demand.target,
                emit=emit_redacted,
                timeout_seconds=limit,
            )
            result = await _within(limit, tool, call, execution)
        seconds = self._clock.monotonic() - start
        _LOG.info("%s %s in %.2f s", tool.name, "succeeded" if result.success else "failed", seconds)
        return dataclasses.replace(result, duration_seconds=seconds)

    @contextmanager
    def _redacted(self, emit: Emit) -> "Iterator[Emit]":
        """An ``emit`` that shows no secret, also not one that comes in two pieces."""
        redactors: dict[_Stream, StreamRedactor] = {
            "stdout": StreamRedactor(self._redactor.redact),
            "stderr": StreamRedactor(self._redactor.redact),
        }

        def show(stream: _Stream, text: str) -> None:
            for start in range(0, len(text), _PIECE_CHARACTERS):
                emit(OutputPiece(stream=stream, text=text[start : start + _PIECE_CHARACTERS]))

        try:
            yield lambda piece: show(piece.stream, redactors[piece.stream].feed(piece.text))
        finally:
            for stream, redactor in redactors.items():
                show(stream, redactor.finish())

    async def _clean(self, result: Result, call: ToolCall, context: "CallContext") -> Result:
        """The result without secrets, cut to what a model can take. Redacted first: a cut must not halve a secret."""
        whole = await self._redact(result.output)
        output, is_cut = cap(whole)
        if is_cut and await self._keep(whole, call, context):
            output += f'\n[All {len(whole):,} characters are kept: read_tool_output with call "{call.id}".]'
        data = self._redactor.redact_json(result.data) if _fits(result.data) else None
        error = self._redactor.redact(result.error)
        return dataclasses.replace(result, output=output, data=data, error=error, truncated=result.truncated or is_cut)

    async def _redact(self, text: str) -> str:
        redact = self._redactor.redact
        return await asyncio.to_thread(redact, text) if len(text) > _LARGE_CHARACTERS else redact(text)

    async def _keep(self, output: str, call: ToolCall, context: "CallContext") -> bool:
        """Whether the output can be read later; a result is not lost because it could not be kept."""
        if self._outputs is None or not context.session_id:
            return False
        try:
            await self._outputs.save_output(context.session_id, call.id, tool=call.name, text=output)
        except SidecarError as error:
            _LOG.warning("the output of %s was not kept: %s", call.name, error)
            return False
        return True


async def _within(limit: float | None, tool: Tool, call: ToolCall, execution: Execution) -> Result:
    try:
        async with asyncio.timeout(limit) as timer:
            return await tool.execute(call.input, execution)
    except (SidecarError, asyncio.CancelledError):
        raise
    except Exception as error:  # the outermost frame of code that others wrote
        if isinstance(error, TimeoutError) and timer.expired():
            message = f"{tool.name} did not end within {limit:g} s and was stopped."
            remedy = f"ai.tools.timeouts.{tool.name} sets another limit."
            raise ToolTimeoutError(message, remedy=remedy, tool=tool.name) from error
        _LOG.exception("The tool %s failed unexpectedly.", tool.name)
        raise ToolExecutionFailedError(f"{tool.name} failed: internal error.", tool=tool.name) from error


def _refuse_placeholders(call: ToolCall, demand: Demand) -> None:
    if demand.effect is not Effect.READ and holds_placeholder(call.input):
        raise ToolExecutionDeniedError(
            f"{call.name} was not run: its input holds a placeholder like <<secret:1>>, which stands for a secret "
            "that was taken out of what you see.",
            remedy="Do not retry with a placeholder; ask the user to fill in the secret.",
            tool=call.name,
        )


def _failure(error: SidecarError, output: str = "") -> Result:
    return Result(success=False, output=output or str(error), error=error.message, reason=error.reason)


def _fits(data: Any) -> bool:
    """Whether the data can be copied, stored and sent on."""
    return data is None or not (is_too_deep(data) or len(json.dumps(data, default=str)) > _DATA_CHARACTERS)
