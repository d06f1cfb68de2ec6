"""``minray lab``: the course in JupyterLab, a lesson at the left and the live dashboard at its right.

::

    minray lab --copies--> working folder --writes--> .minray/workspaces  which panels are open, and where
        |                                             .minray/config      a setting or two
        |                                             .minray/data        a kernel: this very Python
        '--becomes--> jupyter lab --starts when its panel asks--> dashboard (through jupyter-server-proxy)

JupyterLab restores its panels from a *workspace* file; writing one before it starts is what puts the
dashboard beside the lesson without any click or configuration.  The file lies in the working folder, so
the learner's other JupyterLab sessions and settings stay as they are.
"""

import argparse
import importlib.util
import json
import os
import shutil
import sys
from pathlib import Path

from . import course

# The panel as jupyter-server-proxy's JupyterLab extension names it when it saves and restores it:
# its tracker's namespace and the panel's id, which is that namespace and the server's name.
PROXY_NAME = "minray"
PANEL_ID = f"server-proxy:{PROXY_NAME}"
DEFAULT_FOLDER = Path("minray-lessons")
REQUIRED = ("jupyterlab", "jupyter_server_proxy", "ipywidgets", "bokeh")
# Only defaults: whatever the user chose in JupyterLab's settings counts for more.
SETTINGS = {"@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False}}


def workspace(notebook: Path) -> dict[str, object]:
    """The content of a JupyterLab workspace file that opens a notebook with the dashboard at its right.

    Args:
        notebook: path relative to the folder that JupyterLab serves.
    """
    lesson = f"notebook:{notebook.as_posix()}"
    panel = f"server-proxy:{PANEL_ID}"

    def tab_area(widget: str) -> dict[str, object]:
        return {"type": "tab-area", "currentIndex": 0, "widgets": [widget]}

    dock = {
        "type": "split-area",
        "orientation": "horizontal",
        "sizes": [0.55, 0.45],
        "children": [tab_area(lesson), tab_area(panel)],
    }
    address = f"/{PROXY_NAME}/"
    return {
        "metadata": {"id": "default"},
        "data": {
            "layout-restorer:data": {
                "main": {"dock": dock, "current": lesson},
                # Closed, for room. (Naming a current widget here would open the side bar all the same.)
                "left": {"collapsed": True, "visible": True, "widgets": ["filebrowser"]},
            },
            "file-browser-filebrowser:cwd": {"path": notebook.parent.as_posix()},
            lesson: {"data": {"path": notebook.as_posix(), "factory": "Notebook"}},
            panel: {
                "data": {"url": address, "title": "minray dashboard", "newBrowserTab": False, "id": PANEL_ID}
            },
        },
    }


def prepare(folder: Path, notebook: Path) -> None:
    """Write into the working folder what JupyterLab needs to know: open panels, settings, and our kernel.

    The settings spare the learner a question about news laid over the first lesson.  The kernel is named
    ``python3`` and runs the Python that runs us: without it a kernel of the same name in the user's home,
    which may well lack minray, could take precedence.

    Args:
        folder: the working folder.
        notebook: the notebook to open, relative to ``folder``.
    """
    from ipykernel.kernelspec import write_kernel_spec
    from jupyterlab_server.workspaces_handler import WorkspacesManager

    private = folder / course.PRIVATE_FOLDER
    WorkspacesManager(str(private / "workspaces")).save("default", json.dumps(workspace(notebook)))
    settings = private / "config" / "labconfig" / "default_setting_overrides.json"
    settings.parent.mkdir(parents=True, exist_ok=True)
    settings.write_text(json.dumps(SETTINGS, indent=1))
    kernel = private / "data" / "kernels" / "python3"
    shutil.rmtree(kernel, ignore_errors=True)
    kernel.parent.mkdir(parents=True, exist_ok=True)
    write_kernel_spec(kernel, extra_arguments=["--log-level=ERROR"])


def command(folder: Path) -> list[str]:
    """The command line that starts JupyterLab on a prepared working folder."""
    private = folder / course.PRIVATE_FOLDER
    argv = [
        *(sys.executable, "-m", "jupyterlab"),
        f"--ServerApp.root_dir={folder}",
        f"--LabApp.workspaces_dir={private / 'workspaces'}",
        "--ServerApp.base_url=/",
        "--ServerApp.ip=127.0.0.1",
        # Errors only: then the address is the last thing printed, not one of fifty lines.
        "--Application.log_level=ERROR",
    ]
    if os.geteuid() == 0:
        argv.append("--allow-root")  # as in a container; the server listens on 127.0.0.1 and asks for a token
    if not has_desktop():
        argv.append("--no-browser")
    return argv


def environment(folder: Path) -> dict[str, str]:
    """The environment in which to run `command`: ours, with what `prepare` wrote found first."""
    private = folder / course.PRIVATE_FOLDER

    def with_first(path: Path, name: str) -> str:
        return os.pathsep.join(filter(None, [str(path), os.environ.get(name)]))

    return {
        **os.environ,
        "JUPYTER_PATH": with_first(private / "data", "JUPYTER_PATH"),
        "JUPYTER_CONFIG_PATH": with_first(private / "config", "JUPYTER_CONFIG_PATH"),
    }


def has_desktop() -> bool:
    """Whether opening a browser can work; in a bare terminal Python would start a text browser in it."""
    return sys.platform == "darwin" or any(
        os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")
    )


def set_up(folder: Path, number: int = 0, *, fresh: bool = False) -> list[str]:
    """Copy the lessons, make everything ready, and say what was done.

    Args:
        folder: the working folder; absolute.
        number: the lesson to open.
        fresh: put new copies beside the notebooks that the learner changed.

    Returns:
        Lines for the learner to read.

    Raises:
        LookupError: there is no such lesson.
        OSError: the folder cannot be written to, or this installation came without the course.
    """
    notebook = Path("notebooks", course.lesson(number))
    copied = course.copy_to(folder, fresh=fresh)
    prepare(folder, copied.fresh.get(notebook, notebook))
    lines = [f"Your lessons are in {folder}"]
    if copied.fresh:
        lines += [f"  new copy: {path}" for path in copied.fresh.values()]
    elif copied.kept:
        names = ", ".join(path.as_posix() for path in copied.kept)
        lines.append(f"  kept as you left them: {names} (--fresh puts new copies beside)")
    return lines


def main(argv: list[str]) -> int:
    """Run ``minray lab`` with the arguments that follow these two words."""
    parser = argparse.ArgumentParser(
        prog="minray lab",
        description="Open the course in JupyterLab, the dashboard beside the lesson.",
        epilog="Any other option goes to JupyterLab, for example --no-browser or --port=9000.",
    )
    parser.add_argument("lesson", nargs="?", type=int, default=0, help="the lesson to open (default: 0)")
    where = f"where your copies live (default: ./{DEFAULT_FOLDER})"
    parser.add_argument("--folder", type=Path, default=DEFAULT_FOLDER, help=where)
    beside = "put new copies beside the notebooks you changed"
    parser.add_argument("--fresh", action="store_true", help=beside)
    arguments, for_jupyter = parser.parse_known_args(argv)

    missing = [name for name in REQUIRED if importlib.util.find_spec(name) is None]
    if missing:
        print(
            f"minray lab needs {', '.join(missing)}, which this Python ({sys.executable}) does not have.\n"
            "Install minray with its lab extra:  pip install 'minray[lab]'",
            file=sys.stderr,
        )
        return 1
    folder = arguments.folder.expanduser().resolve()
    try:
        lines = set_up(folder, arguments.lesson, fresh=arguments.fresh)
    except (LookupError, OSError) as error:
        print(f"minray lab cannot start: {error}", file=sys.stderr)
        return 1
    print(*lines, "Starting JupyterLab; press Ctrl-C twice here to stop it.", sep="\n", flush=True)
    os.execve(sys.executable, command(folder) + for_jupyter, environment(folder))
