"""What the scheduler tells processes without being asked: prints and notices to users, garbage to collect.

::

    Print, from a task ------------------> PrintToDriver -----.
    Notice, from GCS or another node ----> Notice ------------|--> the drivers whose users it concerns
    an error that nobody will see -------> Unhandled ---------'
    a full store, an actor that waits ---> CollectGarbage -------> all processes
"""

from typing import TYPE_CHECKING

from ..wire.config import ACTOR_WAITS_SECONDS
from ..wire.messages import CollectGarbage, Notice, Print, PrintToDriver, Unhandled
from .garbage import GarbageWatch
from .tables.records import Client

if TYPE_CHECKING:
    from .local_scheduler import LocalScheduler


class Announcements:
    """What `LocalScheduler` hands all that users are told to.

    Args:
        node: the scheduler itself.
    """

    def __init__(self, node: "LocalScheduler") -> None:
        self._node = node
        self._garbage = GarbageWatch()

    def on_print(self, client: Client, message: Print) -> None:
        """A task has printed something."""
        self._node.log.printed(client.number, client.task_number, message.stream, message.text)
        self.notify(PrintToDriver(message.name, client.pid, message.stream, message.text), client.job)

    def on_notice(self, client: Client, message: Notice) -> None:
        """Another node has something to say."""
        self.notify(message)

    def notify(self, message: Notice | PrintToDriver | Unhandled, job: int = 0) -> None:
        """Tell the user of a driver something; with job 0, the users of all drivers."""
        for client in self._node.clients.values():
            if client.kind == "DRIVER" and job in (0, client.number):
                client.channel.send(message)

    def tick(self) -> None:
        """Tell what has gathered, and have garbage collected where it may help."""
        objects = self._node.objects
        for job, name, traceback in objects.unseen.take_news():
            self.notify(Unhandled(name, traceback), job)
        if text := objects.room.notice.take():
            self.notify(Notice(text))
        self._node.home.store_used = objects.room.share_used
        fullest = max(node.store_used for node in self._node.nodes.values())
        if self._garbage.is_due(self._node.now, fullest, self._an_actor_waits()):
            for client in self._node.clients.values():
                client.channel.send(CollectGarbage())

    def _an_actor_waits(self) -> bool:
        """Whether some actor has not got its resources for some time."""
        return any(
            task.creates is not None and self._node.now - task.spec.submitted > ACTOR_WAITS_SECONDS
            for task in self._node.queue.heads()
        )
