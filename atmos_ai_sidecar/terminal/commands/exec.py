import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click

from atmos_ai_sidecar.application.workspace import Workspace
from atmos_ai_sidecar.domain.events import StopReason, TurnEvent
from atmos_ai_sidecar.domain.messages import Usage
from atmos_ai_sidecar.domain.sessions import Session
from atmos_ai_sidecar.errors import InvalidFieldError, SidecarError
from atmos_ai_sidecar.terminal import exit_codes
from atmos_ai_sidecar.terminal.answer import report_end
from atmos_ai_sidecar.terminal.commands.ask import question_text
from atmos_ai_sidecar.terminal.commands.context import CommandContext
from atmos_ai_sidecar.terminal.commands.tree import Command, refused
from atmos_ai_sidecar.terminal.one_turn import CallRecord, TurnRecord, TurnRequest, run_turn
from atmos_ai_sidecar.terminal.render.ends import end_text
from atmos_ai_sidecar.terminal.render.palette import visible


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecOptions:
    output_format: str
    output: str
    session: str
    max_steps: int | None
    max_cost_usd: float | None
    no_tools: bool


@click.command("exec", cls=Command)
@click.argument("prompt", nargs=-1)
@click.option(
    "-f",
    "--format",
    "output_format",
    type=click.Choice(["text", "json", "markdown"]),
    default="text",
    show_default=True,
    help="How to print the answer.",
)
@click.option("-o", "--output", default="", metavar="FILE", help="Write to this file and not to standard output.")
@click.option("-s", "--session", default="", metavar="NAME", help="Go on with this session, or create it.")
@click.option("--max-steps", type=click.IntRange(1, 1000), default=None, help="Stop after so many model requests.")
@click.option(
    "--max-cost-usd",
    type=click.FloatRange(min=0, min_open=True),
    default=None,
    metavar="USD",
    help="Stop when the model has cost so much.",
)
@click.option("--no-tools", is_flag=True, help="The model answers without looking anything up.")
@click.option("--no-auto-context", is_flag=True, hidden=True, expose_value=False)
@refused("--context", why="Pipe it in, or put it into the prompt.")
@click.pass_obj
async def execute(context: CommandContext, /, prompt: tuple[str, ...], **values: Any) -> int:
    """Run one prompt from a script; without PROMPT it is read from standard input.

    \b
    Exit codes: 0 done, 1 error, 2 usage, 3 needs approval, 4 budget or steps used up,
    5 denied by policy, 130 interrupted. With json, standard output is one object.

    \b
    Examples:
      atmos-ai exec "Validate the stacks." --format json
      atmos-ai exec -s nightly --max-steps 10 < prompt.txt
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    options = ExecOptions(**values)
    text = await question_text(context, " ".join(prompt), appends_input=False)
    script = _Script(context=context, options=options)
    try:
        await script.run(text)
    except SidecarError as error:
        if options.output_format != "json":
            raise
        script.error = error
    return script.deliver()


@dataclass(slots=True, kw_only=True)
class _Script:
    """One prompt, and what there is to say about it, whatever happens."""

    context: CommandContext
    options: ExecOptions
    session: Session | None = None
    provider: str = ""
    record: TurnRecord = field(default_factory=TurnRecord)
    rules: Mapping[str, str] = field(default_factory=dict)
    error: SidecarError | None = None
    _started: float = 0.0
    _timestamp: str = ""

    def __post_init__(self) -> None:
        clock = self.context.services.clock
        self._started, self._timestamp = clock.monotonic(), clock.now().isoformat()

    async def run(self, text: str) -> None:
        async with self.context.open_workspace() as workspace:
            self.session, _ = await workspace.sessions.resume_or_create(self.options.session)
            self.provider = self.session.provider
            request = TurnRequest(
                session=self.session,
                text=text,
                model=self.context.options.model,
                max_steps=self.options.max_steps,
                max_cost_usd=self.options.max_cost_usd,
                with_tools=not self.options.no_tools,
            )
            self.record = await run_turn(self.context.console, workspace, request, _ignore)
            self.rules = _rules(workspace, self.record)

    def deliver(self) -> int:
        """Prints or writes the outcome and returns the exit code."""
        code = exit_codes.of_error(self.error) if self.error else self.record.exit_code
        if self.options.output_format == "json":
            self._put(json.dumps(self._object(code), ensure_ascii=False, indent=2) + "\n")
            return code
        if self.record.text:
            self._put(self._text() + "\n")
        for notice in self.record.notices:
            self.context.writer.say(visible(notice.message))
        report_end(self.context.writer, self.record)
        return code

    def _text(self) -> str:
        console = self.context.console
        if self.options.output or not console.stdout_is_terminal:
            return self.record.text
        if self.options.output_format == "text":
            return visible(self.record.text)
        from atmos_ai_sidecar.terminal.render.typesetter import Typesetter  # noqa: PLC0415 - slow, rarely needed

        typesetter = Typesetter(columns=console.size.columns, has_colors=self.context.writer.out.enabled)
        return typesetter.markdown(self.record.text).rstrip("\n")

    def _put(self, text: str) -> None:
        if self.options.output:
            write_file(self.context.path(self.options.output), text, umask=self.context.console.umask)
        else:
            self.context.writer.write(text)

    def _object(self, code: int) -> dict[str, Any]:
        record, clock = self.record, self.context.services.clock
        calls = list(record.calls.values())
        model = record.model or self.context.options.model or (self.session.model if self.session else "")
        return {
            "success": code == exit_codes.DONE,
            "response": record.text,
            "tool_calls": [_call(call) for call in calls],
            "tokens": _tokens(record.finished.usage if record.finished else Usage()),
            "metadata": {
                "model": model,
                "provider": self.provider,
                "session_id": self.session.id if self.session else "",
                "duration_ms": round((clock.monotonic() - self._started) * 1000),
                "timestamp": self._timestamp,
                "tools_enabled": not self.options.no_tools,
                "stop_reason": record.stop_reason.value if record.finished else "",
                "cost_usd": record.finished.usage.known_cost_usd if record.finished else None,
            },
            "notices": [{"kind": notice.kind.value, "message": notice.message} for notice in record.notices],
            "error": self._error(code),
            "approvals_needed": [
                {"tool": call.call.name, "args": dict(call.call.input), "rule": self.rules.get(call.call.id, "")}
                for call in calls
                if call.needs_approval
            ],
        }

    def _error(self, code: int) -> dict[str, str] | None:
        if self.error is not None:
            return {"message": str(self.error), "type": self.error.reason}
        finished = self.record.finished
        if code == exit_codes.NEEDS_APPROVAL:
            return {"message": "Some calls need approval and were not run.", "type": "UNATTENDED"}
        if code == exit_codes.DENIED:
            return {"message": "Some calls were denied by policy.", "type": "TOOL_EXECUTION_DENIED"}
        if finished is None or code == exit_codes.DONE:
            return None
        reason = finished.reason or _REASONS.get(finished.stop_reason, finished.stop_reason.value.upper())
        return {"message": end_text(finished), "type": reason}


_REASONS = {StopReason.MAX_STEPS: "BUDGET_EXHAUSTED", StopReason.BUDGET: "BUDGET_EXHAUSTED"}


def write_file(path: Path, text: str, *, umask: int) -> None:
    """Writes a file of the caller's, with the rights that the caller's umask gives a new one.

    Raises:
        InvalidFieldError: It cannot be written.
    """
    try:
        is_new = not path.exists()
        path.write_text(text, encoding="utf-8")
        if is_new:
            path.chmod(0o666 & ~umask)
    except OSError as error:
        raise InvalidFieldError(
            "--output", f"{path} cannot be written: {error.strerror}", remedy="Choose another file."
        ) from error


def _ignore(_event: TurnEvent) -> None:
    """Nothing is shown while a script's turn runs."""


def _rules(workspace: Workspace, record: TurnRecord) -> dict[str, str]:
    waiting = [call.call for call in record.calls.values() if call.needs_approval]
    return {call.id: workspace.permissions.explain(call.name, call.input).rule.text for call in waiting}


def _call(record: CallRecord) -> dict[str, Any]:
    result = record.result
    return {
        "tool": record.call.name,
        "args": dict(record.call.input),
        "duration_ms": round(result.duration_seconds * 1000) if result else 0,
        "success": bool(result and result.success),
        "result": (result.data if result.data is not None else result.output) if result else None,
        "error": result.error if result else "The call did not finish.",
    }


def _tokens(usage: Usage) -> dict[str, int]:
    return {
        "prompt": usage.prompt_tokens,
        "completion": usage.output_tokens,
        "total": usage.total_tokens,
        "cached": usage.cache_read_input_tokens,
        "cache_creation": usage.cache_creation_input_tokens,
        "cache_misses": usage.cache_misses,
    }
