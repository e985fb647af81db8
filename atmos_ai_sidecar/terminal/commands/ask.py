import click

from atmos_ai_sidecar.errors import InvalidFieldError
from atmos_ai_sidecar.terminal.answer import Answer, report_end
from atmos_ai_sidecar.terminal.commands.context import MAX_INPUT_CHARACTERS, CommandContext
from atmos_ai_sidecar.terminal.commands.tree import Command, refused
from atmos_ai_sidecar.terminal.one_turn import TurnRequest, run_turn


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
        context.tell_left_calls(workspace, found.id)
        request = TurnRequest(session=found, text=text, model=context.options.model, with_tools=not no_tools)
        answer = Answer(context.writer)
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
