import os
import signal
import subprocess
import termios

import pexpect

from tests.adapters.console.conftest import ROOT, Spawn, program


def is_raw(child: "pexpect.spawn[str]") -> bool:
    flags = termios.tcgetattr(child.child_fd)[3]
    return not flags & (termios.ICANON | termios.ECHO)


def wait_stopped(child: "pexpect.spawn[str]") -> None:
    assert child.pid is not None
    _, status = os.waitpid(child.pid, os.WUNTRACED)
    assert os.WIFSTOPPED(status)


KEYS = """
    console.set_mode(RAW)
    console.write(b"READY\\n")
    while (key := await console.read()) != b"q":
        console.write(b"[%s]\\n" % key.hex().encode())
    console.set_mode(COOKED)
    return 0
"""


def test_keys_arrive_one_by_one_in_raw_mode_and_the_terminal_comes_back(on_terminal: Spawn) -> None:
    child = on_terminal(KEYS)
    child.expect_exact("READY\r\n")
    assert is_raw(child)
    child.send("\x03")
    child.expect_exact("[03]\r\n")
    child.send("\x1a")
    child.expect_exact("[1a]\r\n")
    child.send("\r")
    child.expect_exact("[0d]\r\n")
    child.send("q")
    child.expect(pexpect.EOF)
    assert child.before == ""
    assert child.wait() == 0


def test_the_mode_changes_in_order_with_the_output(on_terminal: Spawn) -> None:
    child = on_terminal("""
        console.set_mode(RAW)
        await console.drain()
        console.set_mode(COOKED)
        console.write(b"COOKED\\n")
        line = await console.read()
        console.write(b"line:" + line)
        return 0
    """)
    child.expect_exact("COOKED")
    assert not is_raw(child)
    child.sendline("hello")
    child.expect_exact("hello\r\nline:hello")


def test_what_was_typed_ahead_survives_the_change_to_raw(on_terminal: Spawn) -> None:
    child = on_terminal("""
        continued = asyncio.Event()
        console.on_signal(lambda name: continued.set())
        console.write(b"TYPE")
        await continued.wait()
        console.set_mode(RAW)
        await console.drain()
        console.write(b"GOT " + await console.read(3))
        return 0
    """)
    child.expect_exact("TYPE")
    child.send("abc")
    child.expect_exact("abc")
    child.kill(signal.SIGCONT)
    child.expect_exact("GOT abc")


def test_a_command_that_fails_in_raw_mode_leaves_a_cooked_terminal(on_terminal: Spawn) -> None:
    child = on_terminal("""
        console.set_mode(RAW)
        console.write(b"RAW")
        await console.read()
        raise ValueError("boom")
    """)
    child.expect_exact("RAW")
    assert is_raw(child)
    child.send("x")
    child.expect_exact("\x1b[?2004l")
    child.expect_exact("\x1b[?25h")
    child.expect_exact("ValueError: boom")
    assert not is_raw(child)


def test_a_signal_in_raw_mode_leaves_a_cooked_terminal(on_terminal: Spawn) -> None:
    child = on_terminal(KEYS)
    child.expect_exact("READY")
    child.kill(signal.SIGTERM)
    child.expect_exact("\x1b[?25h")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 143


def test_ctrl_c_in_cooked_mode_ends_with_130(on_terminal: Spawn) -> None:
    child = on_terminal("console.write(b'WAIT')\nawait asyncio.sleep(60)")
    child.expect_exact("WAIT")
    child.send("\x03")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 130


def test_a_stopped_terminal_does_not_keep_a_signal_from_ending_the_command(on_terminal: Spawn) -> None:
    child = on_terminal("""
        console.write(b"FLOOD")
        await console.drain()
        await console.read()
        console.write(b"x" * 1_000_000)
        console.write_error(b"")
        while not console.is_congested(): await asyncio.sleep(0)
        return 0
    """)
    child.expect_exact("FLOOD")
    child.send("\n")
    child.expect_exact("xxxx")
    child.kill(signal.SIGTERM)
    assert child.wait() == 143


def test_suspend_gives_a_cooked_terminal_and_comes_back_raw(on_terminal: Spawn) -> None:
    child = on_terminal("""
        console.set_mode(RAW)
        console.write(b"READY")
        while (key := await console.read()) != b"q":
            if key == b"z":
                await console.suspend()
                console.write(b"BACK")
            else:
                console.write(b"key:" + key)
        return 0
    """)
    child.expect_exact("READY")
    child.send("z")
    wait_stopped(child)
    assert not is_raw(child)
    child.kill(signal.SIGCONT)
    child.expect_exact("BACK")
    assert is_raw(child)
    child.send("k")
    child.expect_exact("key:k")


def test_a_stop_from_outside_cooks_the_terminal_and_the_waiting_read_goes_on(on_terminal: Spawn) -> None:
    child = on_terminal("console.on_signal(lambda name: console.write(b'<' + name.encode() + b'>'))\n" + dedented(KEYS))
    child.expect_exact("READY")
    child.kill(signal.SIGTSTP)
    wait_stopped(child)
    assert not is_raw(child)
    child.kill(signal.SIGCONT)
    child.expect_exact("<CONT>")
    assert is_raw(child)
    child.send("k")
    child.expect_exact("[6b]")


def dedented(body: str) -> str:
    return "\n".join(line[4:] for line in body.splitlines())


def test_going_cooked_revokes_a_waiting_read_until_raw_comes_back(on_terminal: Spawn) -> None:
    child = on_terminal("""
        console.set_mode(RAW)
        waiting = asyncio.ensure_future(console.read())
        await asyncio.sleep(0)
        console.set_mode(COOKED)
        console.write(b"ASK")
        line = await console.read()
        console.set_mode(RAW)
        console.write(b"LINE " + line.strip() + (b" WAITS" if not waiting.done() else b" DONE"))
        console.write(b"KEY " + await waiting)
        console.set_mode(COOKED)
        return 0
    """)
    child.expect_exact("ASK")
    child.sendline("yes")
    child.expect_exact("LINE yes WAITS")
    child.send("k")
    child.expect_exact("KEY k")


def test_a_resize_is_reported_and_the_size_is_the_new_one(on_terminal: Spawn) -> None:
    child = on_terminal("""
        resized = asyncio.Event()
        console.on_resize(resized.set)
        console.write(b"%d" % console.size.columns)
        await resized.wait()
        console.write(b" then %d x %d" % (console.size.columns, console.size.rows))
        return 0
    """)
    child.expect_exact("70")
    child.setwinsize(33, 44)
    child.expect_exact("then 44 x 33")


def test_a_terminal_without_a_size_counts_as_80_by_24(on_terminal: Spawn) -> None:
    child = on_terminal("""
        await console.read()
        console.write(b"%d x %d" % (console.size.columns, console.size.rows))
        return 0
    """)
    child.setwinsize(0, 0)
    child.send("\n")
    child.expect_exact("80 x 24")


def test_the_streams_of_a_terminal_are_terminals(on_terminal: Spawn) -> None:
    child = on_terminal("""
        console.write(repr((console.stdin_is_terminal, console.stdout_is_terminal, console.stderr_is_terminal,
            console.has_controlling_terminal)).encode())
        return 0
    """)
    child.expect_exact("(True, True, True, True)")


def test_a_hang_up_ends_the_command() -> None:
    master, slave = os.openpty()
    body = "console.write(b'READY')\nwhile await console.read(): pass\nawait asyncio.sleep(60)"
    with subprocess.Popen(
        ["setsid", "-c", *program(body)], cwd=ROOT, stdin=slave, stdout=slave, stderr=slave, start_new_session=False
    ) as child:
        os.close(slave)
        assert os.read(master, 5) == b"READY"
        os.close(master)
        assert child.wait(10) in {129, 0}


def test_a_question_is_asked_on_the_terminal_although_streams_are_redirected(on_terminal: Spawn) -> None:
    child = on_terminal("""
        class Clock:
            async def sleep(self, seconds): pass
        terminal = ControllingTerminal(Clock())
        await terminal.show(["One", "Two"])
        answer = await terminal.ask("Allow? ")
        await terminal.show([f"answer={answer}"])
        answer = await terminal.ask("Again? ")
        await terminal.show([f"answer={answer}"])
        terminal.close()
        return 0
    """)
    child.expect_exact("One\r\nTwo\r\nAllow? ")
    child.sendline("y because")
    child.expect_exact("answer=y because")
    child.expect_exact("Again? ")
    child.send("\x04")
    child.expect_exact("answer=None")


def test_keys_before_the_question_can_have_been_read_do_not_answer(on_terminal: Spawn) -> None:
    child = on_terminal("""
        typed = asyncio.Event()
        class Clock:
            async def sleep(self, seconds):
                console.write(b"GUARD %.1f" % seconds)
                await asyncio.to_thread(wait_for_input)
        def wait_for_input():
            import select
            select.select([0], [], [])
        terminal = ControllingTerminal(Clock())
        answer = await terminal.ask("Allow? ")
        await terminal.show([f"answer={answer}"])
        terminal.close()
        return 0
    """)
    child.expect_exact("GUARD 0.3")
    child.sendline("y")
    child.expect_exact("Allow? ")
    child.sendline("n")
    child.expect_exact("answer=n")


def test_pasted_lines_do_not_answer(on_terminal: Spawn) -> None:
    child = on_terminal("""
        class Clock:
            async def sleep(self, seconds): pass
        terminal = ControllingTerminal(Clock())
        answer = await terminal.ask("Allow? ")
        await terminal.show([f"answer={answer}"])
        terminal.close()
        return 0
    """)
    child.expect_exact("Allow? ")
    child.send("y\ny\ny\n")
    child.expect_exact("Pasted text does not answer.")
    child.expect_exact("Allow? ")
    child.sendline("n")
    child.expect_exact("answer=n")
