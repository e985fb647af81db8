import re
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

import atmos_ai_sidecar
from atmos_ai_sidecar.adapters.tool_plugins import PluginTools
from atmos_ai_sidecar.application.tool_sources import ToolSources
from atmos_ai_sidecar.domain.tools import Effect, ToolRegistry

ROOT = Path(atmos_ai_sidecar.__file__).parents[1]
EXAMPLE = re.findall(r"```python\n(.*?)```", (ROOT / "docs/tools.md").read_text(), re.DOTALL)[0]


def install(site: Path, name: str, code: str, point: str = "") -> None:
    """Puts a package with one entry point there, as an installer does."""
    (site / f"{name}.py").write_text(code)
    information = site / f"{name}-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text(f"[atmos_ai_sidecar.tools]\n{name} = {point or f'{name}:tools'}\n")


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


async def test_tools_of_a_package_come_with_their_source_effect_and_permission(site: Path) -> None:
    code = EXAMPLE.replace("Effect.READ", "Effect.NETWORK").replace("permission=False", "permission=True")
    install(site, "plugin_a", code)
    plugins = PluginTools(is_isolated=True)
    (tool,) = await plugins.tools()
    assert (tool.name, tool.source) == ("weather", "plug-in plugin_a of plugin_a 1.0")
    assert (tool.effect, tool.requires_permission) == (Effect.NETWORK, True)
    assert await plugins.tools() is await plugins.tools()
    assert plugins.problems == ()


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("import nothing_of_that_name", "ModuleNotFoundError: No module named 'nothing_of_that_name'"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("def tools(: pass", "SyntaxError"),
        ("def tools(): return [1]", "TypeError: it must give tools"),
        ("def tools(): return None", "TypeError"),
        ("tools = 1", "TypeError"),
        (EXAMPLE.replace('"weather"', '"wet weather"'), "ValueError: 'wet weather' is no name for a tool"),
    ],
)
async def test_a_plugin_that_is_broken_is_told_and_the_others_work(site: Path, code: str, told: str) -> None:
    number = abs(hash(code))
    install(site, f"broken_{number}", code)
    install(site, f"sound_{number}", EXAMPLE)
    plugins = PluginTools(is_isolated=True)
    assert [tool.name for tool in await plugins.tools()] == ["weather"]
    (problem,) = plugins.problems
    assert problem.startswith(f"The plug-in broken_{number} of broken_{number} 1.0 was left out: ")
    assert told in problem
    await plugins.close()


async def test_two_packages_with_one_name_are_both_named(site: Path) -> None:
    install(site, "plugin_c", EXAMPLE)
    install(site, "plugin_d", EXAMPLE)
    sources = ToolSources(ToolRegistry(), [PluginTools(is_isolated=True)])
    await sources.load()
    (problem,) = sources.problems
    assert "plug-in plugin_c of plugin_c 1.0 and again by plug-in plugin_d of plugin_d 1.0" in problem


async def test_nothing_is_loaded_where_python_could_import_from_the_project(site: Path) -> None:
    install(site, "plugin_e", f"raise AssertionError\n{EXAMPLE}")
    plugins = PluginTools(is_isolated=False)
    assert await plugins.tools() == ()
    assert "plugin_e" in plugins.problems[0]
    assert "-I" in plugins.problems[0]


async def test_without_plugins_there_is_nothing_to_tell() -> None:
    plugins = PluginTools(is_isolated=False)
    assert await plugins.tools() == ()
    assert plugins.problems == ()


def test_the_documented_tool_runs_in_an_environment_of_its_own_and_none_from_the_project(tmp_path: Path) -> None:
    venv.create(tmp_path / "venv", symlinks=True)
    library = next((tmp_path / "venv").glob("lib/python*/site-packages"))
    (library / "sidecar.pth").write_text(f"{sysconfig.get_path('purelib')}\n{ROOT}\n")
    install(library, "weather", EXAMPLE)
    project = tmp_path / "project"
    project.mkdir()
    (project / "atmos.yaml").write_text("base_path: .\nai: {enabled: true}\n")
    install(project, "planted", EXAMPLE.replace('"weather"', '"planted"'))
    done = subprocess.run(
        [tmp_path / "venv/bin/python", "-I", "-m", "atmos_ai_sidecar", "tools", "run", "weather", "city=Oslo"],
        cwd=project,
        env={
            "HOME": str(tmp_path),
            "PATH": "/usr/bin:/bin",
            "ATMOS_AI_TRUST_PROJECT": "1",
            "ATMOS_AI_ATMOS": sys.executable,
        },
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "It is sunny in Oslo.\n", "")
