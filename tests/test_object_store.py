"""The object store: bookkeeping that adds up, segments that are shared, and nothing left after errors."""

import errno
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from minray.object_store import StoreBook, map_segment, new_segment
from minray.serialization import deserialize, serialize

# --- who has how much --------------------------------------------------------------------------------

CAPACITY = 100
names = st.sampled_from("abcdef")


class BookMachine(RuleBasedStateMachine):
    """The book, and beside it a plain dictionary of sizes."""

    def __init__(self) -> None:
        super().__init__()
        self.book = StoreBook(CAPACITY)
        self.sizes: dict[str, int] = {}

    @rule(name=names, size=st.integers(0, CAPACITY + 1))
    def create(self, name: str, size: int) -> None:
        if name in self.sizes:  # names are object ids, which are used once
            return
        fits = sum(self.sizes.values()) + size <= CAPACITY
        assert self.book.create(name, size) == fits
        if fits:
            self.sizes[name] = size

    @rule(name=names)
    def free(self, name: str) -> None:
        assert self.book.free(name) == self.sizes.pop(name, 0)

    @invariant()
    def it_adds_up(self) -> None:
        assert self.book.used == sum(self.sizes.values()) <= CAPACITY
        assert all(self.book.size(name) == size for name, size in self.sizes.items())


TestStoreBook = BookMachine.TestCase
TestStoreBook.settings = settings(max_examples=50, deadline=None)


def test_a_segment_that_fits_exactly_is_granted() -> None:
    book = StoreBook(100)
    assert book.create("a", 100)
    assert not book.create("b", 1)
    assert book.create("empty", 0)


def test_a_refused_segment_takes_no_room() -> None:
    book = StoreBook(100)
    assert not book.create("a", 101)
    assert book.used == 0
    assert book.free("a") == 0


# --- segments ----------------------------------------------------------------------------------------


def test_what_is_written_can_be_mapped(tmp_path: Path) -> None:
    path = tmp_path / "segment"
    with new_segment(path, 5) as memory:
        memory[:] = b"hello"
    assert bytes(map_segment(path)) == b"hello"


def test_a_new_segment_is_zeroed(tmp_path: Path) -> None:
    with new_segment(tmp_path / "segment", 10_000) as memory:
        assert bytes(memory) == bytes(10_000)


def test_a_mapped_segment_cannot_be_written(tmp_path: Path) -> None:
    with new_segment(tmp_path / "segment", 8):
        pass
    view = map_segment(tmp_path / "segment")
    assert view.readonly
    with pytest.raises(TypeError):
        view[0] = 1


def test_two_mappings_of_a_segment_see_the_same_memory(tmp_path: Path) -> None:
    path = tmp_path / "segment"
    with new_segment(path, 8):
        pass
    one, other = map_segment(path), map_segment(path)
    with path.open("r+b") as file:  # nobody does this; it shows that nothing was copied
        file.write(b"changed!")
    assert bytes(one) == bytes(other) == b"changed!"


def test_an_array_in_a_segment_outlives_its_file(tmp_path: Path) -> None:
    path = tmp_path / "segment"
    serialized = serialize(np.arange(100_000))
    with new_segment(path, serialized.size) as memory:
        serialized.write_into(memory)
    array = deserialize(map_segment(path))
    path.unlink()
    assert array.sum() == 100_000 * 99_999 // 2


def test_a_segment_is_private_to_its_user(tmp_path: Path) -> None:
    with new_segment(tmp_path / "segment", 8):
        pass
    assert (tmp_path / "segment").stat().st_mode & 0o777 == 0o600


def test_a_freed_segment_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        map_segment(tmp_path / "segment")


def test_no_descriptor_stays_open(tmp_path: Path) -> None:
    before = set(os.listdir("/dev/fd"))
    with new_segment(tmp_path / "segment", 8):
        pass
    view = map_segment(tmp_path / "segment")
    del view
    assert set(os.listdir("/dev/fd")) == before


# --- when something goes wrong -----------------------------------------------------------------------


def test_an_error_while_writing_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), new_segment(tmp_path / "segment", 8) as memory:
        memory[0] = 1 // 0
    assert list(tmp_path.iterdir()) == []


def test_an_interrupt_while_writing_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), new_segment(tmp_path / "segment", 8):
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


def test_a_segment_that_exists_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "segment").write_bytes(b"precious")
    with pytest.raises(FileExistsError), new_segment(tmp_path / "segment", 8):
        pytest.fail("it was entered")
    assert (tmp_path / "segment").read_bytes() == b"precious"


def test_a_folder_that_is_gone_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), new_segment(tmp_path / "gone" / "segment", 8):
        pytest.fail("it was entered")


def test_a_full_store_is_an_error_at_once_and_leaves_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:  # noqa: ANN401
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full, raising=False)
    with pytest.raises(OSError, match="No space left"), new_segment(tmp_path / "segment", 8):
        pytest.fail("it was entered")
    assert list(tmp_path.iterdir()) == []


def test_where_the_system_cannot_reserve_memory_it_is_written_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """macOS has no posix_fallocate."""
    monkeypatch.delattr(os, "posix_fallocate", raising=False)
    size = 2_500_000
    with new_segment(tmp_path / "segment", size) as memory:
        assert (tmp_path / "segment").stat().st_blocks * 512 >= size
        memory[-5:] = b"hello"
    view = map_segment(tmp_path / "segment")
    assert len(view) == size
    assert bytes(view[-5:]) == b"hello"


@pytest.fixture
def tiny(tmp_path: Path) -> Iterator[Path]:
    """A file system in memory with room for 256 kB; only root may make one."""
    folder = tmp_path / "tiny"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)]
    try:
        done = subprocess.run(command, capture_output=True)
    except FileNotFoundError:
        pytest.skip("there is no mount command here")
    if done.returncode:
        pytest.skip("this user may not mount anything")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.parametrize("reserve", [True, False])
def test_a_really_full_store_is_an_error_and_no_crash(
    tiny: Path, monkeypatch: pytest.MonkeyPatch, reserve: bool
) -> None:
    """Without reserving, the write below would end this process with SIGBUS."""
    if not reserve:
        monkeypatch.delattr(os, "posix_fallocate", raising=False)
    with new_segment(tiny / "fits", 200_000) as memory:
        memory[:] = bytes(200_000)
    with pytest.raises(OSError, match="No space left"), new_segment(tiny / "does not", 100_000):
        pytest.fail("it was entered")
    assert [path.name for path in tiny.iterdir()] == ["fits"]
