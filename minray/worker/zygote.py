"""The zygote: a clean, single-threaded process that forks workers on request.

Starting an interpreter and importing the runtime takes a tenth of a second; forking a process that has
done so already takes milliseconds, and the workers share its memory.  The zygote runs no user code, opens
no files and starts no threads, so each worker begins as if freshly started.

    local scheduler --Fork--> zygote --fork()--> worker --connects--> local scheduler
                   <--Forked, Died--

When the connection ends, so do the zygote and all its workers.
"""

import contextlib
import gc
import importlib
import os
import select
import signal
import socket
import sys
from types import ModuleType
from typing import Any

from ..session.descendants import adopt_orphans, end_orphans, exit_with_descendants
from ..session.exit_codes import ended_children
from ..wire.config import PACKAGE
from ..wire.messages import Died, Fork, Forked
from ..wire.rpc import FrameReader, frame


def main(config: dict[str, Any], scheduler: socket.socket) -> None:
    """Run as a process of its own, started by the node's supervisor."""
    # Workers, and whatever they start themselves, stay in this process group: one signal ends them all.
    os.setpgid(0, 0)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    adopt_orphans()
    _load_runtime()
    gc.collect()
    gc.freeze()  # what exists now is never touched by the workers' garbage collection, so it stays shared
    wake_read, wake_write = socket.socketpair()
    wake_read.setblocking(False)
    wake_write.setblocking(False)
    signal.set_wakeup_fd(wake_write.fileno(), warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda _signal, _frame: None)
    reader = FrameReader()
    workers: dict[int, int] = {}
    while True:
        readable, _, _ = select.select([scheduler, wake_read], [], [])
        if wake_read in readable:
            with contextlib.suppress(BlockingIOError):
                wake_read.recv(4096)
        if scheduler in readable:
            data = scheduler.recv(4096)
            if not data:
                break
            for message in reader.feed(data):
                if isinstance(message, Fork):
                    pid = os.fork()
                    if pid == 0:
                        signal.set_wakeup_fd(-1)
                        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                        for sock in (scheduler, wake_read, wake_write):
                            sock.close()
                        _become_worker(config, message)
                    workers[pid] = message.worker
                    scheduler.sendall(frame([Forked(message.worker, pid)]))
        _report_ended(workers, scheduler)
    os.killpg(0, signal.SIGKILL)


def _load_runtime() -> None:
    """Import, for the workers, the whole package in place of its mere name (see `driver.started_node`)."""
    loaded = sys.modules.pop(PACKAGE.name)
    package = importlib.import_module(PACKAGE.name)
    for name, module in vars(loaded).items():  # modules that came first belong to it, too
        if isinstance(module, ModuleType) and not hasattr(package, name):
            setattr(package, name, module)
    for name in ("public", "worker.worker"):
        importlib.import_module(f"{PACKAGE.name}.{name}")


def _report_ended(workers: dict[int, int], scheduler: socket.socket) -> None:
    """Tell the scheduler which workers have ended, and end what they have left behind."""
    for pid, exit_code in ended_children():
        if pid in workers:
            scheduler.sendall(frame([Died(workers.pop(pid), exit_code)]))
            end_orphans(workers)


def _become_worker(config: dict[str, Any], wanted: Fork) -> None:
    """In the new process: work until told to stop; never return."""
    from . import worker  # imported already, before the fork

    adopt_orphans()  # daemons that its tasks start are its own while it lives
    code = 1
    try:
        worker.main(config, wanted.worker, wanted.environment)
        code = 0
    except SystemExit as leaving:  # raised by a task
        code = leaving.code if isinstance(leaving.code, int) else int(leaving.code is not None)
    finally:
        exit_with_descendants(code)
