"""Runs the cells of one seed document in IPython, with minray in the place of Ray.

``python seed_runner.py DOCUMENT FOLDER`` runs in a process of its own, as a kernel would, and prints a
line of JSON for each cell: its number, the error it ended with (or null), and how its value differs from
the one that the document's author got (see `difference`).  What a document takes from elsewhere (a helper
module, a task of the lesson before it) is supplied in our own words; plots go to files in FOLDER.
"""

import ast
import json
import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import bokeh.io
import bokeh.plotting
from bokeh.resources import INLINE
from IPython.core.interactiveshell import InteractiveShell

import minray
from seed_cells import cells_of, names_from_elsewhere

HELPER_MODULE = '''
def p(number, seconds):
    """Show a number and how long it took."""
    print(f"{number:3d} {seconds:8.3f} s")
'''

TASK_OF_THE_LESSON_BEFORE = """
import ray, time

@ray.remote
def expensive_task(seconds):
    begin = time.time()
    time.sleep(seconds)
    return seconds, time.time() - begin
"""

# Arguments and methods that today's Bokeh has dropped, and what they are called now.
BOKEH_TODAY = (
    (re.compile(r"\bplot_(width|height)="), r"\1="),
    (re.compile(r"\.circle\((.*)\)"), r".scatter(\1)"),
    (re.compile(r"\.square\((.*)\)"), r".scatter(\1, marker='square')"),
)


def adapt_to_bokeh(code: str) -> str:
    """A plotting cell as it must be written for today's Bokeh; every other cell as it is."""
    if "bokeh" not in code:
        return code
    for old, new in BOKEH_TODAY:
        code = old.sub(new, code)
    return code


def difference(shown: str, value: Any) -> str:  # noqa: ANN401 - whatever a cell returns
    """How a cell's value differs from what the document shows, in what must be alike.

    Whole numbers and texts must be equal.  Of mappings (what `init` and `nodes` tell) only the keys
    must be there, of fractions (durations, random numbers) only the place.
    """
    try:
        return _differs(ast.literal_eval(shown), value, "the value")
    except (SyntaxError, ValueError):
        return ""


def _differs(shown: Any, value: Any, where: str) -> str:  # noqa: ANN401
    if isinstance(shown, dict):
        if not isinstance(value, Mapping):
            return f"{where} is no mapping but {value!r}"
        # A node's own resource is named after its address, which is another machine's.
        missing = {_kind(key) for key in shown} - {_kind(key) for key in value}
        return f"{where} lacks {sorted(missing)}" if missing else ""
    if isinstance(shown, list | tuple):
        if type(value) is not type(shown) or len(value) != len(shown):
            return f"{where} is {value!r} instead of {shown!r}"
        pairs = enumerate(zip(shown, value, strict=True))
        return next(filter(None, (_differs(a, b, f"{where}[{n}]") for n, (a, b) in pairs)), "")
    if isinstance(shown, float):
        return "" if isinstance(value, float) else f"{where} is {value!r} and no fraction"
    return "" if shown == value else f"{where} is {value!r} instead of {shown!r}"


def _kind(key: str) -> str:
    return "node:" if key.startswith("node:") else key


def plot_into(folder: Path) -> None:
    """Let Bokeh's `show` write a page into the folder instead of opening a browser or a notebook."""

    def show(plot: Any) -> None:  # noqa: ANN401 - any Bokeh model
        bokeh.io.save(plot, folder / "plot.html", resources=INLINE, title="plot")

    bokeh.plotting.show = bokeh.io.show = show
    bokeh.io.output_notebook = lambda *args, **kwargs: None


def main(document: Path, folder: Path) -> None:
    """Run all cells; go on after one that fails, as a reader would."""
    sys.modules["ray"] = minray
    (folder / "util").mkdir()
    (folder / "util" / "printing.py").write_text(HELPER_MODULE)
    (folder / "lessons").mkdir()
    os.chdir(folder / "lessons")  # the documents add ".." to the module path
    plot_into(folder)
    cells = cells_of(document)
    shell = InteractiveShell.instance()
    if any("expensive_task" in names for names in names_from_elsewhere(cells).values()):
        shell.run_cell(TASK_OF_THE_LESSON_BEFORE).raise_error()
    for number, cell in enumerate(cells):
        outcome = shell.run_cell(adapt_to_bokeh(cell.code), store_history=True)
        error = outcome.error_before_exec or outcome.error_in_exec
        told = {
            "cell": number,
            "error": f"{type(error).__name__}: {error}" if error else None,
            "differs": difference(cell.shown, outcome.result) if outcome.result is not None else "",
        }
        print("\nCELL " + json.dumps(told), flush=True)
    minray.shutdown()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
