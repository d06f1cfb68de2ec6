"""The dashboard behind Jupyter's proxy, below an address such as JupyterHub gives out."""

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from playwright.sync_api import Browser, expect

from fake_session import FakeSession

pytest.importorskip("jupyter_server_proxy")
PATIENCE = 60.0
TOKEN = "let-me-in"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """A Jupyter server as the user ann has it on a hub; the value is the dashboard's address there."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "jupyter_server", "--no-browser", "--allow-root", f"--port={port}"]
    command += ["--ServerApp.base_url=/user/ann/", f"--IdentityProvider.token={TOKEN}"]
    command += [f"--ServerApp.root_dir={tmp_path}"]
    folders = {
        name: str(tmp_path) for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR")
    }
    log = (tmp_path / "log").open("w")
    process = subprocess.Popen(command, env={**os.environ, **folders}, stdout=log, stderr=log)
    base = f"http://127.0.0.1:{port}/user/ann"
    deadline = time.monotonic() + PATIENCE
    while not answers(f"{base}/api"):
        assert process.poll() is None, (tmp_path / "log").read_text()
        assert time.monotonic() < deadline
        time.sleep(0.1)
    yield f"{base}/minray/"
    process.terminate()
    process.wait()
    log.close()


def answers(url: str) -> bool:
    try:
        urllib.request.urlopen(url, timeout=5).close()
    except urllib.error.HTTPError as error:
        error.close()
        return True
    except OSError:
        return False
    return True


def test_the_panel_draws_below_a_prefix_and_without_a_token_of_its_own(server: str, browser: Browser) -> None:
    with FakeSession() as session:
        session.run("slow_square", worker=2, seconds=1.0)
        context = browser.new_context()
        page = context.new_page()
        refused: list[str] = []
        page.on("response", lambda answer: refused.append(answer.url) if answer.status >= 400 else None)
        page.goto(f"{server}?token={TOKEN}")
        expect(page.locator(".legend li")).to_contain_text("slow_square", timeout=PATIENCE * 1000)
        task = session.submit("still_going")
        assert task
        expect(page.locator(".tiles .queued b")).to_have_text("1")
        assert refused == []
        assert page.url == f"{server}live"
        context.close()


def test_without_jupyters_login_the_dashboard_is_not_even_started(server: str) -> None:
    with urllib.request.urlopen(server, timeout=PATIENCE) as answer:
        assert "/login" in answer.url
    running = [" ".join(process.cmdline()) for process in psutil.Process().children(recursive=True)]
    assert not any("--unix-socket" in command for command in running)
