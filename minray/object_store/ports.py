"""What the store asks of those who use it: protocols only, so that it knows neither values nor schedulers."""

from typing import BinaryIO, Protocol

from ..wire.messages import Message


class Data(Protocol):
    """What is to be written: see `values.serialization`."""

    @property
    def size(self) -> int:
        """In bytes."""

    def write_into(self, target: memoryview | bytearray) -> None:
        """Copy everything into `size` bytes of memory."""

    def write_to(self, file: BinaryIO) -> None:
        """Write the same bytes to a file."""


class Partner(Protocol):
    """A way to somebody."""

    def send(self, message: Message) -> None:
        """Tell them something."""


class User(Protocol):
    """A process that writes and reads objects, as the one that keeps the store's books knows it."""

    @property
    def channel(self) -> Partner:
        """Where it gets its answers."""

    @property
    def creating(self) -> dict[bytes, str]:
        """The objects that it is writing, and their files; the store adds to it."""

    @property
    def task_number(self) -> int | None:
        """The number, in the event store, of the task that it runs."""


class Clock(Protocol):
    """Who knows the time."""

    @property
    def now(self) -> float:
        """The time of the messages that are being handled, in seconds since 1970."""
