"""Objects of the store as a driver or worker writes and reads them, with the scheduler's help.

The scheduler says where a new object goes, and where one is that has been moved between memory and disk;
`segments` does the rest.
"""

import contextlib
import errno
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..exceptions import OutOfDiskError
from ..wire.messages import STORED, AbortSegment, CreateSegment, Locate, Message, Value
from .ports import Data
from .segments import ObjectStore, StoreFolders, is_spilled


class NotThereError(Exception):
    """An object is not where it was: the scheduler must be asked for its value, which may be an error now."""


class StoreClient:
    """Writes and reads objects.

    Args:
        folders: where the objects are, in memory and on disk.
        request: sends the message that a function makes of a request number, and returns the answer.
        send: sends a message.
    """

    def __init__(
        self,
        folders: tuple[Path, Path],
        request: Callable[[Callable[[int], Message]], Any],
        send: Callable[[Message], None],
    ) -> None:
        self._folders = StoreFolders(*folders)
        self.store = ObjectStore(self._folders)
        self._request, self._send = request, send

    def write(self, key: bytes, data: Data) -> Value:
        """Write an object; it is sealed when the scheduler is told so.

        Raises:
            OutOfDiskError: there is room neither in memory nor on disk.
        """
        size, folders = data.size, self._folders
        try:
            try:
                name = self._write(key, data, on_disk=False)
            except OSError as error:  # other programs have taken what the scheduler thought was there
                if error.errno != errno.ENOSPC:
                    raise
                name = self._write(key, data, on_disk=True)
        except OSError as error:
            raise OutOfDiskError(
                f"The object of {size:,} bytes fits neither into the object store ({folders.memory}) nor on "
                f"the disk ({folders.disk}): {error.strerror}. Delete references, and arrays made from them, "
                "that you do not need any more, or free some of the disk."
            ) from error
        return STORED, (key, name, size)

    def _write(self, key: bytes, data: Data, on_disk: bool) -> str:
        name: str
        name, recycled = self._request(lambda number: CreateSegment(number, key, data.size, on_disk))
        try:
            self.store.write(name, recycled, data)
        except BaseException:
            self._send(AbortSegment(key))
            raise
        return name

    def read(self, place: tuple[bytes, str, int]) -> memoryview:
        """Map an object for reading; the mapping lives as long as anything that views it.

        Args:
            place: where it was last known to be: the payload of its value.

        Raises:
            NotThereError: it is lost, and being made again, or freed.
        """
        key, name, size = place
        missing = ""
        if not is_spilled(name):
            with contextlib.suppress(FileNotFoundError):
                return self.store.read(name, size)
            missing = name
        while True:
            found = self._locate(key, missing)
            if found is None:
                raise NotThereError
            _, missing, size = found
            with contextlib.suppress(FileNotFoundError):
                return self.store.read(missing, size)

    def _locate(self, key: bytes, missing: str) -> Any:  # noqa: ANN401 - a place or None
        return self._request(lambda number: Locate(number, key, missing))
