"""User data as bytes: cloudpickle, with large buffers left out of the pickle stream.

A NumPy array of 8 MB pickles to a short description and one buffer (pickle protocol 5, PEP 574).  The
buffer is copied once, into its place in the object store, and never again: whoever loads the data gets
views of the store itself.  The layout of serialized data::

    without buffers:  the pickle (its first byte is 0x80)
    with buffers:     0x01 | number n | pickle length | n buffer lengths | pickle | buffers, each at
                      a multiple of 64 bytes so that vector instructions are happy
"""

import io
import os
import pickle
import struct
import threading
from collections import ChainMap
from collections.abc import Callable
from types import CodeType
from typing import Any, BinaryIO, ClassVar

import cloudpickle

from ..wire.config import MANY_BYTES, MOST_COPIERS
from .ref import CollectRefs

_HEADER = struct.Struct("<BxxxIQ")
_WITH_BUFFERS = 1
_ALIGNMENT = 64
_WORTH_ALIGNING = 1024  # bytes; what is smaller is used where it lies

# The C pickler writes these as cloudpickle would, in a tenth of the time.
_PLAIN = frozenset({type(None), bool, int, float, complex, str, bytes})


class Serialized:
    """Data on its way out: a pickle, its buffers, and the references it contains."""

    __slots__ = ("buffers", "contained", "pickled", "size")

    def __init__(self, pickled: bytes, buffers: list[memoryview], contained: tuple[bytes, ...]) -> None:
        self.pickled, self.buffers, self.contained = pickled, buffers, contained
        self.size = len(pickled)
        if buffers:
            self.size = _aligned(_HEADER.size + 8 * len(buffers) + len(pickled))
            self.size += sum(_aligned(buffer.nbytes) for buffer in buffers)

    def write_into(self, target: memoryview | bytearray) -> None:
        """Copy everything into `size` bytes of writable memory."""
        if not self.buffers:
            target[: len(self.pickled)] = self.pickled
            return
        position = self._write_head(target)
        for buffer in self.buffers:
            if buffer.nbytes >= MANY_BYTES:
                _copy_in_parallel(memoryview(target)[position : position + buffer.nbytes], buffer)
            else:
                target[position : position + buffer.nbytes] = buffer
            position += _aligned(buffer.nbytes)

    def write_to(self, file: BinaryIO) -> None:
        """Write the same `size` bytes to a file."""
        if not self.buffers:
            file.write(self.pickled)
            return
        head = bytearray(self.size - sum(_aligned(buffer.nbytes) for buffer in self.buffers))
        self._write_head(head)
        file.write(head)
        for buffer in self.buffers:
            file.write(buffer)
            file.write(bytes(_aligned(buffer.nbytes) - buffer.nbytes))

    def _write_head(self, target: memoryview | bytearray) -> int:
        """Write all that stands before the buffers; return where these begin."""
        count = len(self.buffers)
        _HEADER.pack_into(target, 0, _WITH_BUFFERS, count, len(self.pickled))
        struct.pack_into(f"<{count}Q", target, _HEADER.size, *(buffer.nbytes for buffer in self.buffers))
        position = _HEADER.size + 8 * count
        target[position : position + len(self.pickled)] = self.pickled
        return _aligned(position + len(self.pickled))

    def to_bytes(self) -> bytes:
        """Everything as one bytes object, for messages."""
        if not self.buffers:
            return self.pickled
        data = bytearray(self.size)
        self.write_into(data)
        return bytes(data)


def _copy_in_parallel(target: memoryview, source: memoryview) -> None:
    """Copy a large buffer in several threads, as Ray does: one cannot use all that the memory gives."""
    import numpy as np  # only who has large buffers needs it, and has it already

    to, origin = np.frombuffer(target, np.uint8), np.frombuffer(source, np.uint8)
    share = _aligned(-(-len(origin) // _copiers()))
    parts = [slice(start, start + share) for start in range(0, len(origin), share)]
    others = [threading.Thread(target=np.copyto, args=(to[part], origin[part])) for part in parts[1:]]
    for thread in others:
        thread.start()
    np.copyto(to[parts[0]], origin[parts[0]])
    for thread in others:
        thread.join()


def _copiers() -> int:
    """As many threads as a numerical library uses here: in a worker, as many as its task was given CPUs."""
    threads = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0]  # set by `here.take_on`
    return max(1, min(int(threads) if threads.isdigit() else os.cpu_count() or 1, MOST_COPIERS))


def _aligned(size: int) -> int:
    return (size + _ALIGNMENT - 1) // _ALIGNMENT * _ALIGNMENT


def _reduce_code(code: CodeType) -> tuple[Callable[..., CodeType], tuple[Any, ...]]:
    _, parts = cloudpickle.CloudPickler.dispatch_table[CodeType](code)
    return _named_code, (code.co_filename, *parts)


def _named_code(file: str, *parts: Any) -> CodeType:  # noqa: ANN401
    return CodeType(*parts).replace(co_filename=file)


class _Pickler(cloudpickle.CloudPickler):  # type: ignore[misc]
    """cloudpickle's, but a function keeps the name of the file that it comes from.

    From version 3.1.3 on cloudpickle leaves that out, so that pickles of the same function are the same; then
    the traceback of a task could not show a single line of its code.
    """

    dispatch_table: ClassVar[Any] = ChainMap(
        {CodeType: _reduce_code}, *cloudpickle.CloudPickler.dispatch_table.maps
    )


def dumps(value: Any, buffer_callback: Callable[[pickle.PickleBuffer], Any] | None = None) -> bytes:  # noqa: ANN401
    """A pickle, with buffers left out of it if there is something to take them."""
    with io.BytesIO() as file:
        _Pickler(file, protocol=5, buffer_callback=buffer_callback).dump(value)
        return file.getvalue()


def serialize(value: Any) -> Serialized:  # noqa: ANN401 - any value of the user's
    """Turn a value into bytes.

    Args:
        value: anything that cloudpickle can pickle.

    Returns:
        The data; buffers still point into `value` until they are written somewhere.

    Raises:
        TypeError, pickle.PicklingError, ...: whatever the value's own pickling raises.
    """
    if type(value) in _PLAIN:
        return Serialized(pickle.dumps(value, 5), [], ())
    buffers: list[pickle.PickleBuffer] = []
    with CollectRefs() as contained:
        pickled = dumps(value, buffers.append)
    return Serialized(pickled, [buffer.raw() for buffer in buffers], tuple(contained))


def serialize_arguments(values: list[Any], keywords: tuple[str, ...]) -> Serialized:
    """Turn a call's arguments into bytes; see `deserialize` for the way back.

    Args:
        values: positional arguments, then the values of the keyword arguments.
        keywords: the names of the latter.
    """
    for value in values:
        if type(value) not in _PLAIN:
            return serialize((values, keywords))
    return Serialized(pickle.dumps((values, keywords), 5), [], ())


def deserialize(data: bytes | memoryview) -> Any:  # noqa: ANN401
    """Turn bytes back into the value; large buffers become read-only views of `data`."""
    if data[0] != _WITH_BUFFERS:
        return pickle.loads(data)
    if isinstance(data, bytes) and len(data) > _WORTH_ALIGNING:
        data = _aligned_copy(data)
    view = memoryview(data).toreadonly()
    _, count, pickle_size = _HEADER.unpack_from(view)
    sizes = struct.unpack_from(f"<{count}Q", view, _HEADER.size)
    start = _HEADER.size + 8 * count
    position = _aligned(start + pickle_size)
    buffers = []
    for size in sizes:
        buffers.append(view[position : position + size])
        position += _aligned(size)
    return pickle.loads(view[start : start + pickle_size], buffers=buffers)


def _aligned_copy(data: bytes) -> memoryview:
    """The same bytes at an address that is a multiple of 64, so that the buffers in them are as well."""
    import ctypes  # seldom needed

    room = bytearray(len(data) + _ALIGNMENT)
    start = -ctypes.addressof(ctypes.c_char.from_buffer(room)) % _ALIGNMENT
    room[start : start + len(data)] = data
    return memoryview(room)[start : start + len(data)]
