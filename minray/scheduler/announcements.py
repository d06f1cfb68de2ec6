"""What the scheduler tells processes without being asked: prints and notices to users, garbage to collect.

::

    Print, from a task ------------------> PrintToDriver -----.
    Notice, from GCS or another node ----> Notice ------------|--> the drivers whose users it concerns
    an error that nobody will see -------> Unhandled ---------'
    a full store, an actor that waits ---> CollectGarbage -------> all processes
"""

from ..wire.config import ACTOR_WAITS_SECONDS, CROWDED_SHARE, GARBAGE_SECONDS
from ..wire.messages import CollectGarbage, Notice, Print, PrintToDriver, Unhandled
from .objects.objects import Objects
from .tables.event_log import EventLog
from .tables.nodes import Nodes
from .tables.queue import TaskQueue
from .tables.records import Client


class Announcements:
    """Tells users, and all processes.

    Args:
        log: where what is printed is kept, too.
        clients: all processes, by number.
        nodes: those that live.
        queue: where actors may wait for resources.
        objects: where errors and notices about the store gather.
    """

    def __init__(
        self,
        log: EventLog,
        clients: dict[int, Client],
        nodes: Nodes,
        queue: TaskQueue,
        objects: Objects,
    ) -> None:
        self._log, self._clients, self._nodes, self._queue = log, clients, nodes, queue
        self._objects = objects
        self._garbage = GarbageWatch()

    def on_print(self, client: Client, message: Print) -> None:
        """A task has printed something."""
        self._log.printed(client.number, client.task_number, message.stream, message.text)
        self.notify(PrintToDriver(message.name, client.pid, message.stream, message.text), client.job)

    def on_notice(self, client: Client, message: Notice) -> None:
        """Another node has something to say."""
        self.notify(message)

    def notify(self, message: Notice | PrintToDriver | Unhandled, job: int = 0) -> None:
        """Tell the user of a driver something; with job 0, the users of all drivers."""
        for client in self._clients.values():
            if client.kind == "DRIVER" and job in (0, client.number):
                client.channel.send(message)

    def tick(self) -> None:
        """Tell what has gathered, and have garbage collected where it may help."""
        room = self._objects.room
        for job, name, traceback in self._objects.unseen.take_news():
            self.notify(Unhandled(name, traceback), job)
        if text := room.take_notice():
            self.notify(Notice(text))
        fullest = max(room.share_used, *(node.store_used for node in self._nodes.alive.values()))
        if self._garbage.is_due(self._log.now, fullest, self._an_actor_waits()):
            for client in self._clients.values():
                client.channel.send(CollectGarbage())

    def _an_actor_waits(self) -> bool:
        """Whether some actor has not got its resources for some time."""
        return any(
            task.constructs is not None and self._log.now - task.spec.submitted > ACTOR_WAITS_SECONDS
            for task in self._queue.heads()
        )


class GarbageWatch:
    """Decides when garbage not collected yet may keep memory or an actor: then all processes collect it.

    What is part of a cycle is freed when Python's collector happens to run, which depends on how many objects
    a process makes and not on what hangs on them: a cycle of two small lists may hold the reference to a
    large object, or the last handle of an actor.  So when the store fills up, or an actor waits, the
    scheduler says `CollectGarbage`, as in Ray (its "global garbage collection", with the same numbers)::

        store 70 % full, or an actor waits -> CollectGarbage to all -> gc.collect() in a thread of each
                                                                                   |
                        the object is freed, the actor ends <- DropReferences <----'

    Example:
        >>> watch = GarbageWatch()
        >>> watch.is_due(100.0, 0.9, False), watch.is_due(110.0, 0.9, False), watch.is_due(140.0, 0.9, False)
        (True, False, True)
    """

    def __init__(self) -> None:
        self._last = 0.0

    def is_due(self, now: float, share_used: float, actor_waits: bool) -> bool:
        """Whether all processes should collect their garbage now; if so, not again for some time.

        Args:
            now: in seconds since 1970.
            share_used: of the object store's memory, from 0 to 1.
            actor_waits: whether an actor has been waiting for resources.
        """
        if now - self._last < GARBAGE_SECONDS or not (actor_waits or share_used > CROWDED_SHARE):
            return False
        self._last = now
        return True
