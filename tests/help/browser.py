"""A real browser for the tests: the one that is installed, or one that can be had.

``python tests/help/browser.py`` makes sure that there is one before the tests begin, and says what to do
where none can be had.  Under CI a missing browser is a failure: a check that silently did not run proves
nothing.
"""

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

COMMANDS = (
    *("chromium", "chromium-browser", "google-chrome", "google-chrome-stable"),
    *("microsoft-edge", "microsoft-edge-stable", "chrome"),
)
MAC_APPLICATIONS = ("Google Chrome", "Chromium", "Microsoft Edge")
# No sandbox: as root, and in most containers, Chromium does not start with it; it only sees our own pages.
# The others keep it from asking the network for things that no test needs.
FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
REMEDY = (
    "The browser tests need Chrome, Chromium or Edge, and none was found or could be installed.\n"
    "Install one of them, or run `.venv/bin/playwright install chromium`, and try again."
)


def find() -> Path | None:
    """The program to start: what ``MINRAY_BROWSER`` names, an installed browser, or playwright's own."""
    names = [os.environ["MINRAY_BROWSER"]] if os.environ.get("MINRAY_BROWSER") else COMMANDS
    for name in names:
        if program := shutil.which(name):
            return Path(program)
    for name in MAC_APPLICATIONS:
        program = f"/Applications/{name}.app/Contents/MacOS/{name}"
        if os.access(program, os.X_OK):
            return Path(program)
    with sync_playwright() as playwright:
        downloaded = Path(playwright.chromium.executable_path)
    return downloaded if downloaded.exists() else None


@contextlib.contextmanager
def launch(program: Path) -> Iterator[Browser]:
    """Start a browser without a window; it ends with the context."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=list(FLAGS))
        try:
            yield browser
        finally:
            browser.close()


def photograph(page: Page, picture: Path) -> None:
    """Keep a picture of what a page shows, if pictures are wanted (``make images``)."""
    if os.environ.get("MINRAY_UPDATE_IMAGES"):
        page.wait_for_timeout(500)
        picture.write_bytes(page.screenshot())  # with a path, playwright would leave a thread behind


def install() -> None:
    """Try to get a browser, in the way that suits this system."""
    if _is_debian() and os.geteuid() == 0:
        commands = [
            ["apt-get", "update", "--quiet"],
            # A font too: without any, pages show boxes and nothing can be measured.
            [
                "apt-get",
                "install",
                "--quiet",
                "--yes",
                "--no-install-recommends",
                "chromium",
                "fonts-dejavu-core",
            ],
        ]
    else:
        commands = [[sys.executable, "-m", "playwright", "install", "chromium"]]
    for command in commands:
        print("$", *command, flush=True)
        if subprocess.run(command, env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"}).returncode:
            return


def _is_debian() -> bool:
    # Not its descendants: Ubuntu's package of that name only asks for a snap.
    release = Path("/etc/os-release")
    return release.exists() and "ID=debian" in release.read_text().split()


def main() -> int:
    """Find or install a browser; 1 if there is none and it is needed."""
    program = find()
    if program is None:
        install()
        program = find()
    if program is not None:
        print(f"Browser tests will use {program}")
        return 0
    print(REMEDY, file=sys.stderr)
    return 1 if os.environ.get("CI") == "true" else 0


if __name__ == "__main__":
    sys.exit(main())
