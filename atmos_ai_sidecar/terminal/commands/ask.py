from typing import TYPE_CHECKING

import click

from atmos_ai_sidecar.domain.events import (
    ModelRetrying,
    StopReason,
    TextDelta,
    ToolCallFinished,
    ToolCallStarted,
    TurnEvent,
)
from atmos_ai_sidecar.errors import InvalidFieldError
from atmos_ai_sidecar.terminal.commands.context import MAX_INPUT_CHARACTERS, CommandContext
from atmos_ai_sidecar.terminal.commands.tree import Command, refused
from atmos_ai_sidecar.terminal.one_turn import TurnRecord, TurnRequest, run_turn
from atmos_ai_sidecar.terminal.render.cards import card
from atmos_ai_sidecar.terminal.render.ends import end_text
from atmos_ai_sidecar.terminal.writer import Writer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from atmos_ai_sidecar.terminal.render.markdown_stream import Block


@click.command("ask", cls=Command)
@click.argument("question", nargs=-1)
@click.option("-s", "--session", default="", metavar="NAME", help="Ask in this session; it is created when missing.")
@click.option("--no-tools", is_flag=True, help="The model answers without looking anything up.")
@click.option("--no-auto-context", is_flag=True, hidden=True, expose_value=False)
@refused("--context", why="Pipe it in: it is added to the question.")
@click.pass_obj
async def ask(context: CommandContext, question: tuple[str, ...], session: str, *, no_tools: bool) -> int:
    """Ask one question; the answer goes to standard output.

    What is piped in is added to the question.

    \b
    Examples:
      atmos-ai ask which stacks are there
      terraform show -no-color plan | atmos-ai ask "Is this plan safe?"
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    text = await question_text(context, " ".join(question), appends_input=True)
    async with context.open_workspace() as workspace:
        found, _ = await workspace.sessions.resume_or_create(session)
        request = TurnRequest(session=found, text=text, model=context.options.model, with_tools=not no_tools)
        answer = Answer(context)
        record = await run_turn(context.console, workspace, request, answer.show)
        answer.end()
    report_end(context.writer, record)
    return record.exit_code


async def question_text(context: CommandContext, words: str, *, appends_input: bool) -> str:
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


class Answer:
    """Shows an answer as it comes: set as Markdown on a terminal, as it is in a pipe; progress on standard error."""

    def __init__(self, context: CommandContext) -> None:
        self._writer = context.writer
        self._columns = context.console.size.columns
        self._shows_progress = context.console.stderr_is_terminal
        self._paper = _Paper(context) if context.console.stdout_is_terminal else _Pipe(context.writer)
        self._titles: dict[str, str] = {}

    def show(self, event: TurnEvent) -> None:
        match event:
            case TextDelta():
                self._paper.feed(event.text)
            case ModelRetrying():
                self._paper.start_again()
                self._progress(self._writer.talk.dim(f"{event.message} Trying again in {event.delay_seconds:.0f} s."))
            case ToolCallStarted():
                self._paper.end_step()
                self._titles[event.tool_call.id] = event.title
            case ToolCallFinished():
                result = event.tool_result
                title = self._titles.get(result.tool_call_id, "")
                self._progress(card(title, result.result, self._writer.talk, width=self._columns - 1))

    def end(self) -> None:
        """Shows what is left."""
        self._paper.end_step()

    def _progress(self, line: str) -> None:
        if self._shows_progress:
            self._writer.say(line)


class _Pipe:
    """Writes a step when it has ended, so that a retry never leaves half an answer in the output."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._step = ""
        self._has_written = False

    def feed(self, text: str) -> None:
        self._step += text

    def start_again(self) -> None:
        self._step = ""

    def end_step(self) -> None:
        if self._step.strip():
            self._writer.line(("\n" if self._has_written else "") + self._step.strip("\n"))
            self._has_written = True
        self._step = ""


class _Paper:
    """Writes finished Markdown blocks to a terminal."""

    def __init__(self, context: CommandContext) -> None:
        # Rich takes a tenth of a second, so it is loaded when a terminal is about to show an answer.
        from atmos_ai_sidecar.terminal.render.markdown_stream import MarkdownStream  # noqa: PLC0415
        from atmos_ai_sidecar.terminal.render.typesetter import Typesetter  # noqa: PLC0415

        self._writer = context.writer
        self._stream = MarkdownStream()
        self._typesetter = Typesetter(columns=context.console.size.columns, has_colors=context.writer.out.enabled)
        self._has_written = False

    def feed(self, text: str) -> None:
        self._stream.feed(text)
        self._write(self._stream.take_finished())

    def start_again(self) -> None:
        has_shown = self._stream.has_given
        self._stream.finish()
        if has_shown:
            self._writer.line("\n" + self._writer.out.dim("(The answer broke off and starts again.)"))

    def end_step(self) -> None:
        self._write(self._stream.finish())

    def _write(self, blocks: "Sequence[Block]") -> None:
        for block in blocks:
            separator = "\n" if self._has_written and not block.continues else ""
            self._writer.write(separator + self._typesetter.text([block]))
            self._has_written = True


def report_end(writer: Writer, record: TurnRecord) -> None:
    """Says on standard error why a turn did not come to a plain end, and which calls need approval."""
    waiting = [call for call in record.calls.values() if call.needs_approval]
    if waiting:
        writer.say(writer.talk.yellow("These calls need approval and were not run:"))
        for call in waiting:
            writer.say(f"  {call.title}")
        writer.say("Run it on a terminal to be asked, or allow them in ai.tools.allowed.")
    if record.finished and (text := end_text(record.finished)):
        was_cancelled = record.stop_reason is StopReason.CANCELLED
        writer.say(text if was_cancelled else f"{writer.talk.alarm('Error:')} {text}")
