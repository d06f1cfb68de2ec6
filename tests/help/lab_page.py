"""JupyterLab as a learner uses it: with keyboard and menus, in a real browser."""

import json
import re
import socket
import subprocess
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import Browser, FrameLocator, Locator, Page, TimeoutError, expect

from minray.cli import lab
from runtime_tools import wait_until

TOKEN = "only-for-this-test"
PATIENCE_MS = 60_000  # for one thing to appear; only a failing test waits that long
PRESSES, UNHEARD_MS = 5, 10_000  # how often a key is pressed, and when it counts as not heard
CELLS = ".jp-NotebookPanel:not(.lm-mod-hidden) .jp-Cell"


@contextmanager
def serve(folder: Path, own_files: Path, time_scale: float) -> Iterator[str]:
    """Start JupyterLab on a prepared folder as ``minray lab`` does; the value is its address.

    Args:
        folder: the working folder, set up by `minray.cli.lab.set_up`.
        own_files: where this JupyterLab keeps settings, so that it neither sees nor changes the user's.
        time_scale: the length of a lesson's time unit, in seconds.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    argv = [
        *lab.command(folder),
        "--no-browser",
        f"--ServerApp.port={port}",
        f"--IdentityProvider.token={TOKEN}",
    ]
    private = {
        name: str(own_files / name) for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")
    }
    environment = lab.environment(folder) | private | {"MINRAY_TIME_SCALE": str(time_scale)}
    with subprocess.Popen(argv, env=environment, stdin=subprocess.DEVNULL) as server:
        try:
            address = f"http://127.0.0.1:{port}"
            wait_until(lambda: server.poll() is not None or _answers(address), "JupyterLab to start")
            assert server.poll() is None, f"JupyterLab ended with status {server.returncode}"
            yield address
        finally:
            server.terminate()


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"{address}/api"):
            return True
    except OSError:
        return False


def notebook(*cells: str) -> str:
    """A notebook file with these code cells."""
    code = [
        {"cell_type": "code", "id": f"cell-{number}", "metadata": {}, "source": source}
        | {"outputs": [], "execution_count": None}
        for number, source in enumerate(cells)
    ]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    return json.dumps({"cells": code, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5})


@dataclass
class LabPage:
    """A browser tab with JupyterLab in it: a notebook, and the dashboard's panel."""

    page: Page
    _prompts: dict[int, str] = field(default_factory=dict)

    @classmethod
    def open(cls, browser: Browser, address: str) -> "LabPage":
        """Open JupyterLab and wait for notebook, kernel and panel; nothing is clicked."""
        page = browser.new_page(viewport={"width": 1400, "height": 900})
        page.set_default_timeout(PATIENCE_MS)
        page.goto(f"{address}/lab?token={TOKEN}")
        opened = cls(page)
        expect(page.locator(CELLS).first).to_be_visible(timeout=PATIENCE_MS)
        expect(opened.panel.locator("body")).to_contain_text("minray", timeout=PATIENCE_MS)
        opened.wait_for_idle_kernel()
        return opened

    @property
    def panel(self) -> FrameLocator:
        """The dashboard's page inside its panel."""
        return self.page.frame_locator(".jp-ServerProxy iframe")

    @property
    def running(self) -> Locator:
        """The functions that workers execute right now, as the dashboard says."""
        return self.panel.locator(".cells li.running strong")

    def tile(self, state: str) -> int:
        """A number of the dashboard's tiles, such as that of ``finished`` tasks; 0 if there are none yet."""
        numbers = self.panel.locator(f".tiles li.{state} b").all_inner_texts()
        return int(numbers[0].replace(",", "")) if numbers else 0

    def wait_for_idle_kernel(self) -> None:
        """Wait until the kernel has started and waits for code."""
        expect(self.page.locator(".jp-Notebook-ExecutionIndicator[data-status='idle']")).to_be_visible(
            timeout=PATIENCE_MS
        )

    def go_to_top(self) -> None:
        """Select the first cell."""
        self.page.locator(CELLS).first.click()
        self.page.keyboard.press("Escape")

    def go_to(self, index: int) -> None:
        """Select a cell with the arrow keys."""
        self.page.keyboard.press("Escape")
        while self.active() != index:
            self.page.keyboard.press("ArrowUp" if self.active() > index else "ArrowDown")

    def run_to(self, text: str) -> None:
        """Run all cells from the selected one to the one with this text, which is selected then."""
        while text not in self.source(self.active()):
            self.run_cell()

    def type_into_cell(self, text: str) -> None:
        """Replace the source of the selected cell by typing; JupyterLab indents by itself."""
        self.page.keyboard.press("Enter")
        self.page.keyboard.press("ControlOrMeta+a")
        self.page.keyboard.press("Delete")
        self.page.keyboard.type(text)
        self.page.keyboard.press("Escape")

    def cell(self, index: int) -> Locator:
        """The cell with this number, counted from 0."""
        return self.page.locator(f"{CELLS}[data-windowed-list-index='{index}']")

    def active(self) -> int:
        """The number of the selected cell."""
        return int(self.page.locator(f"{CELLS}.jp-mod-active").get_attribute("data-windowed-list-index") or 0)

    def last(self) -> int:
        """The number of the last cell."""
        return int(self.page.locator(CELLS).last.get_attribute("data-windowed-list-index") or 0)

    def source(self, index: int) -> str:
        """The text of a cell, as far as it is drawn."""
        return self.cell(index).inner_text()

    def start_cell(self) -> int:
        """Run the selected cell and select the next, as Shift-Enter does; does not wait for its end.

        JupyterLab knows its shortcuts only a while after it shows the notebook. A learner whose key does
        nothing presses it again, and so does this page.
        """
        index = self.active()
        self._prompts[index] = self._prompt(index)
        for _ in range(PRESSES):
            self.page.keyboard.press("Shift+Enter")
            try:
                self.page.wait_for_selector(
                    f"{CELLS}.jp-mod-active:not([data-windowed-list-index='{index}'])", timeout=UNHEARD_MS
                )
            except TimeoutError:
                self.cell(index).click()
                self.page.keyboard.press("Escape")
            else:
                return index
        raise AssertionError(f"Shift-Enter does nothing in cell {index}")

    def is_busy(self, index: int) -> bool:
        """Whether a cell that was started has not ended; each run gives a cell a new number."""
        prompt = self._prompt(index)
        return "*" in prompt or (prompt == self._prompts[index] and self.is_code(index))

    def is_code(self, index: int) -> bool:
        """Whether a cell is code, not prose."""
        return "jp-CodeCell" in (self.cell(index).get_attribute("class") or "")

    def _prompt(self, index: int) -> str:
        return self.cell(index).locator(".jp-InputPrompt").inner_text() if self.is_code(index) else ""

    def run_cell(self, meanwhile: Callable[[], None] = lambda: None) -> int:
        """Run the selected cell to its end.

        Args:
            meanwhile: called again and again for as long as the cell runs.

        Returns:
            The cell's number.

        Raises:
            AssertionError: the cell raised an exception; it is in the message.
        """
        index = self.start_cell()
        self.wait_for_end(index, meanwhile)
        failure = self.cell(index).locator("[data-mime-type='application/vnd.jupyter.error']")
        assert failure.count() == 0, f"cell {index}: {failure.first.inner_text()}"
        return index

    def wait_for_end(self, index: int, meanwhile: Callable[[], None] = lambda: None) -> None:
        """Wait until a cell that was started is done."""

        def ended() -> bool:
            if not self.is_busy(index):
                return True
            meanwhile()
            return False

        wait_until(ended, f"the end of cell {index}")
        self.wait_for_idle_kernel()  # what it printed may come after its end

    def shows(self, index: int, pattern: str) -> str:
        """Wait until this pattern is in what a cell shows below itself; the value is what matched it."""
        outputs = self.cell(index).locator(".jp-OutputArea")
        expect(outputs).to_contain_text(re.compile(pattern), timeout=PATIENCE_MS)
        found = re.search(pattern, outputs.inner_text())
        assert found
        return found[0]

    def interrupt_kernel(self) -> None:
        """As a learner does whose cell takes too long: press I twice."""
        self.page.keyboard.press("Escape")
        self.page.keyboard.press("i")
        self.page.keyboard.press("i")

    def restart_kernel(self) -> None:
        """As a learner does who is lost: start afresh from the menu, and yes, really."""
        self.page.locator(".lm-MenuBar-itemLabel", has_text="Kernel").click()
        self.page.locator(
            ".lm-Menu-itemLabel", has_text="Restart Kernel and Clear Outputs of All Cells"
        ).click()
        self.page.locator(".jp-Dialog .jp-mod-accept").click()
        expect(self.page.locator(".jp-Dialog")).to_have_count(0)
        self.wait_for_idle_kernel()
