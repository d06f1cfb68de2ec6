"""The processes of a session that live, from the scheduler's side; see `deaths` for how they end.

::

    Fork -> zygote -> Forked: STARTING -> a worker's Hello: IDLE -> ... -> Died
    a driver's Hello -> ... -> its connection ends
"""

import signal
from collections.abc import Iterator

from ...wire.messages import Fork, Forked, Hello, SignalWorker, Welcome
from ..tables.event_log import EventLog
from ..tables.nodes import Nodes
from ..tables.records import Client, Node, Worker
from ..tables.worker_pool import PLAIN, Kind


class Processes:
    """All workers and drivers.

    Args:
        log: where events go.
        numbers: where their numbers come from.
        clients: those that are connected, by number.
        nodes: where the workers are.
    """

    def __init__(
        self, log: EventLog, numbers: Iterator[int], clients: dict[int, Client], nodes: Nodes
    ) -> None:
        self.signals: list[tuple[int, int]] = []  # outbox: to processes of this node
        self._log, self._numbers, self._clients, self._nodes = log, numbers, clients, nodes

    def start_workers(self) -> None:
        """Start one worker per CPU."""
        self.start(self._nodes.home, self._nodes.home.pool.target)

    def start(self, node: Node, runnable: int, kind: Kind = PLAIN) -> None:
        """Have a node start workers, if so many tasks could run there now."""
        for worker in node.pool.to_start(runnable, kind):
            node.zygote.send(Fork(worker.number, kind.environment))

    def on_hello(self, client: Client, message: Hello) -> None:
        """A process has connected, and says what it is."""
        worker = self._nodes.find_worker(message.worker) if message.kind == "WORKER" else None
        if message.kind == "WORKER" and worker is None:
            return  # it has died since, and the zygote's word came first
        client.kind, client.pid, client.namespace = message.kind, message.pid, message.namespace
        client.detached = message.detached
        client.number = message.worker or next(self._numbers)
        self._clients[client.number] = client
        node = self._nodes.home
        if worker is not None:
            node = worker.node
            node.pool.connected(worker.number, self._log.now)
            client.worker, worker.client, worker.pid = worker, client, message.pid
        else:
            self._log.new_process(client.number, message.pid, "DRIVER")
        self._log.process(client.number, "IDLE")
        client.channel.send(Welcome(client.number, bytes.fromhex(node.id)))

    def on_forked(self, message: Forked) -> None:
        """The zygote has made a worker."""
        worker = self._nodes.find_worker(message.worker)
        if worker is not None:
            worker.pid = message.pid
        self._log.new_process(message.worker, message.pid, "WORKER", worker.node.number if worker else 0)
        if worker is not None and worker.client is None:  # else its own word came first
            self._log.process(message.worker, "STARTING")

    def driver_of(self, client: Client) -> Client | None:
        """The driver that a process works for, if it is there."""
        return self._clients.get(client.job)

    def namespace_of(self, client: Client) -> str:
        """Where the names of the actors of a process live: that of the driver that it works for."""
        driver = self.driver_of(client)
        return driver.namespace if driver else ""

    def signal(self, worker: Worker, number: int) -> None:
        """Send a signal to a worker of any node; it arrives before what is sent afterwards."""
        if worker.node.link is None:
            self.signals.append((worker.pid, number))
        else:
            worker.node.link.send(SignalWorker(worker.pid, int(number)))

    def doom(self, worker: Worker, why: str) -> None:
        """Say why a worker is about to end."""
        worker.doom = worker.doom or why

    def kill(self, worker: Worker, why: str = "") -> None:
        """End a worker's process at once."""
        self.doom(worker, why)
        self.signal(worker, signal.SIGKILL)
