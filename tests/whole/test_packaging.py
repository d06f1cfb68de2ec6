"""What ends up where: in the repository, in the sdist, in the wheel, and in an environment."""

import json
import os
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest
from setuptools import build_meta

REPOSITORY = Path(__file__).parents[2]
TOP_LEVEL = {
    *("pyproject.toml", "README.md", "notebooks", "minray", "dashboard", "solutions", "images", "tests"),
    *("Makefile", "LICENSE", "constraints.txt", ".gitignore", ".github", ".ci"),
}


def tracked_files() -> list[str]:
    """All files that git has, or would take in."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout
    return [name for name in listed.split("\0") if name and (REPOSITORY / name).is_file()]


def run(python: Path, code: str, folder: Path) -> str:
    done = subprocess.run([python, "-c", code], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture(scope="module")
def distributions(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Wheel and sdist, built from a clean copy of the repository."""
    clean, output = tmp_path_factory.mktemp("clean"), tmp_path_factory.mktemp("dist")
    for name in tracked_files():
        (clean / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(REPOSITORY / name, clean / name)
    # In a process of its own, because building changes directory and global state; without isolation,
    # so that nothing is downloaded.
    for build in ("build_sdist", "build_wheel"):
        code = f"from setuptools import build_meta; build_meta.{build}({str(output)!r})"
        run(Path(sys.executable), code, clean)
    (wheel,), (sdist,) = output.glob("*.whl"), output.glob("*.tar.gz")
    return wheel, sdist


@pytest.fixture(scope="module")
def environment(distributions: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of a new environment into which the wheel was installed; the value is its path.

    It borrows the other packages from ours, so that nothing is downloaded; minray itself it must have from
    the wheel, since ours is a link to the repository that such borrowing does not follow.
    """
    folder = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    python = folder / "bin" / "python"
    pip = [
        python,
        "-m",
        "pip",
        "--disable-pip-version-check",
        "install",
        "--quiet",
        "--no-deps",
        "--no-index",
    ]
    subprocess.run([*pip, distributions[0]], check=True)
    (site,) = folder.glob("lib/python*/site-packages")
    ours = Path(build_meta.__file__).parent.parent
    # Read after site-packages itself; the finder of our own link is not run, unlike with a .pth file.
    (site / "sitecustomize.py").write_text(f"import sys\nsys.path.append({str(ours)!r})\n")
    return python


def test_the_top_level_of_the_repository_is_what_was_agreed() -> None:
    assert {name.partition("/")[0] for name in tracked_files()} == TOP_LEVEL


def test_no_stored_output_and_no_execution_count_is_in_the_lessons() -> None:
    for path in sorted(REPOSITORY.glob("*/[0-9][0-9]_*.ipynb")):
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            if cell["cell_type"] == "code":
                assert not cell["outputs"], path
                assert cell["execution_count"] is None, path


def test_each_lesson_has_a_solution_of_the_same_name() -> None:
    lessons, solutions = (
        {path.name for path in (REPOSITORY / kind).glob("*.ipynb")} for kind in ("notebooks", "solutions")
    )
    assert lessons == solutions
    assert lessons


def test_the_wheel_brings_all_packages_and_the_course_under_one_name(
    distributions: tuple[Path, Path],
) -> None:
    names = zipfile.ZipFile(distributions[0]).namelist()
    top = {name.partition("/")[0] for name in names}
    assert {name for name in top if not name.endswith(".dist-info")} == {"minray"}
    moved = {"minray": "minray", "dashboard": "minray/dashboard"}
    moved |= {kind: f"minray/_course/{kind}" for kind in ("notebooks", "solutions", "images")}
    for name in tracked_files():
        folder, _, rest = name.partition("/")
        if folder in moved:
            assert f"{moved[folder]}/{rest}" in names, f"{name} is not in the wheel"


def test_the_sdist_can_be_built_from(distributions: tuple[Path, Path], tmp_path: Path) -> None:
    with tarfile.open(distributions[1]) as archive:
        archive.extractall(tmp_path, filter="data")
    (unpacked,) = tmp_path.iterdir()
    build = f"from setuptools import build_meta; build_meta.build_wheel({str(tmp_path)!r})"
    run(Path(sys.executable), build, unpacked)
    (wheel,) = tmp_path.glob("*.whl")
    assert zipfile.ZipFile(wheel).namelist() == zipfile.ZipFile(distributions[0]).namelist()


def test_an_installed_minray_runs_a_task(environment: Path, tmp_path: Path) -> None:
    code = (
        "import minray as ray; ray.init(num_cpus=1, include_dashboard=False);"
        "print(ray.__file__, ray.get(ray.remote(abs).remote(-3))); ray.shutdown()"
    )
    where, answer = run(environment, code, tmp_path).split()
    assert Path(where).is_relative_to(environment.parent.parent)
    assert answer == "3"


def test_the_dashboard_is_inside_the_package_and_nowhere_else(environment: Path, tmp_path: Path) -> None:
    code = (
        "import importlib.util, minray.dashboard.jupyter as jupyter;"
        "print(jupyter.__file__, importlib.util.find_spec('dashboard'))"
    )
    where, at_top_level = run(environment, code, tmp_path).split()
    assert Path(where).is_relative_to(environment.parent.parent)
    assert at_top_level == "None"


def test_jupyter_finds_the_dashboard(environment: Path, tmp_path: Path) -> None:
    code = (
        "from importlib.metadata import entry_points;"
        "(entry,) = entry_points(group='jupyter_serverproxy_servers', name='minray');"
        "print(entry.load()()['launcher_entry'])"
    )
    assert "minray dashboard" in run(environment, code, tmp_path)


def test_minray_lab_sets_up_the_lessons_in_any_folder(environment: Path, tmp_path: Path) -> None:
    code = "from pathlib import Path; from minray.cli import lab; print(lab.set_up(Path.cwd() / 'mine'))"
    run(environment, code, tmp_path)
    copied = {path.name for path in (tmp_path / "mine" / "notebooks").iterdir()}
    assert copied == {path.name for path in (REPOSITORY / "notebooks").glob("*.ipynb")}
    kernel = json.loads((tmp_path / "mine/.minray/data/kernels/python3/kernel.json").read_text())
    assert os.path.samefile(kernel["argv"][0], environment)


def test_the_minray_command_is_installed(environment: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [environment.parent / "minray", "--help"], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0
    for subcommand in ("lab", "dashboard", "microbenchmark", "timeline", "sessions"):
        assert f"  {subcommand} " in done.stdout


def test_every_package_is_named_in_pyproject() -> None:
    settings = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["tool"]["setuptools"]
    for folder in ("minray", "dashboard"):
        for module in (REPOSITORY / folder).rglob("__init__.py"):
            package = ".".join(module.parent.relative_to(REPOSITORY).parts)
            name = package if folder == "minray" else f"minray.{package}"
            assert name in settings["packages"], f"pyproject.toml does not list {name}"


def test_the_pins_name_exact_versions_and_no_addresses() -> None:
    lines = (REPOSITORY / "constraints.txt").read_text().splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    for pin in pins:
        name, _, version = pin.partition("==")
        assert name, pin
        assert version, pin
        assert not set(pin) & set("/@: "), pin
