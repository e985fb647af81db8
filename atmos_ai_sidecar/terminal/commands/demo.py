import dataclasses

import click

from atmos_ai_sidecar.terminal import exit_codes
from atmos_ai_sidecar.terminal.answer import Answer, report_end
from atmos_ai_sidecar.terminal.commands.chat import start_chat
from atmos_ai_sidecar.terminal.commands.context import CommandContext
from atmos_ai_sidecar.terminal.commands.tree import Command
from atmos_ai_sidecar.terminal.one_turn import TurnRequest, run_turn
from atmos_ai_sidecar.terminal.services import DemoSetup


@click.command("demo", cls=Command)
@click.pass_obj
async def demo(context: CommandContext) -> int:
    """Try the assistant on a demo project, offline and without a key.

    Without a terminal it asks three questions and prints the answers.

    \b
    Examples:
      atmos-ai demo
      ATMOS_REPLAY_SCENARIO=broken-yaml atmos-ai demo < /dev/null
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    async with context.services.start_demo(context.console) as setup:
        options = dataclasses.replace(context.options, trust_project=True)
        moved = dataclasses.replace(
            context,
            options=options,
            directory=setup.directory,
            environment=setup.environment,
        )
        if context.console.stdin_is_terminal and context.console.stdout_is_terminal:
            return await start_chat(moved, session="demo", notice=setup.notice, hints=setup.prompts)
        return await _ask_all(moved, setup)


async def _ask_all(context: CommandContext, setup: DemoSetup) -> int:
    context.writer.line(setup.notice)
    async with context.open_workspace() as workspace:
        session, _ = await workspace.sessions.resume_or_create("demo")
        for question in setup.questions:
            context.writer.line(f"\n{context.writer.out.cyan('>')} {context.writer.out.bold(question)}\n")
            answer = Answer(context.writer)
            request = TurnRequest(session=session, text=question, model=context.options.model)
            record = await run_turn(context.console, workspace, request, answer.show)
            answer.end()
            report_end(context.writer, record)
            if record.exit_code != exit_codes.DONE:
                return record.exit_code
    return exit_codes.DONE
