"""The core worker: the library inside every driver and every worker.

It turns the user's calls into messages to the local scheduler and keeps what comes back.  Drivers and workers
use the very same code, which is why a task can submit tasks just as the driver does::

    f.remote(x) -> submission -> SubmitTask --> outbox ---------> local scheduler
    get(ref)    -> getting: waits for the value <-- arrivals <-- ObjectsReady <---'

Values arrive without being asked for if this process submitted the task, and on request otherwise.  This
module puts the parts together; each of them is handed the others that it uses, and none the whole.
"""

import gc
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..object_store.client import StoreClient
from ..session import here
from ..values.ref import Port, use_port
from ..wire import messages
from ..wire.ids import JobID, task_ids
from .connection import Connection
from .futures import Futures
from .generator import Generators, Streams
from .getting import Arrivals, Getting
from .lending import Lending
from .outbox import LiveReferences, Outbox
from .putting import Putting
from .submission import Submission

Show = Callable[[messages.PrintToDriver | messages.Notice | messages.Unhandled], None]


class CoreWorker:
    """One process's part in a session.

    Args:
        sock: connected to the local scheduler.
        kind: "DRIVER" or "WORKER".
        pid: this process's id.
        number: a worker's number; 0 for a driver, which gets one.
        objects: the folders of the object store.
        show: what to do with lines that tasks print, and with notices (drivers only).
        why_lost: see `Connection`.
        namespace: a driver's, where the names of its actors live.
        detached: a driver's, whether its program's actors are detached if they do not say.
    """

    def __init__(
        self,
        sock: socket.socket,
        kind: str,
        pid: int,
        number: int,
        objects: tuple[Path, Path],
        show: Show = lambda message: None,
        why_lost: Callable[[], str] = str,
        namespace: str = "",
        detached: bool = False,
    ) -> None:
        self.number = number
        self.node_id = b""
        self.inbox: deque[messages.Message] = deque()  # messages that only the worker's main loop understands
        ids = task_ids()
        self.arrivals = Arrivals()
        self.connection = connection = Connection(
            sock, {}, self.inbox.append, why_lost, self.arrivals.calls_wait, self.arrivals.give_up
        )
        self.references = LiveReferences(self.arrivals.forget, connection.nudge)
        self.outbox = Outbox(connection, self.references)
        connection.keep_house_by(self.outbox.keep_house)
        self.object_store = StoreClient(objects, self.outbox.request, self.outbox.send)
        self.lending = Lending(self.outbox.send)
        parts = (self.arrivals, self.references, self.outbox, connection)
        self.getting = Getting(*parts, self.lending, self.object_store)
        self.futures = Futures(*parts, self.getting.load)
        self.putting = Putting(ids, self.arrivals, self.outbox, self.object_store)
        streams = Streams(self.arrivals, connection.nudge)
        generators = Generators(streams, self.arrivals, self.outbox, self.getting, self.futures)
        self.submission = Submission(
            ids, self.arrivals, self.references, self.outbox, self.putting, generators.open
        )
        for message, handler in self._handlers(streams, show).items():
            connection.handle(message, handler)
        self._escaped: list[object] = []  # references that were pickled where nobody can count them
        use_port(Port(self.outbox.load_ref, self._keep_escaped, self.job_id, self.futures))
        self.outbox.send(messages.Hello(kind, pid, number, namespace, detached))

    def _handlers(self, streams: Streams, show: Show) -> dict[type, Callable[[Any], None]]:
        """What is done with each message, in whichever thread reads; the others are for the inbox."""
        return {
            messages.ObjectsReady: self.arrivals.on_objects_ready,
            messages.ForgetSegments: lambda message: self.object_store.store.forget(message.numbers),
            messages.Reply: self.outbox.on_reply,
            messages.Welcome: self._on_welcome,
            messages.PrintToDriver: show,
            messages.Notice: show,
            messages.Unhandled: show,
            messages.StreamItem: streams.on_item,
            messages.StreamEnd: streams.on_end,
            # In a thread of its own, because finalizers of the user's run there and may wait for something.
            messages.CollectGarbage: lambda message: threading.Thread(target=gc.collect, daemon=True).start(),
        }

    def _on_welcome(self, message: messages.Welcome) -> None:
        self.number, self.node_id = message.worker, message.node_id

    def _keep_escaped(self, key: bytes) -> None:
        """Keep a value to the end that a reference names which was pickled where nobody can count it."""
        if self.references.are_of_this_session([key]):
            self._escaped.append(self.outbox.new_ref(key))

    def job_id(self) -> JobID:
        """The job that this process works for: all that one driver does."""
        task = here.task()
        return JobID.from_int(task.job if task else self.number)

    def connected(self, timeout: float) -> bool:
        """Wait for the scheduler's welcome; False if it does not come in time."""
        return self.connection.wait_until(lambda: bool(self.node_id), time.monotonic() + timeout)

    def close(self) -> None:
        """Leave the session."""
        self.outbox.keep_house()
        use_port(None)
        self.connection.close()
        self.arrivals.give_up()
        self.futures.close()

    # --- questions and events -----------------------------------------------------------------------

    def query(self, what: str) -> Any:  # noqa: ANN401
        """Ask the scheduler about the node."""
        return self.outbox.request(lambda number: messages.Query(number, what))

    def add_rows(self, table: str, rows: list[tuple[Any, ...]]) -> None:
        """Add rows to the event store."""
        self.outbox.send(messages.AddRows(table, tuple(rows)))

    def flush_events(self) -> None:
        """Return when everything that has happened so far is in the event store."""
        self.outbox.flush()
        self.query("flush")
