"""The usual Unix tools that read and change files."""

from collections.abc import Mapping

from atmos_ai_sidecar.domain.commands.scripts import judge_awk, judge_jq, judge_sed, judge_yq
from atmos_ai_sidecar.domain.commands.specs import Spec, only, options, same
from atmos_ai_sidecar.domain.tools import CommandClass

_READ, _MUTATE, _DESTROY = CommandClass.READ, CommandClass.MUTATE, CommandClass.DESTROY
_SECRET, _CODE = CommandClass.SECRET_READ, CommandClass.CODE_EXECUTION


def _read(text: str = "") -> Spec:
    return Spec(command_class=_READ, options=options(text))


_GREP = Spec(
    command_class=_READ,
    options=options(
        "-# -i -n -v -c -l -L -o -w -x -E -F -G -P -q -s -h -H -a -I -z -Z -b -y -U -u -A: -B: "
        "-C: -m: -e: --color? --colour? "
        "--ignore-case --invert-match --line-number --count --files-with-matches "
        "--files-without-match --only-matching "
        "--word-regexp --line-regexp --extended-regexp --fixed-strings --perl-regexp --quiet "
        "--silent --no-messages "
        "--no-filename --with-filename --text --regexp: --max-count: --after-context: "
        "--before-context: --context: "
        "--include: --exclude: --exclude-dir: --line-buffered --null"
    )
    # It goes through every file of a folder, also those with secrets.
    | options("-r -R --recursive --dereference-recursive -f: --file: -d: --directories:", _SECRET),
)
_RG = Spec(
    command_class=_READ,
    options=options(
        "-i -n -v -c -l -o -w -x -F -P -q -s -S -N -H -I -a -U -p -A: -B: -C: -m: -e: -g: -t: -T: "
        "-j: -r: -M: --color: --colors: "
        "--ignore-case --smart-case --line-number --no-line-number --count --files-with-matches "
        "--files-without-match --files "
        "--only-matching --word-regexp --fixed-strings --glob: --iglob: --type: --type-not: "
        "--max-count: --max-depth: "
        "--after-context: --before-context: --context: --heading --no-heading --no-filename "
        "--with-filename --json --stats "
        "--sort: --sortr: --multiline --column --vimgrep --trim --null --no-messages --quiet "
        "--regexp: --threads: --count-matches"
    )
    | options(
        "-u -uu -uuu -. --hidden --no-ignore --unrestricted --no-ignore-vcs -L --follow --ignore-file: -f: --file:",
        _SECRET,
    )
    | options("--pre: --pre-glob: -z --search-zip --hostname-bin:", _CODE),
)
_FIND = Spec(
    command_class=_READ,
    has_clusters=False,
    options=options(
        "-H -L -P -name: -iname: -path: -ipath: -wholename: -iwholename: -lname: -ilname: -regex: "
        "-iregex: -regextype: "
        "-type: -xtype: -maxdepth: -mindepth: -size: -empty -mtime: -mmin: -atime: -amin: -ctime: "
        "-cmin: -newer: "
        "-newermt: -newerct: -anewer: -cnewer: -perm: -user: -group: -uid: -gid: -nouser -nogroup "
        "-links: -inum: "
        "-samefile: -readable -writable -executable -print -print0 -printf: -ls -prune -quit "
        "-true -false -not -a -and "
        "-o -or -depth -d -xdev -mount -follow -daystart -noleaf -warn -nowarn -E -x -s"
    )
    | options("-delete", _DESTROY)
    | options("-fprint: -fprint0: -fls: -fprintf:", _MUTATE),
)
_FD = Spec(
    command_class=_READ,
    options=options(
        "-H -I -u -s -i -g -F -a -l -L -p -0 -1 -q -d: -t: -e: -E: -S: -c: -j: --hidden "
        "--no-ignore --glob --type: "
        "--extension: --exclude: --max-depth: --min-depth: --max-results: --absolute-path --size: "
        "--color: --full-path"
    ),
)
_SORT = Spec(
    command_class=_READ,
    options=options(
        "-b -d -f -g -h -i -M -n -R -r -V -c -C -m -s -u -z -k: -t: -S: --reverse --unique "
        "--numeric-sort --version-sort "
        "--human-numeric-sort --ignore-case --key: --field-separator: --stable --check? "
        "--parallel:"
    )
    | options("-o: --output: -T: --temporary-directory:", _MUTATE)
    | options("--compress-program:", _CODE),
)
_SED = Spec(
    command_class=_READ,
    options=options(
        "-n -r -E -s -u -z -e: --quiet --silent --expression: --regexp-extended --posix "
        "--debug --sandbox --null-data "
        "--separate --unbuffered"
    )
    | options("-i? -I? --in-place?", _MUTATE)
    | options("-f: --file:", _CODE),
    judge=judge_sed,
)
_AWK = Spec(
    command_class=_READ,
    options=options("-F: -v: --field-separator: --assign: --posix --re-interval --csv")
    | options("-f: --file: -i: --include: -l: --load: -E: --exec: -e: --source:", _CODE),
    judge=judge_awk,
)
_JQ = Spec(
    command_class=_READ,
    options=options(
        "-r -c -e -s -S -n -M -C -j -a -R --arg: --argjson: --raw-output --compact-output --exit-status --slurp "
        "--sort-keys --null-input "
        "--monochrome-output --color-output --join-output --ascii-output --raw-input --tab "
        "--indent: --seq --stream --unbuffered"
    )
    | options("-f --from-file -L: --argfile --rawfile --slurpfile --args --jsonargs", _CODE),
    judge=judge_jq,
)
_YQ = Spec(
    command_class=_READ,
    options=options(
        "-r -e -o: -p: -P -N -n -j -C -M -S -c --raw-output --output-format: --input-format: "
        "--prettyPrint "
        "--no-doc --null-input --exit-status --unwrapScalar? --colors --no-colors --indent: -I:"
    )
    | options("-i --inplace -s: --split-exp:", _MUTATE),
    judge=judge_yq,
)
_DATE = Spec(
    command_class=_READ,
    options=options("-u -R -I? -d: -r: -j --date: --utc --universal --iso-8601? --rfc-3339: --rfc-email --reference:")
    | options("-s: --set:", _MUTATE),
    operand_classes=[("+*", _READ), ("*", _MUTATE)],
)
_TREE = Spec(
    command_class=_READ,
    options=options(
        "-a -d -f -i -p -s -h -D -F -C -n -J -X -r -t -L: -I: -P: --noreport --dirsfirst "
        "--gitignore --prune --du --si "
        "--inodes --charset: --filelimit: --sort?"
    )
    | options("-o: -R", _MUTATE),
)
_PS = Spec(
    command_class=_READ,
    options=options(
        "-A -a -e -f -F -l -x -w -ww -H -u: -U: -p: -C: -o: -g: -t: --pid: --ppid: --sort: --no-headers --forest"
    ),
    # The letter e shows the environment of processes, with its secrets.
    operand_classes=[("*e*", _SECRET), ("*", _READ)],
)

_SIMPLE: Mapping[str, str] = {
    "arch": "",
    "base32": "-d -D -w: -i --decode --wrap: --ignore-garbage",
    "base64": "-d -D -w: -i --decode --wrap: --ignore-garbage",
    "basename": "-a -s: -z --multiple --suffix:",
    "cal": "-# -1 -3 -m -y -j",
    "cat": "-A -b -e -E -n -s -t -T -u -v --number --show-all --show-ends --show-nonprinting --squeeze-blank",
    "cksum": "-a:",
    "cmp": "-b -l -s -n: -i: --silent --quiet --verbose",
    "column": "-t -s: -o: -c: -n -x -J -N: --table --separator: --output-separator: --json",
    "comm": "-1 -2 -3 -i -z --nocheck-order --check-order --output-delimiter:",
    "cut": "-b: -c: -d: -f: -n -s -z --bytes: --characters: --delimiter: --fields: --only-delimited "
    "--complement "
    "--output-delimiter:",
    "df": "-h -H -k -m -a -i -l -T -P -t: --human-readable --total --type: --inodes",
    "diff": "-# -u -U: -c -C: -q -y -i -w -b -B -s -a -W: --unified? --context? --brief "
    "--side-by-side --color? "
    "--ignore-case --ignore-all-space --ignore-space-change --ignore-blank-lines "
    "--suppress-common-lines --width: "
    "--strip-trailing-cr --label: --report-identical-files",
    "dirname": "-z --zero",
    "du": "-a -b -c -d: -h -H -k -m -s -S -x -L -P --all --summarize --total --human-readable "
    "--max-depth: "
    "--apparent-size --exclude: --bytes",
    "expand": "-t: -i",
    "file": "-b -i -I -h -k -L -z --brief --mime --mime-type --mime-encoding --dereference",
    "fmt": "-w: -s -u",
    "fold": "-b -s -w: --width: --spaces",
    "free": "-b -k -m -g -h -t -w",
    "getconf": "-a",
    "groups": "",
    "head": "-# -c: -n: -q -v -z --bytes: --lines: --quiet --verbose",
    "hexdump": "-C -c -b -d -o -x -n: -s: -v -e:",
    "id": "-a -g -G -n -r -u -z --user --group --groups --name",
    "join": "-1: -2: -a: -e: -i -j: -o: -t: -v: --header",
    "locale": "-a -m",
    "ls": "-1 -a -A -b -B -c -C -d -D -f -F -g -G -h -H -i -I: -k -l -L -m -n -N -o -p -q -Q -r -R "
    "-s -S -t -T: -u -U -v "
    "-w: -x -X -Z --all --almost-all --color? --classify? --directory --full-time "
    "--group-directories-first "
    "--human-readable --inode --long --no-group --recursive --reverse --size --sort: --time: "
    "--time-style: --format: "
    "--hide: --ignore: --numeric-uid-gid",
    "md5": "-q -r",
    "md5sum": "-b -c -t -z --check --quiet --status --tag --strict",
    "nl": "-b: -n: -w: -s: -v: -i: -h: -f:",
    "nproc": "--all --ignore:",
    "numfmt": "--to: --from: --suffix: --field: --header? --format: --padding: --grouping",
    "od": "-A: -t: -N: -j: -v -c -x -b -d -o -a -w? --address-radix: --format:",
    "paste": "-d: -s -z --delimiters: --serial",
    "pathchk": "-p -P",
    "realpath": "-e -m -L -P -q -s -z --relative-to: --relative-base: --canonicalize-existing "
    "--canonicalize-missing "
    "--no-symlinks",
    "readlink": "-f -e -m -n -q -s -v -z --canonicalize --canonicalize-existing --canonicalize-missing --no-newline",
    "rev": "",
    "seq": "-# -f: -s: -w --format: --separator: --equal-width",
    "sha1sum": "-b -c -t -z --check --quiet --status --tag --strict",
    "sha256sum": "-b -c -t -z --check --quiet --status --tag --strict",
    "sha512sum": "-b -c -t -z --check --quiet --status --tag --strict",
    "shasum": "-a: -b -c -t --algorithm: --check --binary --text",
    "stat": "-c: -f -L -t -x -s --format: --printf: --dereference --file-system --terse",
    "strings": "-a -n: -t: -e: -f --all --bytes: --radix:",
    "sum": "-r -s",
    "tac": "-b -r -s: --separator:",
    "tail": "-# -c: -f -F -n: -q -r -s: -v -z --bytes: --lines: --follow? --quiet --verbose --retry "
    "--pid: --sleep-interval:",
    "tr": "-c -C -d -s -t --complement --delete --squeeze-repeats --truncate-set1",
    "tsort": "",
    "tty": "-s",
    "uname": "-a -s -n -r -v -m -p -i -o --all --kernel-name --machine --operating-system",
    "unexpand": "-a -t:",
    "uptime": "-p -s",
    "wc": "-c -l -m -w -L --bytes --chars --lines --words --max-line-length",
    "who": "-a -b -q -u -H",
    "whoami": "",
}
"""Programs that only read, with every option that is harmless."""

FILES: Mapping[str, Spec] = {
    **{name: _read(text) for name, text in _SIMPLE.items()},
    **same("grep egrep fgrep ggrep", _GREP),
    "rg": _RG,
    **same("find gfind", _FIND),
    **same("fd fdfind", _FD),
    **same("sort gsort", _SORT),
    "uniq": Spec(
        command_class=_READ,
        options=options("-c -d -D -i -u -z -f: -s: -w: --count --repeated --unique --ignore-case --skip-fields:"),
        max_operands=1,
    ),
    "xxd": Spec(command_class=_READ, options=options("-a -b -c: -e -g: -i -l: -p -s: -u"), max_operands=1),
    "hostname": Spec(command_class=_READ, options=options("-f -s -i -I -d -A --fqdn --short"), max_operands=0),
    **same("sed gsed", _SED),
    **same("awk gawk mawk nawk", _AWK),
    "jq": _JQ,
    "yq": _YQ,
    **same("date gdate", _DATE),
    "tree": _TREE,
    "ps": _PS,
    **same(
        "cp mv ln link install mkdir mktemp mkfifo mknod touch chmod chown chgrp chattr setfacl xattr tee split csplit",
        only(_MUTATE),
    ),
    **same("gzip gunzip bzip2 xz zstd lz4 compress uncompress patch dos2unix unix2dos rename iconv", only(_MUTATE)),
    **same(
        "mount umount losetup sysctl modprobe insmod ip ifconfig iptables nft useradd usermod passwd chpasswd",
        only(_MUTATE),
    ),
    **same(
        "rm rmdir unlink shred truncate dd wipefs fdisk parted sfdisk blkdiscard mkswap userdel groupdel srm trash",
        only(_DESTROY),
    ),
    **same("mkfs mkfs.ext4 mkfs.xfs mke2fs", only(_DESTROY)),
}
