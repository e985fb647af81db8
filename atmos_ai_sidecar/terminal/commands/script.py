"""One prompt from its options to its exit code, for `ask` and `exec`.

Whatever happens after the command line was understood, the caller gets what it asked for: with ``json`` and
``stream-json`` the object, also when nothing could start, when a signal came, and when we broke.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace

import click

from atmos_ai_sidecar.application.output_schema import MAX_SCHEMA_BYTES, OutputSchema, Parsed
from atmos_ai_sidecar.application.workspace import Workspace
from atmos_ai_sidecar.domain.attachments import Attachment, question_with
from atmos_ai_sidecar.domain.events import StopReason, TurnEvent
from atmos_ai_sidecar.domain.permissions import ListEntry
from atmos_ai_sidecar.domain.sessions import Session
from atmos_ai_sidecar.domain.tool_patterns import ToolPattern
from atmos_ai_sidecar.errors import InvalidFieldError, OptionInvalidError, SidecarError, SidecarLostError
from atmos_ai_sidecar.terminal.answer import Answer, Progress, report_stop, report_waiting
from atmos_ai_sidecar.terminal.commands.context import MAX_INPUT_CHARACTERS, CommandContext
from atmos_ai_sidecar.terminal.commands.turn_options import TurnOptions
from atmos_ai_sidecar.terminal.event_lines import EventLines
from atmos_ai_sidecar.terminal.interruption import Interruption
from atmos_ai_sidecar.terminal.json_text import json_text
from atmos_ai_sidecar.terminal.one_turn import TurnRecord, TurnRequest, run_turn
from atmos_ai_sidecar.terminal.outcome import Outcome
from atmos_ai_sidecar.terminal.output_file import OutputFile
from atmos_ai_sidecar.terminal.render.palette import visible


async def run_script(
    context: CommandContext, options: TurnOptions, words: str, *, appends_input: bool, may_forget: bool = False
) -> int:
    """Runs one prompt and returns the exit code.

    Args:
        context: What the command works with.
        options: What was asked for.
        words: The prompt as far as it stands on the command line.
        appends_input: Whether piped input belongs to the prompt also when there are words.
        may_forget: Whether it is run in memory, with a warning, when the place of the sessions is no use.

    Raises:
        click.UsageError, OptionInvalidError: What was asked for cannot be; nothing was run.
    """
    if options.output_schema and not options.output_format:
        options = replace(options, output_format="text")
    context = replace(context, options=replace(context.options, allow=options.allow))
    return await _Script(context, options, may_forget=may_forget).run(words, appends_input=appends_input)


class _Script:
    """One prompt, and what there is to say about it."""

    def __init__(self, context: CommandContext, options: TurnOptions, *, may_forget: bool) -> None:
        self._context = context
        self._options = options
        self._may_forget = may_forget
        self._interruption = Interruption(context.console)
        clock = context.services.clock
        self._started, self._timestamp = clock.monotonic(), clock.now().isoformat()
        self._outcome = Outcome(
            model=context.options.model, tools_enabled=not options.no_tools, has_schema=bool(options.output_schema)
        )
        self._file: OutputFile | None = None
        if options.output:
            self._file = OutputFile(path=context.path(options.output), umask=context.console.umask)
        self._lines: list[str] = []
        self._answer: Answer | None = None
        context.crash_listeners.append(self._broke)
        self._leave_farewell()

    async def run(self, words: str, *, appends_input: bool) -> int:
        try:
            await self._interruption.run(self._work(words, appends_input=appends_input))
        except SidecarError as error:
            if isinstance(error, OptionInvalidError):
                raise
            self._outcome.error = error
        self._outcome.signal = self._interruption.signal
        self._deliver()
        return self._outcome.exit_code

    async def _work(self, words: str, *, appends_input: bool) -> None:
        question = await _question(self._context, words, appends_input=appends_input)
        schema = await asyncio.to_thread(self._schema) if self._options.output_schema else None
        if self._file is not None:
            self._file.check()
        async with self._context.open_workspace(may_forget=self._may_forget) as workspace:
            if problem := workspace.describe().storage_problem:
                self._remark("storage", f"NOT STORED. {problem}")
            if self._options.allow:
                # Tools that are found while the workspace is in use can be named too.
                await self._context.load_tools(workspace)
                workspace.permissions.require_known(map(_entry, self._options.allow), "--allow")
            files = await self._attached(workspace)
            session, _ = await workspace.sessions.resume_or_create(self._options.session)
            self._context.tell_left_calls(workspace, session.id)
            self._begin(session)
            text = question_with(question, files)
            try:
                await self._ask(workspace, session, f"{text}\n\n{schema.instruction}" if schema else text)
                if schema is not None:
                    await self._settle(workspace, session, schema)
            finally:
                self._outcome.rules = {
                    call.call.id: workspace.permissions.explain(
                        call.call.name, call.call.input, session_id=session.id
                    ).rule.text
                    for call in self._outcome.waiting
                }

    def _schema(self) -> OutputSchema:
        path = self._context.path(self._options.output_schema)
        try:
            with path.open("rb") as stream:
                data = stream.read(MAX_SCHEMA_BYTES + 1)
            if len(data) > MAX_SCHEMA_BYTES:
                raise OptionInvalidError("--output-schema", f"{path} is larger than {MAX_SCHEMA_BYTES >> 10} KiB.")
            return OutputSchema(data.decode("utf-8"))
        except OSError as error:
            raise OptionInvalidError("--output-schema", f"{path} cannot be read: {error.strerror}.") from error
        except UnicodeDecodeError as error:
            raise OptionInvalidError("--output-schema", f"{path} is no UTF-8 text.") from error

    async def _attached(self, workspace: Workspace) -> Sequence[Attachment]:
        if not self._options.files:
            return ()
        found = await workspace.files.attach(self._options.files)
        for remark in found.remarks:
            self._remark("context", remark)
        return found.files

    def _begin(self, session: Session) -> None:
        outcome = self._outcome
        outcome.session, outcome.provider = session, session.provider
        self._leave_farewell()
        if self._is_stream:
            self._events().put(
                "session",
                session_id=session.id,
                session=session.name,
                model=outcome.model or session.model,
                provider=session.provider,
                timestamp=self._timestamp,
                tools_enabled=outcome.tools_enabled,
            )

    async def _ask(self, workspace: Workspace, session: Session, text: str) -> None:
        """Runs one turn; what an earlier one used up of the budget is gone."""
        used = [record.finished for record in self._outcome.records if record.finished]
        steps, cost = self._options.max_steps, self._options.max_cost_usd
        request = TurnRequest(
            session=session,
            text=text,
            model=self._context.options.model,
            max_steps=steps and steps - sum(finished.steps for finished in used),
            max_cost_usd=cost and cost - sum(finished.usage.known_cost_usd or 0 for finished in used),
            with_tools=not self._options.no_tools,
        )
        record = TurnRecord()
        self._outcome.records.append(record)
        try:
            await run_turn(
                self._context.console,
                workspace,
                request,
                self._show(),
                interruption=self._interruption,
                record=record,
            )
        finally:
            if not record.model:  # it never began
                self._outcome.records.remove(record)

    async def _settle(self, workspace: Workspace, session: Session, schema: OutputSchema) -> None:
        """Takes the value out of the answer, after one more try where there is none in it."""
        for has_second in (True, False):
            if self._outcome.last.stop_reason is not StopReason.END_TURN or self._interruption.signal:
                return
            checked = await asyncio.to_thread(schema.check, self._outcome.last.answer)
            if isinstance(checked, Parsed):
                self._outcome.output, self._outcome.has_output, self._outcome.output_problem = checked.value, True, ""
                return
            self._outcome.output_problem = checked.problem
            if has_second and self._may_ask_again():
                self._remark("output_rejected", f"{checked.problem}\nThe model is asked to correct it.")
                await self._ask(workspace, session, schema.repair(checked))
            else:
                return

    def _may_ask_again(self) -> bool:
        finished = self._outcome.last.finished
        steps, cost = self._options.max_steps, self._options.max_cost_usd
        if finished is None:
            return False
        return (steps is None or finished.steps < steps) and (
            cost is None or (finished.usage.known_cost_usd or 0) < cost
        )

    @property
    def _is_stream(self) -> bool:
        return self._options.output_format == "stream-json"

    @property
    def _is_object(self) -> bool:
        return self._options.output_format in {"json", "stream-json"}

    def _show(self) -> Callable[[TurnEvent], None]:
        """What is shown while a turn runs."""
        writer = self._context.writer
        if self._is_stream:
            return self._events().show
        if self._options.output_format or self._file:
            return Progress(writer).show
        self._answer = self._answer or Answer(writer)
        return self._answer.show

    def _events(self) -> EventLines:
        return EventLines(self._lines.append if self._file else self._context.writer.write)

    def _remark(self, kind: str, message: str) -> None:
        self._outcome.remarks.append((kind, message))
        self._context.writer.say(self._context.writer.talk.yellow(visible(message)))
        if self._is_stream and self._outcome.session is not None:
            self._events().put("notice", kind=kind, message=message)

    def _leave_farewell(self) -> None:
        """Gives the object to the caller's side for the case that this process dies."""
        if self._is_object and self._file is None:
            lost = replace(self._outcome, error=SidecarLostError())
            self._context.console.set_farewell(self._object(lost).encode())

    def _deliver(self) -> None:
        """Prints or writes the outcome."""
        self._context.console.set_farewell(b"")
        try:
            self._put(self._text())
        except InvalidFieldError as error:
            self._outcome.error = self._outcome.error or error
            self._file = None
            self._put(self._text())  # what was paid for is not lost
        if not self._is_object:
            self._report()

    def _put(self, text: str) -> None:
        if self._file is None:
            self._context.writer.write("".join([*self._lines, text]))
        elif text:
            self._file.write("".join([*self._lines, text]))

    def _text(self) -> str:
        """What the caller gets; nothing where it has got it already, or where there is nothing."""
        outcome = self._outcome
        if self._is_object:
            return self._object(outcome)
        if outcome.has_schema:
            return json_text(outcome.output, indent=2) if outcome.has_output else ""
        if self._answer is not None:
            self._answer.end()
            return ""
        return self._set(outcome.last.text) + "\n" if outcome.last.text else ""

    def _object(self, outcome: Outcome) -> str:
        duration = round((self._context.services.clock.monotonic() - self._started) * 1000)
        values = outcome.values(duration_ms=duration, timestamp=self._timestamp)
        return json_text(values, indent=None if self._is_stream else 2)

    def _set(self, text: str) -> str:
        console = self._context.console
        if self._file or not console.stdout_is_terminal:
            return text
        if self._options.output_format != "markdown":
            return visible(text)
        from atmos_ai_sidecar.terminal.render.typesetter import Typesetter  # noqa: PLC0415 - slow, rarely needed

        typesetter = Typesetter(columns=console.size.columns, has_colors=self._context.writer.out.enabled)
        return typesetter.markdown(text).rstrip("\n")

    def _report(self) -> None:
        writer, outcome = self._context.writer, self._outcome
        report_waiting(writer, outcome.waiting)
        report_stop(writer, outcome.last)
        if outcome.error is not None:
            writer.error(outcome.error)
        elif outcome.output_problem:
            writer.say(f"{writer.talk.alarm('Error:')} {visible(outcome.output_problem)}")

    def _broke(self, error: SidecarError) -> None:
        """The object of a command that broke, for whoever reads it."""
        self._outcome.error = error
        if self._is_object:
            self._deliver()


def _entry(pattern: str) -> ListEntry:
    return ListEntry(pattern=ToolPattern.parsed(pattern).tool)


async def _question(context: CommandContext, words: str, *, appends_input: bool) -> str:
    """The question: the words of the command line, and what is piped in.

    Raises:
        click.UsageError: There is neither.
        InvalidFieldError: The input is too long.
    """
    text = words.strip()
    if not context.console.stdin_is_terminal and (appends_input or not text):
        piped = await context.reader.rest(MAX_INPUT_CHARACTERS)
        if len(piped) > MAX_INPUT_CHARACTERS:
            raise InvalidFieldError("standard input", f"has more than {MAX_INPUT_CHARACTERS} characters")
        text = f"{text}\n\n{piped}".strip() if piped.strip() else text
    if not text:
        raise click.UsageError("There is no question. Write it behind the command, or pipe it in.")
    return text
