"""What names a project on every machine: the setting, else where its repository comes from."""

import configparser
import re
from pathlib import Path

from atmos_ai_sidecar.configuration import Config
from atmos_ai_sidecar.errors import ConfigurationInvalidError

_SCHEME = re.compile(r"^[a-z+]+://", re.IGNORECASE)
_SCP = re.compile(r"^([^/:]+):(?!/)(.*)$")
_PORT = re.compile(r"^([^/]+?):\d+(?=/|$)")


def project_key(config: Config) -> str:
    """`ai.sessions.project`, else the remote of the git repository with the project's folder in it.

    Raises:
        ConfigurationInvalidError: There is neither.
    """
    if config.sessions.project:
        return config.sessions.project
    url = _origin(config.git_root) if config.git_root is not None else ""
    if config.git_root is None or not url:
        raise ConfigurationInvalidError(
            "ai.sessions.storage is postgres, and nothing says which project this is on other machines.",
            file=str(config.file),
            remedy="Set ai.sessions.project, or give the git repository a remote named origin.",
        )
    folder = config.directory.relative_to(config.git_root).as_posix()
    return normal_remote(url) if folder == "." else f"{normal_remote(url)}/{folder}"


def normal_remote(url: str) -> str:
    """Host and path of a remote: the same for its https, ssh and scp spellings, and without user and password."""
    rest = _SCHEME.sub("", url.strip())
    if rest == url.strip():
        rest = _SCP.sub(r"\1/\2", rest)
    host, _, path = rest.partition("/")
    host = _PORT.sub(r"\1", host.rpartition("@")[2]).lower()
    return f"{host}/{path.strip('/').removesuffix('.git')}"


def _origin(root: Path) -> str:
    parser = configparser.RawConfigParser(strict=False, allow_no_value=True, interpolation=None)
    try:
        parser.read_string((_git_directory(root) / "config").read_text(encoding="utf-8", errors="replace"))
    except (OSError, configparser.Error):
        return ""
    return parser.get('remote "origin"', "url", fallback="") or ""


def _git_directory(root: Path) -> Path:
    """The folder with the repository's settings; that of a worktree points to it."""
    git = root / ".git"
    if git.is_file():
        git = root / git.read_text(encoding="utf-8").removeprefix("gitdir:").strip()
        common = git / "commondir"
        return git / common.read_text(encoding="utf-8").strip() if common.is_file() else git
    return git
