"""Which files a tool may read or write, by their resolved path. Pure: whoever asks has followed the links before.

A name is compared in the form in which file systems that ignore case, or characters without a shape, would take it for
another one: `.GIT` and `.gi\u200ct` are `.git`. That makes rules catch more; what counts as inside a folder is compared
exactly, which makes them allow less.
"""

import fnmatch
import unicodedata
from collections.abc import Sequence
from functools import cache
from pathlib import PurePosixPath

from atmos_ai_sidecar.lazy_dataclasses import dataclass

CONFIGURATION_NAMES = frozenset({"atmos.yaml", "atmos.yml", ".atmos.yaml", ".atmos.yml"})
_DROP_INS = frozenset({".atmos.d", "atmos.d"})
_OWN_FOLDERS = frozenset({".atmos"})
_GIT = ".git"
_SYSTEM = ("/proc", "/sys", "/dev")
"""What stands there is no file, and tells the environment of processes, ours and its keys among them."""

_SECRET_PATTERNS = (
    ".env", ".env.*", "*.env", ".envrc", "*.tfstate", "*.tfstate.*", "*.pem", "*.key", "*.p12", "*.pfx", "*.jks",
    "*.keystore", "*.kdbx", "*.ppk", "*.asc", "id_rsa*", "id_dsa*", "id_ecdsa*", "id_ed25519*", ".netrc", "_netrc",
    ".npmrc", ".pypirc", ".pgpass", ".git-credentials", ".htpasswd", ".dockercfg", ".terraformrc", "terraform.rc",
    "credentials", "credentials.json", "credentials.tfrc.json", "*.secret", "*.secrets", ".vault-token",
    "application_default_credentials.json", "kubeconfig", "*.kubeconfig",
)  # fmt: skip
_NO_SECRET_PATTERNS = ("*.example", "*.sample", "*.template", "*.dist", "*.pub")
_SECRET_FOLDERS = frozenset({".ssh", ".aws", ".gnupg", ".kube", ".docker", ".azure", ".gcloud"})


def folded(name: str) -> str:
    """The form in which look-alikes of a name are equal: no case, composed, without invisible characters."""
    visible = "".join(character for character in name if unicodedata.category(character) != "Cf")
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", visible).casefold())


def is_secret(path: str) -> bool:
    """Whether a file usually holds secrets, by its name and the folders it is in."""
    *folders, name = [folded(part) for part in PurePosixPath(path).parts] or [""]
    if not _SECRET_FOLDERS.isdisjoint(folders) or (_GIT in folders and name in {"config", "credentials"}):
        return True
    if any(fnmatch.fnmatchcase(name, pattern) for pattern in _NO_SECRET_PATTERNS):
        return False
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in _SECRET_PATTERNS)


def matches_glob(path: str, glob: str) -> bool:
    """Whether a relative path matches: `*`, `?` and `[…]` within a name, `**` for any number of folders.

    A glob without a slash matches the name in any folder. Takes polynomial time, whatever the glob.
    """
    parts = tuple(path.split("/"))
    wanted = tuple(part for part in glob.split("/") if part not in {"", "."})
    if "/" not in glob:
        wanted = ("**", *wanted)

    @cache
    def matches(at: int, of: int) -> bool:
        if of == len(wanted):
            return at == len(parts)
        if wanted[of] == "**":
            return matches(at, of + 1) or (at < len(parts) and matches(at + 1, of))
        return at < len(parts) and fnmatch.fnmatchcase(parts[at], wanted[of]) and matches(at + 1, of + 1)

    return matches(0, 0)


def is_within(path: str, folder: str) -> bool:
    """Whether a path is a folder or below it; both are absolute and without links."""
    return PurePosixPath(path).is_relative_to(folder)


@dataclass(frozen=True, slots=True, kw_only=True)
class Territory:
    """What belongs to the project of a run. All paths are absolute and without links."""

    directory: str
    """The folder of the project's atmos.yaml; relative paths start here."""
    roots: Sequence[str]
    """The folders in which tools may write."""
    own: Sequence[str] = ()
    """Files and folders of ours: no tool writes them."""
    hidden: Sequence[str] = ()
    """Files and folders of ours with keys and answers of people: no tool reads them either."""
    configuration: Sequence[str] = ()
    """Files that configure Atmos, besides those that are known by name."""

    def absolute(self, path: str) -> str:
        """The path as it was meant: relative ones start in the project's folder."""
        return str(PurePosixPath(self.directory, path))

    def shown(self, path: str) -> str:
        """The path for people: relative to the project's folder where it is in there."""
        return str(PurePosixPath(path).relative_to(self.directory)) if is_within(path, self.directory) else path

    def is_inside(self, path: str) -> bool:
        return any(is_within(path, root) for root in self.roots)

    def is_configuration(self, path: str) -> bool:
        """Whether the file configures Atmos and us, so that some of its keys are not for tools to change.

        What stands beside an imported file counts too, because an import can be a pattern that brings it in.
        """
        form = PurePosixPath(folded(path))
        if form.name in CONFIGURATION_NAMES | _DROP_INS or any(
            form == PurePosixPath(folded(file)) for file in self.configuration
        ):
            return True
        if form.suffix not in {".yaml", ".yml"}:
            return False
        return not _DROP_INS.isdisjoint(form.parts) or self._is_beside_imported(form)

    def _is_beside_imported(self, form: PurePosixPath) -> bool:
        """Whether a file is in the folder of an imported one, or below it where that folder is not the project's."""
        directory = PurePosixPath(folded(self.directory))
        files = [PurePosixPath(folded(file)) for file in self.configuration]
        folders = [file.parent for file in files if file.name not in CONFIGURATION_NAMES]
        return any(
            form.parent == folder or (form.is_relative_to(folder) and not directory.is_relative_to(folder))
            for folder in folders
        )

    def why_not_read(self, path: str) -> str:
        """Why no tool may read there, whatever the settings say; empty when one may."""
        if any(is_within(path, folder) for folder in _SYSTEM):
            return "it is no file of yours but a view into the system and its processes"
        if _is_below_one_of(path, self.hidden):
            return "it holds the assistant's own keys and remembered answers"
        return ""

    def why_not_written(self, path: str) -> str:
        """Why no tool may write there, whatever the settings say; empty when one may."""
        if not self.is_inside(path):
            return "it is outside the project"
        # Only of the part within the project, from its outermost root on: the project itself may be in such a folder.
        root = min((root for root in self.roots if is_within(path, root)), key=len)
        parts = {folded(part) for part in PurePosixPath(path).relative_to(root).parts}
        if _GIT in parts:
            return "Git's own files can make Git run programs"
        if not _OWN_FOLDERS.isdisjoint(parts) or _is_below_one_of(path, (*self.own, *self.hidden)):
            return "it belongs to the assistant's own settings, sessions and grants"
        return ""

    def why_asked(self, path: str, *, writes: bool) -> str:
        """Why a person must be asked about this file, whatever the lists say; empty when nothing speaks for it."""
        if not self.is_inside(path):
            return "the file is outside the project"
        if is_secret(path):
            return "files of this name usually hold secrets"
        if writes and self.is_configuration(path):
            return "the file configures Atmos"
        return ""


def _is_below_one_of(path: str, places: Sequence[str]) -> bool:
    return any(PurePosixPath(folded(path)).is_relative_to(folded(place)) for place in places)
