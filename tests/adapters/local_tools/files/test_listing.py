from pathlib import Path

from atmos_ai_sidecar.adapters.local_tools.files import project_files
from atmos_ai_sidecar.domain.paths import Territory


def test_files_that_git_ignores_and_our_own_are_not_listed(tmp_path: Path) -> None:
    for name in ("repo/.gitignore", "repo/app/atmos.yaml", "repo/app/a.log", "repo/app/.atmos/db", "repo/app/s/x.yaml"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("*.log\n")
    app = str(tmp_path / "repo/app")
    territory = Territory(directory=app, roots=(app, str(tmp_path / "repo")), own=(f"{app}/.atmos",))
    assert project_files(territory) == ["atmos.yaml", "s/x.yaml"]
