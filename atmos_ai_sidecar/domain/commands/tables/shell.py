"""Commands of the shell itself, interpreters, and programs that may run anything."""

from collections.abc import Mapping

from atmos_ai_sidecar.domain.commands.scripts import judge_set
from atmos_ai_sidecar.domain.commands.specs import Spec, only, options, same
from atmos_ai_sidecar.domain.tools import CommandClass

_READ, _MUTATE, _DESTROY = CommandClass.READ, CommandClass.MUTATE, CommandClass.DESTROY
_SECRET, _CODE = CommandClass.SECRET_READ, CommandClass.CODE_EXECUTION
_FREE = Spec(command_class=_READ, is_free=True)


_TEST = Spec(
    command_class=_READ,
    has_clusters=False,
    options=options(
        "-# -a -b -c -d -e -f -g -h -k -n -o -p -r -s -t -u -w -x -z -G -L -N -O -S -ef -eq -ge -gt -le -lt -ne -nt -ot"
    )
    # These two look into an array, whose index can hold a command.
    | options("-v -R", _CODE),
)
_SET = Spec(
    command_class=_READ,
    options=options("-e -f -u -x -C -o:"),
    needs=[frozenset({"-e", "-f", "-u", "-x", "-C", "-o"})],
    # Alone it prints every variable.
    otherwise=_SECRET,
    judge=judge_set,
)

_INTERPRETERS = (
    "python python2 python3 pypy pypy3 ipython node nodejs deno bun perl ruby irb php lua "
    "luajit tclsh expect rscript r "
    "julia groovy scala swift osascript ghci runghc guile racket erl elixir iex java javac "
    "jshell kotlin dotnet go cargo "
    "rustc gcc cc clang g++ gdb lldb gforth octave m4 make gmake cmake ninja bazel gradle mvn "
    "ant rake just task npm npx "
    "yarn pnpm pip pip3 pipx uv uvx poetry bundle gem composer conda nix nix-shell brew apt "
    "apt-get yum dnf apk pacman "
    "snap dpkg rpm tox nox pytest ansible ansible-playbook pulumi cdk serverless sam skaffold "
    "tilt earthly act pre-commit "
    "direnv mise asdf dotenv doppler tmux screen at batch crontab systemctl service launchctl "
    "vagrant virsh qemu-system "
    "vi vim nvim view ex ed emacs nano pico less more most man info git-shell sqlite3 psql "
    "mysql mongosh redis-cli bc dc "
    "rlwrap socat nc ncat netcat telnet ftp sftp scp rsync tshark tcpdump nmap openssl gpg "
    "zip unzip tar bsdtar cpio ar "
    "7z source . alias unalias enable bind complete compopt mapfile readarray fc hash shopt "
    "let declare typeset local "
    "export readonly unset read history dirs pushd popd ulimit umask wait bg fg jobs disown "
    "suspend logout "
    "start-stop-daemon run-parts entr ltrace gdbserver valgrind perf bpftrace fakeroot proot "
    "dbus-run-session xterm "
    "ssh-agent ssh-add ssh-keygen"
)

SHELL: Mapping[str, Spec] = {
    **same("echo true false : return exit break continue shift sleep", _FREE),
    "printf": Spec(command_class=_READ, options=options("-v:", _CODE)),
    "set": _SET,
    **same("test [", _TEST),
    **same("type which whereis", Spec(command_class=_READ, options=options("-a -t -p -P -f -s"))),
    "cd": Spec(command_class=_READ, options=options("-L -P")),
    **same("pwd", Spec(command_class=_READ, options=options("-L -P"))),
    "printenv": only(_SECRET),
    **same(_INTERPRETERS, only(_CODE)),
    **same("kill pkill killall renice", only(_MUTATE)),
    **same("curl wget http https xh dig nslookup host ping traceroute whois aria2c", only(_MUTATE)),
    **same("shutdown reboot halt poweroff init", only(_DESTROY)),
    "grpcurl": only(_CODE),
}
