"""Programs that run the command in their arguments."""

from collections.abc import Mapping
from dataclasses import field
from enum import Enum

from atmos_ai_sidecar.domain.commands.specs import Option, options
from atmos_ai_sidecar.domain.tools import CommandClass
from atmos_ai_sidecar.lazy_dataclasses import dataclass


class Form(Enum):
    """How a wrapper takes its command."""

    WORDS = "the remaining words"
    TEXT = "the remaining words joined, as a command line"
    FIRST = "the first word, as a command line"
    OPTION = "the value of an option, as a command line"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wrapper:
    form: Form = Form.WORDS
    options: Mapping[str, Option] = field(default_factory=dict)
    """Those that leave the command what it is. Any other is a doubt."""
    text_options: frozenset[str] = frozenset()
    """Options whose value is a command line. They are doubts."""
    lookups: frozenset[str] = frozenset()
    """Options with which it only looks the command up."""
    operands: int = 0
    """Words of its own between the options and the command."""
    takes_assignments: bool = False
    adds_words: bool = False
    """It adds words that nobody knows before, also in place of ``{}``."""
    command_class: CommandClass = CommandClass.READ
    """Its own part, whatever the command is."""
    alone: CommandClass = CommandClass.UNKNOWN
    """Its class without a command."""
    doubt: str = ""
    """What makes it ask even when the command is harmless; empty when it does not."""


_CODE = CommandClass.CODE_EXECUTION
_C = frozenset({"-c", "--command"})
_OTHER_RIGHTS = "a command with other rights"
_ADDS_WORDS = "words that are not known before it runs"
_NAMESPACE = "a command in another namespace"

_TIMEOUT = Wrapper(
    options=options("-k: -s: -v --kill-after: --signal: --verbose --foreground --preserve-status"), operands=1
)
_NICE = Wrapper(options=options("-n: --adjustment: -#"), alone=CommandClass.READ)
_STDBUF = Wrapper(options=options("-i: -o: -e: --input: --output: --error:"))
_ENV = Wrapper(
    options=options("-i -0 -v -u: - --ignore-environment --null --debug --unset:"),
    text_options=frozenset({"-S", "--split-string"}),
    takes_assignments=True,
    alone=CommandClass.SECRET_READ,
)
_XARGS = Wrapper(
    options=options(
        "-0 -r -t -x -p -o -n: -P: -L: -I: -i? -d: -s: -E: -a: --null --no-run-if-empty "
        "--max-args: --max-procs: "
        "--replace? --delimiter: --arg-file: --verbose --max-lines? --max-chars: --exit"
    ),
    adds_words=True,
    alone=CommandClass.READ,
    doubt=_ADDS_WORDS,
)
_SU = Wrapper(
    form=Form.OPTION, options=options("- -l -m -p -s: -u: -g:"), text_options=_C, alone=_CODE, doubt=_OTHER_RIGHTS
)

WRAPPERS: Mapping[str, Wrapper] = {
    "builtin": Wrapper(),
    "busybox": Wrapper(doubt="busybox, which reads options in its own way"),
    "chroot": Wrapper(
        options=options("--userspec? --groups? --skip-chdir"), operands=1, doubt="a command in another root folder"
    ),
    "chrt": Wrapper(options=options("-f -r -o -b -i -p"), operands=1, doubt="a command with another priority"),
    "command": Wrapper(options=options("-p -v -V"), lookups=frozenset({"-v", "-V"})),
    "coproc": Wrapper(doubt="a coprocess"),
    "doas": Wrapper(options=options("-u: -n -C: -a:"), alone=_CODE, doubt=_OTHER_RIGHTS),
    "env": _ENV,
    "eval": Wrapper(form=Form.TEXT, alone=CommandClass.READ, doubt="eval, which reads its words as a command line"),
    "exec": Wrapper(options=options("-c -l -a:")),
    "flock": Wrapper(
        options=options("-s -x -e -n -u -w: -E: -o -F"),
        text_options=_C,
        operands=1,
        doubt="a lock file that is written",
    ),
    "genv": _ENV,
    "gnice": _NICE,
    "gstdbuf": _STDBUF,
    "gtimeout": _TIMEOUT,
    "gxargs": _XARGS,
    "ionice": Wrapper(options=options("-c: -n: -t --class: --classdata: --ignore")),
    "nice": _NICE,
    "nohup": Wrapper(),
    "nsenter": Wrapper(options=options("-t: -m -u -i -n -p -U -a"), alone=_CODE, doubt=_NAMESPACE),
    "parallel": Wrapper(
        form=Form.TEXT, options=options("-j: -k -0 -n: -I:"), adds_words=True, alone=_CODE, doubt=_ADDS_WORDS
    ),
    "pkexec": Wrapper(options=options("--user: --keep-cwd"), alone=_CODE, doubt=_OTHER_RIGHTS),
    "runuser": _SU,
    "script": Wrapper(
        form=Form.OPTION,
        options=options("-q -e -a -f"),
        text_options=_C,
        alone=_CODE,
        doubt="a file that script writes",
    ),
    "setsid": Wrapper(options=options("-c -f -w --ctty --fork --wait")),
    "ssh": Wrapper(
        form=Form.TEXT,
        options=options(
            "-i: -p: -o: -l: -F: -J: -L: -R: -D: -W: -B: -b: -c: -E: -e: -I: -m: -O: -P: -Q: -S: -w: "
            "-A -a -C -f -G -g -K -k -M -N -n -q -s -T -t -V -v -X -x -Y -y -4 -6"
        ),
        operands=1,
        command_class=_CODE,
        doubt="a command on another machine",
    ),
    "stdbuf": _STDBUF,
    "strace": Wrapper(options=options("-f -c -e: -o: -p: -s:"), doubt="a command under strace"),
    "su": _SU,
    "sudo": Wrapper(
        options=options(
            "-u: -g: -C: -D: -h: -p: -r: -R: -t: -T: -U: -A -b -E -H -k -n -N -P -S -B "
            "--user: --group: --preserve-env? --non-interactive --set-home"
        ),
        takes_assignments=True,
        alone=_CODE,
        doubt=_OTHER_RIGHTS,
    ),
    "systemd-run": Wrapper(options=options("--user --scope --pty --wait -t -q -p: -u: --unit:"), doubt=_NAMESPACE),
    "taskset": Wrapper(options=options("-c -a"), operands=1),
    "time": Wrapper(options=options("-p")),
    "timeout": _TIMEOUT,
    "toybox": Wrapper(doubt="toybox, which reads options in its own way"),
    "trap": Wrapper(form=Form.FIRST, options=options("-l -p"), alone=CommandClass.READ, doubt="a trap"),
    "unshare": Wrapper(options=options("-m -u -i -n -p -U -r -f -C"), alone=_CODE, doubt=_NAMESPACE),
    "watch": Wrapper(
        form=Form.TEXT, options=options("-n: -d -t -x -e -g -b -p -c"), doubt="watch, which runs it again and again"
    ),
    "xargs": _XARGS,
}

SHELLS = frozenset({"bash", "sh", "dash", "zsh", "ksh", "ash", "mksh", "yash", "fish", "rbash", "tcsh", "csh"})

RUNNING_OPTIONS: Mapping[str, frozenset[str]] = dict.fromkeys(
    ["find", "gfind"], frozenset({"-exec", "-execdir", "-ok", "-okdir"})
) | dict.fromkeys(["fd", "fdfind"], frozenset({"-x", "-X", "--exec", "--exec-batch"}))
"""Options whose following words, up to ``;``, are a command."""

ENDS_OF_RUN = frozenset({";", "+"})

HARMLESS_VARIABLES = frozenset(
    {
        "ATMOS_LOGS_LEVEL",
        "ATMOS_TELEMETRY_ENABLED",
        "CLICOLOR",
        "COLUMNS",
        "FORCE_COLOR",
        "LANG",
        "LC_ALL",
        "LC_COLLATE",
        "LC_CTYPE",
        "LC_MESSAGES",
        "LC_NUMERIC",
        "LC_TIME",
        "LINES",
        "NO_COLOR",
        "TF_IN_AUTOMATION",
        "TF_INPUT",
        "TZ",
    }
)
"""Variables that may be set in front of a command. Any other may change what the command does."""
