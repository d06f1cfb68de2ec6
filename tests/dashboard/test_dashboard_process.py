"""The dashboard as a process: found or started, reached by friends only, gone when nobody needs it."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest
from minray.dashboard.server.server import NICENESS

from fake_session import FakeSession
from leaks import is_gone
from minray.session import dashboard_link

PATIENCE = 30.0


@pytest.fixture(autouse=True)
def leave_quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINRAY_DASHBOARD_LINGER", "0.2")


@pytest.fixture
def session() -> Iterator[FakeSession]:
    with FakeSession() as running:
        yield running


@pytest.fixture
def link(session: FakeSession, minray_home: Path) -> Iterator[str]:
    """The link of a dashboard, which is gone after the test."""
    url = dashboard_link.ensure_running(session.directory)
    assert url
    yield url
    session.end()
    wait_until(lambda: not (minray_home / "dashboard.json").exists())


def wait_until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)


def record(home: Path) -> dict:
    return json.loads((home / "dashboard.json").read_text())


def get(url: str, path: str | None = None, **headers: str) -> http.client.HTTPResponse:
    """One GET, without following redirects."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=PATIENCE)
    connection.request("GET", path or f"{parts.path}?{parts.query}", headers=headers)
    response = connection.getresponse()
    response.body = response.read()  # type: ignore[attr-defined]
    connection.close()
    return response


def cookie_of(url: str) -> str:
    """Follow the link as a browser does and return the cookie it gets."""
    return (get(url).getheader("Set-Cookie") or "").partition(";")[0]


def upgrade(url: str, **headers: str) -> int:
    """Ask for the WebSocket; returns the HTTP status."""
    asks = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13"}
    asks |= {"Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==", "Sec-WebSocket-Protocol": "bokeh, x"}
    return get(url, "/live/ws", **asks, **headers).status


def test_the_dashboard_is_started_once_and_found_again(link: str, session: FakeSession) -> None:
    assert dashboard_link.ensure_running(session.directory) == link
    assert dashboard_link.running_link(session.directory.parent) == link


def test_two_sessions_that_begin_at_once_share_a_dashboard(session: FakeSession, minray_home: Path) -> None:
    script = (
        "import sys; from minray.session.dashboard_link import ensure_running;"
        "print(ensure_running(sys.argv[1]))"
    )
    command = [sys.executable, "-c", script, str(session.directory)]
    started = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    links = {process.communicate(timeout=PATIENCE)[0] for process in started}
    assert len(links) == 1
    session.end()
    wait_until(lambda: not (minray_home / "dashboard.json").exists())


@pytest.mark.skipif(sys.platform == "darwin", reason="macOS does not tell what a process has mapped")
def test_it_waits_without_bokeh_and_without_the_runtime(link: str, minray_home: Path) -> None:
    process = psutil.Process(record(minray_home)["pid"])
    wait_until(lambda: "dashboard" in " ".join(process.cmdline()))
    mapped = {Path(region.path).name for region in process.memory_maps()}
    assert not any("numpy" in name or "tornado" in name for name in mapped)


def test_it_gives_way_to_those_who_compute(link: str, minray_home: Path) -> None:
    pid = record(minray_home)["pid"]
    get(link)  # without a visitor it only sleeps
    its, ours = Path(f"/proc/{pid}/autogroup"), Path("/proc/self/autogroup")
    before = ours.read_text() if ours.exists() else ""
    wait_until(lambda: psutil.Process(pid).nice() == NICENESS)
    if os.access(its, os.W_OK):
        wait_until(lambda: its.read_text().split()[-1:] == [str(NICENESS)])
        assert ours.read_text() == before, "what belongs to others is left alone"


def test_its_files_are_for_its_user_alone(link: str, minray_home: Path) -> None:
    for name in ("dashboard.json", "dashboard.log"):
        assert (minray_home / name).stat().st_mode & 0o777 == 0o600


def test_it_listens_on_this_machine_only(link: str, minray_home: Path) -> None:
    process = psutil.Process(record(minray_home)["pid"])
    assert {connection.laddr.ip for connection in process.net_connections()} == {"127.0.0.1"}


def test_a_taken_port_is_stepped_over(session: FakeSession, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        monkeypatch.setenv("MINRAY_DASHBOARD_PORT", str(port))
        url = dashboard_link.ensure_running(session.directory)
        assert url
        assert urlsplit(url).port != port


def test_a_dashboard_that_was_killed_is_replaced(link: str, session: FakeSession, minray_home: Path) -> None:
    pid = record(minray_home)["pid"]
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: dashboard_link.running_link(minray_home) is None)
    again = dashboard_link.ensure_running(session.directory)
    assert again
    assert again != link
    assert record(minray_home)["pid"] != pid


def test_it_leaves_with_the_last_session_and_takes_its_files_along(
    session: FakeSession, minray_home: Path
) -> None:
    assert dashboard_link.ensure_running(session.directory)
    pid = record(minray_home)["pid"]
    session.end()
    wait_until(lambda: not psutil.pid_exists(pid))
    assert not (minray_home / "dashboard.json").exists()
    assert not (minray_home / "dashboard.log").exists()


def test_it_leaves_too_after_somebody_has_visited(session: FakeSession, minray_home: Path) -> None:
    url = dashboard_link.ensure_running(session.directory)
    assert url
    assert get(url).status == 302
    pid = record(minray_home)["pid"]
    session.end()
    wait_until(lambda: not psutil.pid_exists(pid))
    assert not (minray_home / "dashboard.json").exists()


def test_asked_to_end_it_removes_its_files(session: FakeSession, minray_home: Path) -> None:
    url = dashboard_link.ensure_running(session.directory)
    assert url
    get(url)
    os.kill(record(minray_home)["pid"], signal.SIGTERM)
    wait_until(lambda: not (minray_home / "dashboard.json").exists())


def test_without_bokeh_there_is_no_dashboard(session: FakeSession, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert dashboard_link.ensure_running(session.directory) is None


def test_a_folder_that_cannot_be_written_costs_the_dashboard_but_not_the_session(
    session: FakeSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(dashboard_link, "claim", full)
    with pytest.warns(RuntimeWarning, match="without its dashboard.*No space left"):
        assert dashboard_link.ensure_running(session.directory) is None


def test_starting_it_leaves_only_a_thread_that_collects_it(link: str) -> None:
    names = [thread.name for thread in threading.enumerate()]
    assert names.count("minray-dashboard-reaper") <= 1


def test_the_link_gives_a_cookie_and_the_page(link: str) -> None:
    landing = get(link)
    assert landing.status == 302
    assert landing.getheader("Location") == "live"
    cookie = landing.getheader("Set-Cookie") or ""
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    page = get(link, "/live", Cookie=cookie_of(link))
    assert page.status == 200
    assert b"minray dashboard" in page.body  # type: ignore[attr-defined]


def test_the_page_names_its_files_relatively_so_that_a_prefix_does_no_harm(link: str) -> None:
    page = get(link, "/live", Cookie=cookie_of(link)).body  # type: ignore[attr-defined]
    assert b'src="static/js/bokeh.min.js' in page
    assert b'="/static' not in page


@pytest.mark.parametrize(
    "path", ["/", "/?token=guess", "/live", "/static/js/bokeh.min.js", "/icon.svg", "/nothing"]
)
def test_without_the_token_every_door_is_closed_and_the_way_in_explained(link: str, path: str) -> None:
    refused = get(link, path)
    assert refused.status == 403
    assert b"minray.get_dashboard_url()" in refused.body  # type: ignore[attr-defined]
    assert refused.getheader("Set-Cookie") is None


def test_the_page_does_not_repeat_the_cookie_or_the_headers_of_its_visitor(link: str) -> None:
    token = urlsplit(link).query.removeprefix("token=")
    page = get(link, "/live", Cookie=cookie_of(link), **{"X-Secret": "hush"}).body  # type: ignore[attr-defined]
    assert token.encode() not in page
    assert b"hush" not in page


def test_a_page_whose_name_was_made_to_point_here_stays_outside(link: str) -> None:
    cookie = cookie_of(link)
    assert get(link, "/live", Host="evil.example", Cookie=cookie).status == 403
    assert get(link, Host="evil.example").status == 403
    assert upgrade(link, Host="evil.example", Origin="http://evil.example", Cookie=cookie) == 403


def test_a_foreign_page_cannot_open_the_websocket(link: str) -> None:
    parts = urlsplit(link)
    cookie = cookie_of(link)
    assert upgrade(link, Origin="http://evil.example", Cookie=cookie) == 403
    assert upgrade(link, Origin=f"http://{parts.netloc}") == 403  # right page, no cookie
    assert upgrade(link, Origin=f"http://{parts.netloc}", Cookie=cookie) == 101


def test_behind_jupyter_it_serves_a_private_socket_and_ends_with_its_parent(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    command = [sys.executable, "-m", "minray.dashboard", "--unix-socket", str(path)]
    # The shell stands for Jupyter: it starts the dashboard, tells its pid, and is killed.
    shell = subprocess.Popen(
        ["/bin/sh", "-c", '"$@" & echo $!; wait', "sh", *command], stdout=subprocess.PIPE, text=True
    )
    assert shell.stdout
    pid = int(shell.stdout.readline())
    wait_until(path.exists)
    assert path.stat().st_mode & 0o777 == 0o600
    wait_until(lambda: status_over(path) == 302)
    shell.kill()
    shell.communicate()
    wait_until(lambda: not path.exists())
    wait_until(lambda: is_gone(pid))


def status_over(path: Path) -> int | None:
    """The status of `GET /` over a Unix socket, as Jupyter's proxy asks for it."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.settimeout(PATIENCE)
        try:
            client.connect(str(path))
        except ConnectionRefusedError:
            return None
        client.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        return int(client.recv(4096).split()[1])
