import click

from atmos_ai_sidecar.terminal import exit_codes
from atmos_ai_sidecar.terminal.commands.context import CommandContext
from atmos_ai_sidecar.terminal.commands.tree import Command
from atmos_ai_sidecar.terminal.prompter import choose
from atmos_ai_sidecar.terminal.services import OpenQuestion


@click.command("answer", cls=Command)
@click.argument("request_id", metavar="[ID]", default="")
@click.argument("key", metavar="[y|a|n|d]", default="")
@click.option("--reason", default="", help="What the model is told with a rejection.")
@click.pass_obj
async def answer(context: CommandContext, request_id: str, key: str, *, reason: str) -> int:
    """Answer a question of a sidecar that runs elsewhere; without ID, show what is asked.

    It reaches the sidecars that stay warm, and those that know the owner's token in ATMOS_AI_TOKEN, which
    `sidecar run` prints. y allows once, a always; n rejects once, d always.

    \b
    Example:
      atmos-ai permissions answer 8Jx… y
      atmos-ai permissions answer 8Jx… n --reason 'Not on a Friday.'
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    async with context.services.open_questions(context.environment) as found:
        questions = list(found)
        if not request_id:
            for one in questions:
                _show(context, one)
            context.writer.say(f"{len(questions)} question(s)." if questions else "No question is open.")
            return exit_codes.DONE
        question = next((one for one in questions if one.id == request_id), None)
        if question is None:
            context.writer.say(
                "No sidecar that can be reached asks that. `atmos-ai permissions answer` lists what is asked; "
                "for `sidecar run`, set ATMOS_AI_TOKEN to the token that it printed."
            )
            return exit_codes.ERROR
        line = f"{key} {reason}".strip()
        if not key:
            _show(context, question)
            line = await _typed(context, question)
        chosen = choose(question.options, line)
        if chosen is None:
            keys = ", ".join(option.key for option in question.options)
            raise click.UsageError(f"Answer with one of {keys}; a reason goes with a rejection only.")
        option, comment = chosen
        settled = await question.answer(option.id, comment)
    context.writer.line(f"{request_id}: {settled}")
    return exit_codes.DONE


def _show(context: CommandContext, question: OpenQuestion) -> None:
    context.writer.line(question.id)
    for line in question.lines:
        context.writer.line(f"  {line}")
    for option in question.options:
        preview = f": {option.rule_preview}" if option.rule_preview else ""
        context.writer.line(f"    {option.key}  {option.label}{preview}")


async def _typed(context: CommandContext, question: OpenQuestion) -> str:
    if not context.is_interactive:
        return ""
    keys = "/".join(option.key for option in question.options)
    return await context.answer(f"[{keys}] ") or ""
