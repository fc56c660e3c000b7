"""What is published: the package page, its Pythons, commands and extras, the source archive."""

from __future__ import annotations

import json
import os
import re
import runpy
import subprocess
import sys
import tarfile
import tomllib
import venv
from functools import cache
from importlib.metadata import version
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version

ROOT = Path(__file__).parent.parent
HOOK = ["tool", "hatch", "metadata", "hooks", "custom"]


@cache
def pyproject() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def pinned() -> dict[str, str]:
    """The release of each package that development has, where it is one for all Pythons."""
    text = (ROOT / ".ci" / "constraints-dev.txt").read_text(encoding="utf-8")
    return dict(re.findall(r"^([\w.-]+)==(\S+)", text, re.MULTILINE))


def script(name: str) -> dict[str, Any]:
    return runpy.run_path(str(ROOT / ".ci" / name))


def run(*command: str | Path, folder: Path, **env: str) -> str:
    """What a command prints in a folder, with a home of its own."""
    home = folder / "home"
    home.mkdir(exist_ok=True)
    ran = subprocess.run(
        [str(part) for part in command],
        cwd=folder,
        env={**os.environ, "HOME": str(home), **env},
        capture_output=True,
        text=True,
        timeout=1200,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout[-3000:] + ran.stderr[-3000:]
    return ran.stdout


# The Pythons.


def test_the_pythons_are_the_same_wherever_they_are_named() -> None:
    project = pyproject()["project"]
    named = [
        each.rpartition(" ")[2]
        for each in project["classifiers"]
        if re.fullmatch(r"Programming Language :: Python :: 3\.\d+", each)
    ]
    plain = [each.python for each in script("matrix.py")["TABLE"] if not each.releases]
    assert plain == named
    first = named[0]
    assert project["requires-python"] == f">={first}"
    assert pyproject()["tool"]["ruff"]["target-version"] == "py" + first.replace(".", "")
    assert f"--python-version {first} " in (ROOT / ".ci" / "pin").read_text(encoding="utf-8")
    for page in ("README.md", ".github/CONTRIBUTING.md"):
        told = (ROOT / page).read_text(encoding="utf-8")
        assert re.findall(r"Python (3\.\d+) or newer", told) == [first]
    assert f"{sys.version_info.major}.{sys.version_info.minor}" in named


def test_the_oldest_releases_that_are_tried_are_the_oldest_that_are_allowed() -> None:
    asked = [each.replace(">=", "==") for each in pyproject()["project"]["dependencies"]]
    oldest = script("matrix.py")["OLDEST"]
    for name in ("duckdb", "numpy", "pandas", "pyarrow", "sqlglot"):
        of_name = next(each for each in asked if each.startswith(f"{name}=="))
        assert Version(of_name.removeprefix(f"{name}==")) == Version(
            oldest[name].removeprefix("==")
        )


def test_the_table_of_environments_says_which_python_is_missing(tmp_path: Path) -> None:
    (tmp_path / "python3.11").symlink_to(sys.executable)
    here = {"PATH": str(tmp_path), "PYENV_ROOT": str(tmp_path)}
    ran = subprocess.run(
        [sys.executable, str(ROOT / ".ci" / "matrix.py"), "--list"],
        env={**os.environ, **here},
        capture_output=True,
        text=True,
        check=True,
    )
    is_here = sys.version_info[:2] == (3, 11)
    assert ran.stdout.count("not on this machine") == (4 if is_here else 6)
    asked = [sys.executable, str(ROOT / ".ci" / "matrix.py"), "--list", "3.14"]
    assert subprocess.run(asked, env={**os.environ, **here}, check=False).returncode == 1


# The package page and a release.


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    # Hatchling is there while a package is built, not in this environment.
    hatchling: Any = ModuleType("hatchling.metadata.plugin.interface")
    hatchling.MetadataHookInterface = object
    monkeypatch.setitem(sys.modules, hatchling.__name__, hatchling)
    return script("package_page.py")


def test_the_page_names_the_addresses_that_there_are(page: dict[str, Any]) -> None:
    assert page["project_urls"]("", "") == {}
    repository, files = "https://example.org/it", "https://example.org/it/blob/v1.0.0/"
    assert page["project_urls"](repository, files) == {
        "Repository": repository,
        "Documentation": "https://example.org/it/blob/v1.0.0/README.md",
        "Changelog": "https://example.org/it/blob/v1.0.0/CHANGELOG.md",
    }


def test_a_release_without_addresses_or_a_date_is_refused() -> None:
    faults_of = script("release_check.py")["faults_of"]

    def told(repository: str, files: str) -> str:
        hook = f'[{".".join(HOOK)}]\nrepository = "{repository}"\nfiles = "{files}"\n'
        return f'[project]\nversion = "1.0.0"\n{hook}'

    dated, undated = "# Changelog\n\n## 1.0.0 (2027-01-01)\n", "# Changelog\n\n## 1.0.0\n"
    repository, files = "https://example.org/it", "https://example.org/it/blob/v1.0.0"
    assert faults_of(told(repository, files), dated) == []
    assert len(faults_of(told("", ""), undated)) == 3
    assert len(faults_of(told(repository, "https://example.org/it/blob/main"), dated)) == 1


def test_the_hooks_before_a_commit_are_what_ci_runs_with_what_is_pinned() -> None:
    text = (ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8")
    entries = re.findall(r"^ +entry: (.*)$", text, re.MULTILINE)
    lines = (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    checks = [line for line in lines if re.match(r"\.venv/bin/(ruff|mypy)\b", line)]
    assert entries == checks != []
    assert text.count("repo:") == text.count("repo: local") == 1
    for tool in ("ruff", "mypy"):
        assert version(tool) == pinned()[tool]


# The extras and groups.


def test_every_extra_names_the_least_dlt_that_the_package_does() -> None:
    """Or pip would try older ones: they do not ask for what their newer ones do."""
    project = pyproject()["project"]

    def least(requirement: Requirement) -> list[str]:
        return [each.version for each in requirement.specifier if each.operator == ">="]

    (own,) = [each for each in map(Requirement, project["dependencies"]) if each.name == "dlt"]
    extras = project["optional-dependencies"].values()
    theirs = [each for extra in extras for each in map(Requirement, extra) if each.name == "dlt"]
    assert theirs
    assert {str(least(each)) for each in theirs} == {str(least(own))}


def test_the_group_for_development_has_the_extra_for_tests_and_what_is_pinned() -> None:
    groups = pyproject()["dependency-groups"]
    assert groups["dev"] == ["spaaza-source[test]", {"include-group": "lint"}]
    pins = pinned()
    for requirement in map(Requirement, groups["lint"]):
        assert requirement.specifier.contains(pins[requirement.name])
    assert "pin --extra test --group lint " in (ROOT / ".ci" / "pin").read_text(encoding="utf-8")


EXTRAS = sorted(pyproject()["project"]["optional-dependencies"])
#: All in one answer; with EACH_EXTRA=1 also each by itself, which takes minutes.
SETS = {"all": ",".join(EXTRAS)}
SETS |= {each: each for each in EXTRAS if os.environ.get("EACH_EXTRA")}


@pytest.fixture(scope="module")
def bundled_pip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pip that this Python brings, in an environment without anything else."""
    folder = tmp_path_factory.mktemp("pip")
    venv.create(folder, with_pip=True)
    return folder / ("Scripts" if sys.platform == "win32" else "bin") / "python"


@pytest.mark.slow
@pytest.mark.thorough
@pytest.mark.parametrize("extras", SETS.values(), ids=SETS)
def test_every_extra_resolves_with_the_pip_that_python_brings(
    extras: str, bundled_pip: Path, tmp_path: Path
) -> None:
    report = tmp_path / "report.json"
    options = ("--quiet", "--dry-run", "--ignore-installed", "--report", str(report))
    wanted = f"{ROOT}[{extras}]"
    # One home for all: pip keeps there what it has read of each release.
    run(bundled_pip, "-m", "pip", "install", *options, wanted, folder=bundled_pip.parent)
    installed = {
        each["metadata"]["name"]: each["metadata"]["version"]
        for each in json.loads(report.read_text(encoding="utf-8"))["install"]
    }
    assert "spaaza-source" in installed
    (dlt,) = [each for each in pyproject()["project"]["dependencies"] if each.startswith("dlt")]
    assert SpecifierSet(str(Requirement(dlt).specifier)).contains(installed["dlt"])


# The source archive.


@pytest.fixture(scope="module")
def unpacked(bundled_pip: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The source archive, in an empty folder."""
    folder = tmp_path_factory.mktemp("sdist")
    needed = pyproject()["build-system"]["requires"]
    run(bundled_pip, "-m", "pip", "install", "--quiet", *needed, folder=folder)
    make = "import sys, hatchling.build as b; print(b.build_sdist(sys.argv[1]))"
    # From a copy of what is committed: the archive has what the repository has, no more.
    run("git", "clone", "--quiet", ROOT, folder / "clone", folder=folder)
    name = run(bundled_pip, "-c", make, folder, folder=folder / "clone").strip()
    with tarfile.open(folder / name) as archive:
        archive.extractall(folder, filter="data")
    return folder / name.removesuffix(".tar.gz")


in_a_repository = pytest.mark.skipif(not (ROOT / ".git").exists(), reason="no repository here")


@in_a_repository
@pytest.mark.slow
@pytest.mark.thorough
def test_the_source_archive_has_all_files_of_the_repository(unpacked: Path) -> None:
    tracked = run("git", "-C", unpacked.parent / "clone", "ls-files", folder=unpacked.parent)
    missing = [name for name in tracked.splitlines() if not (unpacked / name).exists()]
    assert missing == []
    added = {path.name for path in unpacked.iterdir()} - {
        name.partition("/")[0] for name in tracked.splitlines()
    }
    assert added == {"PKG-INFO"}


@in_a_repository
@pytest.mark.slow
@pytest.mark.thorough
def test_the_source_archive_runs_the_command_of_the_readme(unpacked: Path, tmp_path: Path) -> None:
    """The other command runs the tests, which is what is done here: it needs the same files."""
    command = run(sys.executable, unpacked / ".ci" / "readme_command.py", "1", folder=tmp_path)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    run("bash", "-euo", "pipefail", "-c", command, folder=unpacked, PATH=path)
    assert (unpacked / "demo.duckdb").exists()
    for name in ("spaaza", "spaaza-source"):
        told = run(unpacked / ".venv" / "bin" / name, "--version", folder=tmp_path)
        assert pyproject()["project"]["version"] in told
