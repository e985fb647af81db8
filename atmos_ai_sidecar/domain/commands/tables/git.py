"""git, and the programs that talk to its hosts."""

from collections.abc import Mapping

from atmos_ai_sidecar.domain.commands.specs import Spec, only, options, same
from atmos_ai_sidecar.domain.tools import CommandClass

_READ, _MUTATE = CommandClass.READ, CommandClass.MUTATE
_DESTROY, _SECRET, _CODE = CommandClass.DESTROY, CommandClass.SECRET_READ, CommandClass.CODE_EXECUTION

_CODE_OPTIONS = options(
    "--ext-diff --textconv --filters --open-files-in-pager? -O? --upload-pack: --receive-pack: --exec:", _CODE
)
_WRITES = options("--output: --output-directory:", _MUTATE)
_HISTORY = options(
    "-# -n: --max-count: --skip: --oneline --graph --all --branches? --tags? --remotes? "
    "--decorate? --no-decorate "
    "--since: --until: --after: --before: --author: --committer: --grep: -i -E -F -P -S: -G: "
    "--follow --merges "
    "--no-merges --first-parent --reverse --date: --format: --pretty? --abbrev-commit "
    "--abbrev? --topo-order "
    "--date-order --left-right --cherry-pick --full-history --simplify-by-decoration --stat? "
    "--shortstat --numstat "
    "--name-only --name-status --no-patch -s -p -u --patch -U: --unified: -M? -C? -B? "
    "--find-renames? --diff-filter: "
    "--color? --no-color --word-diff? -w -b --ignore-all-space --ignore-space-change "
    "--ignore-blank-lines --raw "
    "--patch-with-stat --summary --dirstat? --compact-summary --exit-code --quiet -q --cached "
    "--staged --merge-base "
    "--no-ext-diff --no-textconv --no-renames --full-index --relative? --text -a -m -c --cc "
    "--check -z -L: --no-index "
    "--count --parents --show-signature --no-notes --minimal --histogram --patience"
)
_HISTORY_SPEC = Spec(command_class=_READ, options=_HISTORY | _CODE_OPTIONS | _WRITES)


def _read(text: str = "") -> Spec:
    return Spec(command_class=_READ, options=options(text) | _CODE_OPTIONS | _WRITES)


def _change(worse: str = "", code: str = "", operands: str = "") -> Spec:
    return Spec(
        command_class=_MUTATE,
        options=options(worse, _DESTROY) | options(code, _CODE),
        is_open=True,
        operand_classes=[(pattern, _DESTROY) for pattern in operands.split()],
    )


_NAMES = "-v -vv -a -r --all --list -l --show-current --merged? --no-merged? --contains? --sort: "
"--format: --color? --no-color --column?"
_GIT = Spec(
    command_class=_READ,
    options=options("-P --no-pager --no-optional-locks --literal-pathspecs --no-replace-objects --version")
    | options(
        "-C: -c: --config-env: --exec-path? --git-dir: --work-tree: --namespace: --super-prefix: "
        "-p --paginate --attr-source:",
        _CODE,
    ),
    subcommands={
        **same("log show diff whatchanged", _HISTORY_SPEC),
        **same(
            "shortlog rev-list diff-tree diff-index diff-files range-diff cherry",
            Spec(command_class=_READ, options=_HISTORY | options("-e -t") | _CODE_OPTIONS | _WRITES),
        ),
        "status": _read(
            "-s --short -b --branch --porcelain? -u? --untracked-files? --ignored? -v -z --long "
            "--show-stash --ahead-behind --column?"
        ),
        "blame": _read("-L: -w -e -s -M? -C? -l -t --porcelain --date: --line-porcelain"),
        "grep": _read(
            "-i -n -v -c -l -L -w -E -F -P -G -h -H -o -q -A: -B: -C: -e: --and --or --not --cached "
            "--untracked --heading --break --name-only --count --ignore-case --line-number "
            "--max-depth: -p -W"
        ),
        "ls-files": _read(
            "-c -d -m -o -s -u -z --cached --deleted --modified --others --ignored --stage "
            "--exclude-standard --full-name --error-unmatch -x: --exclude:"
        ),
        "ls-tree": _read("-r -t -d -l -z --name-only --full-name --full-tree --long --abbrev?"),
        "cat-file": _read("-t -s -p -e --batch-check?"),
        **same(
            "describe name-rev",
            _read(
                "--tags --all --long --always --dirty? --abbrev? --match: --exclude: --contains "
                "--name-only --exact-match"
            ),
        ),
        "rev-parse": _read(
            "--verify -q --quiet --short? --abbrev-ref? --show-toplevel --git-dir --show-prefix "
            "--is-inside-work-tree --symbolic-full-name --show-cdup --git-common-dir --all"
        ),
        "merge-base": _read("--all -a --octopus --is-ancestor --fork-point --independent"),
        **same(
            "for-each-ref show-ref",
            _read("--format: --sort: --count: --heads --tags --contains? --merged? --points-at: -d -s --verify -q"),
        ),
        **same("count-objects check-ignore check-attr var version", _read("-v -H -a -q")),
        "branch": Spec(
            command_class=_READ,
            options=options(_NAMES)
            | options("-d -D --delete -f --force -M", _DESTROY)
            | options(
                "-m -c -C -u: --move --copy --set-upstream-to: --unset-upstream --edit-description "
                "--track? --no-track -t",
                _MUTATE,
            ),
            operand_classes=[("*", _MUTATE)],
        ),
        "tag": Spec(
            command_class=_READ,
            options=options(_NAMES + " -n?")
            | options("-d --delete -f --force", _DESTROY)
            | options("-s -m: -F: -u: --sign --annotate --message:", _MUTATE),
            operand_classes=[("*", _MUTATE)],
        ),
        "remote": Spec(
            command_class=_READ,
            options=options("-v --verbose"),
            subcommands={
                "get-url": _read("--all --push"),
                "show": only(_MUTATE),
                **same("remove rm prune", only(_DESTROY)),
                **same("add rename set-url set-head set-branches update", only(_MUTATE)),
            },
        ),
        "stash": Spec(
            command_class=_MUTATE,
            is_open=True,
            subcommands={
                "list": _HISTORY_SPEC,
                "show": _HISTORY_SPEC,
                **same("drop clear", only(_DESTROY)),
                **same("push pop apply save create store branch", only(_MUTATE)),
            },
            other=None,
        ),
        "reflog": Spec(
            command_class=_READ,
            options=_HISTORY,
            subcommands={**same("show exists list", _HISTORY_SPEC), **same("expire delete drop", only(_DESTROY))},
        ),
        "worktree": Spec(
            command_class=_READ,
            subcommands={
                "list": _read("--porcelain -v -z"),
                **same("add lock unlock move repair", only(_MUTATE)),
                **same("remove prune", only(_DESTROY)),
            },
        ),
        "config": Spec(
            command_class=_CODE,
            is_open=True,
            options=options("-l --list --get-all: --get-regexp: --get-urlmatch:", _SECRET),
        ),
        "credential": only(_SECRET),
        "bisect": Spec(
            command_class=_MUTATE,
            is_open=True,
            subcommands={"run": only(_CODE), "log": _read(), "view": only(_CODE), "visualize": only(_CODE)},
            other=only(_MUTATE),
        ),
        "submodule": Spec(
            command_class=_READ,
            options=options("-q --quiet"),
            subcommands={
                "status": _read("--recursive --cached"),
                "summary": _read(),
                "foreach": only(_CODE),
                **same("add init update set-branch set-url sync absorbgitdirs deinit", only(_MUTATE)),
            },
        ),
        **same("add commit init merge mv cherry-pick revert am apply notes sparse-checkout", _change(code="--exec:")),
        **same(
            "clone fetch pull",
            _change(worse="--prune -p --force -f", code="--upload-pack: -c: --config: --template: -u:"),
        ),
        **same("rebase", _change(code="-x: --exec: -i --interactive")),
        **same("checkout switch", _change(worse="-f --force --discard-changes -B: -C: --")),
        "push": _change(
            worse="-f --force --force-with-lease? --delete -d --mirror --prune --force-if-includes",
            code="--receive-pack: --exec:",
            operands="+* :*",
        ),
        "reset": _change(worse="--hard --merge --keep"),
        **same(
            "clean rm restore gc prune repack update-ref replace filter-repo symbolic-ref pack-refs", only(_DESTROY)
        ),
        **same(
            "filter-branch difftool mergetool archive send-email svn p4 daemon upload-pack "
            "upload-archive ls-remote bundle hook gui citool instaweb help lfs credential-cache "
            "fast-import",
            only(_CODE),
        ),
    },
)

_GH_VERBS = {
    **same("list view status diff checks", Spec(command_class=_READ, is_open=True, options=options("-w --web", _CODE))),
    **same("delete close archive", only(_DESTROY)),
    **same(
        "create edit comment merge reopen review checkout clone ready rerun run cancel enable disable upload download",
        only(_MUTATE),
    ),
}
_GH = Spec(
    command_class=_READ,
    options=options("-R: --repo:"),
    is_persistent=True,
    subcommands={
        **same("pr issue repo run release label", Spec(command_class=_READ, subcommands=_GH_VERBS)),
        **same("auth secret variable", only(_SECRET)),
        **same("api extension alias codespace workflow gist", only(_CODE)),
    },
)

GIT: Mapping[str, Spec] = {"git": _GIT, "gh": _GH}
