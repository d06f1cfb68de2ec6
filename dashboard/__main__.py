"""``python -m minray.dashboard``: the process, in one of three roles.

=========================  ============================================================================
(nothing)                  for people: print the link of the running dashboard, or be one until Ctrl-C
``--unix-socket PATH``     for JupyterLab, which starts it, vouches for its users, and ends it
``--listener, --record``   for `minray.init`, which hands over two open files; see `dashboard_link`
=========================  ============================================================================
"""

import argparse
import contextlib
import json
import os
import signal
import socket
import sys
from collections.abc import Callable
from pathlib import Path

from minray.session import dashboard_link, folders

from .server.doorman import Keeper, linger, wait_for_visitor
from .server.guard import Guard


def main() -> None:
    """Read the command line and take the role it asks for."""
    parser = argparse.ArgumentParser(prog="python -m minray.dashboard", description="The minray dashboard.")
    parser.add_argument("--unix-socket", type=Path, metavar="PATH", help="serve there, for Jupyter's proxy")
    parser.add_argument("--session", default="", help="the session that the printed link shows")
    parser.add_argument("--listener", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--record", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda _signal, _frame: sys.exit(0))
    if options.unix_socket:
        serve_jupyter(options.unix_socket)
    elif options.listener is not None and options.record is not None:
        serve_detached(options.listener, options.record)
    else:
        serve_in_foreground(f"&session={options.session}" if options.session else "")


def serve_detached(listener_fd: int, record_fd: int) -> None:
    """The one dashboard of the user: sleeps until it is visited, and goes when nobody needs it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    listener = socket.socket(fileno=listener_fd)
    token = json.loads(os.pread(record_fd, 4096, 0))["token"]
    keeper = Keeper(folders.root(), linger())
    try:
        if wait_for_visitor(listener, keeper.needed):
            _serve(listener, Guard.for_port(listener.getsockname()[1], token), keeper.needed)
    except SystemExit:
        _remove_record()
        raise


def serve_in_foreground(what: str = "") -> None:
    """For somebody who wants to look at recordings: stays until Ctrl-C.

    Args:
        what: the end of the printed link, such as ``&session=...``.
    """
    home = folders.root()
    with dashboard_link.folder_locked(home):
        running = dashboard_link.running_link(home)
        if running:
            print(f"The dashboard runs already: {running}{what}")
            return
        listener, _record, token = dashboard_link.claim(home)
    port = listener.getsockname()[1]
    try:
        with contextlib.suppress(KeyboardInterrupt):  # while Bokeh loads, too
            print(f"The dashboard: {dashboard_link.link(port, token)}{what}\nCtrl-C ends it.", flush=True)
            _serve(listener, Guard.for_port(port, token), lambda visitors: True)
    finally:
        _remove_record()


def serve_jupyter(path: Path) -> None:
    """Behind Jupyter's proxy: ends with the process that started it."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)  # from its first moment the socket is the user's alone
    try:
        path.unlink(missing_ok=True)
        listener.bind(str(path))
    finally:
        os.umask(before)
    listener.listen(128)
    parent = os.getppid()
    try:
        _serve(listener, Guard.open_to_all(), lambda visitors: os.getppid() == parent)
    finally:
        path.unlink(missing_ok=True)


def _serve(listener: socket.socket, guard: Guard, needed: Callable[[int], bool]) -> None:
    """Load Bokeh, and serve."""
    from .server.server import serve

    with contextlib.suppress(KeyboardInterrupt):
        serve(listener, guard, needed)


def _remove_record() -> None:
    home = folders.root()
    with dashboard_link.folder_locked(home):
        for name in (dashboard_link.RECORD, dashboard_link.LOG):
            (home / name).unlink(missing_ok=True)


if __name__ == "__main__":
    main()
