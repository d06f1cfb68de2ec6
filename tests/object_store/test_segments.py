"""Segments: written once, mapped by many, used again by nobody who could disturb a view."""

import errno
import fcntl
import os
import resource
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from minray.object_store import segments
from minray.object_store.book import Segment
from minray.object_store.files import StoreFiles
from minray.object_store.room import GONE, REMOVE, RESTORE, SPILL, VIEWED, Job
from minray.object_store.segments import ObjectStore, StoreFolders
from minray.values.serialization import Serialized, deserialize, serialize
from runtime_tools import wait_until

MEGABYTE = 1024 * 1024


def data(size: int, fill: bytes = b"x") -> Serialized:
    """Something of exactly this size."""
    return Serialized(fill * size, [], ())


def folders(path: Path) -> StoreFolders:
    """One for memory and disk alike."""
    return StoreFolders(path, path)


@pytest.fixture
def store(tmp_path: Path) -> ObjectStore:
    return ObjectStore(folders(tmp_path))


def test_what_is_written_can_be_mapped(store: ObjectStore) -> None:
    store.write("1.1", False, data(5, b"h"))
    assert bytes(store.read("1.1", 5)) == b"hhhhh"


@pytest.mark.parametrize("size", [200_000, 3 * MEGABYTE])
def test_a_segment_that_is_used_again_holds_the_new_object(store: ObjectStore, size: int) -> None:
    for use in range(1, 5):
        serialized = serialize([np.full(size, use, dtype=np.uint8), b"more", bytearray(b"y") * use])
        store.write(f"1.{use}", use > 1, serialized)
        array, more, odd = deserialize(store.read(f"1.{use}", serialized.size))
        assert (array == use).all()
        assert (len(array), more, odd) == (size, b"more", bytearray(b"y") * use)
        store.path(f"1.{use}").rename(store.path(f"1.{use + 1}"))


def test_a_mapped_segment_cannot_be_written(store: ObjectStore) -> None:
    store.write("1.1", False, data(8))
    view = store.read("1.1", 8)
    assert view.readonly
    with pytest.raises(TypeError):
        view[0] = 1


def test_two_readers_of_a_segment_see_the_same_memory(store: ObjectStore, tmp_path: Path) -> None:
    store.write("1.1", False, data(8))
    one, other = store.read("1.1", 8), ObjectStore(folders(tmp_path)).read("1.1", 8)
    with store.path("1.1").open("r+b") as file:  # nobody does this; it shows that nothing was copied
        file.write(b"changed!")
    assert bytes(one) == bytes(other) == b"changed!"


def test_an_array_in_a_segment_outlives_its_file(store: ObjectStore) -> None:
    serialized = serialize(np.arange(100_000))
    store.write("1.1", False, serialized)
    array = deserialize(store.read("1.1", serialized.size))
    store.path("1.1").unlink()
    assert array.sum() == 100_000 * 99_999 // 2


def test_a_segment_is_private_to_its_user(store: ObjectStore) -> None:
    store.write("1.1", False, data(8))
    assert store.path("1.1").stat().st_mode & 0o777 == 0o600


def test_a_freed_segment_is_not_found(store: ObjectStore) -> None:
    with pytest.raises(FileNotFoundError):
        store.read("1.1", 8)


def test_a_segment_that_exists_is_not_overwritten(store: ObjectStore) -> None:
    store.path("1.1").write_bytes(b"precious")
    with pytest.raises(FileExistsError):
        store.write("1.1", False, data(8))
    assert store.path("1.1").read_bytes() == b"precious"


def test_a_folder_that_is_gone_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        ObjectStore(folders(tmp_path / "gone")).write("1.1", False, data(8))


@pytest.mark.parametrize("size", [8, MEGABYTE])
def test_a_segment_whose_file_somebody_has_deleted_is_written_anew(store: ObjectStore, size: int) -> None:
    store.write("1.2", True, data(size))
    assert bytes(store.read("1.2", 5)) == b"xxxxx"
    store.path("1.2").rename(store.path("1.3"))
    store.write("1.3", True, data(size))
    store.path("1.3").unlink()
    store.write("1.4", True, data(size, b"y"))
    assert bytes(store.read("1.4", 5)) == b"yyyyy"


# --- descriptors and mappings ------------------------------------------------------------------------


def test_no_descriptor_stays_open(store: ObjectStore) -> None:
    before = set(os.listdir("/dev/fd"))
    store.write("1.1", False, data(8))
    view = store.read("1.1", 8)
    del view
    assert set(os.listdir("/dev/fd")) == before


def test_two_views_of_one_segment_share_a_mapping(store: ObjectStore) -> None:
    store.write("1.1", False, data(8))
    one = store.read("1.1", 8)
    before = set(os.listdir("/dev/fd"))
    other = store.read("1.1", 8)
    assert set(os.listdir("/dev/fd")) == before
    assert one == other


def test_mappings_for_writing_are_kept_but_not_without_bound(
    store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segments, "WARM_SEGMENTS", 3)
    before = len(os.listdir("/dev/fd"))
    for number in range(6):
        store.path(f"{number}.2").write_bytes(bytes(MEGABYTE))
        store.write(f"{number}.2", True, data(MEGABYTE))
        assert bytes(store.read(f"{number}.2", 5)) == b"xxxxx"
    assert len(os.listdir("/dev/fd")) == before + 3
    store.forget(tuple(str(number) for number in range(6)))
    assert len(os.listdir("/dev/fd")) == before


def test_more_views_than_descriptors_are_allowed_if_the_system_lets_us(
    store: ObjectStore, tmp_path: Path
) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    in_use = max(int(name) for name in os.listdir("/dev/fd")) + 1
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (in_use + 5, hard))
        store.write("1.1", False, data(8))
        views = [ObjectStore(folders(tmp_path)).read("1.1", 8) for _ in range(20)]
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert all(bytes(view) == b"x" * 8 for view in views)


# --- when something goes wrong -----------------------------------------------------------------------


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


def test_a_really_full_store_is_an_error_and_no_crash(tiny: Path) -> None:
    """A store into a mapping would end this process with SIGBUS."""
    store = ObjectStore(folders(tiny))
    store.write("1.1", False, serialize(np.zeros(200_000, dtype=np.uint8)))
    with pytest.raises(OSError, match="No space left"):
        store.write("2.1", False, serialize(np.zeros(100_000, dtype=np.uint8)))


def test_where_nothing_more_can_be_mapped_it_is_written_all_the_same(
    store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_more(*_: Any, **__: Any) -> None:  # noqa: ANN401
        raise OSError(errno.ENOMEM, "Cannot allocate memory")

    store.path("1.2").write_bytes(bytes(MEGABYTE))
    monkeypatch.setattr(segments.mmap, "mmap", no_more)
    store.write("1.2", True, data(MEGABYTE))
    assert store.path("1.2").read_bytes() == b"x" * MEGABYTE


# --- views and recycling -----------------------------------------------------------------------------


@contextmanager
def store_files(folder: Path) -> Iterator[StoreFiles]:
    """The scheduler's side."""
    with closing(StoreFiles(folders(folder))) as files:
        yield files


def do(files: StoreFiles, *jobs: Job) -> list[tuple[Job, str]]:
    """Have jobs done and wait for it."""
    files.do(list(jobs))
    done: list[tuple[Job, str]] = []
    wait_until(lambda: done.extend(files.take_results()) or len(done) == len(jobs))
    return done


def test_a_segment_with_a_view_is_not_retired_until_the_view_is_gone(
    store: ObjectStore, tmp_path: Path
) -> None:
    with store_files(tmp_path) as files:
        serialized = serialize(np.arange(100_000))
        store.write("7.1", False, serialized)
        part = deserialize(store.read("7.1", serialized.size))[10:20]
        segment = Segment(7, serialized.size)
        assert not files.retire(segment)
        del part
        assert files.retire(segment)
        assert [path.name for path in tmp_path.iterdir()] == ["7.2"]
        with pytest.raises(FileNotFoundError):
            files.retire(segment)


def test_a_view_in_a_forked_process_counts_and_ends_with_it(store: ObjectStore, tmp_path: Path) -> None:
    with store_files(tmp_path) as files:
        store.write("7.1", False, data(100))
        view = store.read("7.1", 100)
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(write)
            os.read(read, 1)
            os._exit(0)
        del view
        assert not files.retire(Segment(7, 100))
        os.close(write)
        os.waitpid(child, 0)
        os.close(read)
        assert files.retire(Segment(7, 100))


def test_a_reader_that_comes_while_a_segment_is_retired_finds_nothing(
    store: ObjectStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has opened the file under its old name, but has not locked it yet."""
    lock = fcntl.flock

    def retired_just_before(fd: int, operation: int) -> None:
        if operation == fcntl.LOCK_SH:
            assert files.retire(Segment(7, 100))
        lock(fd, operation)

    with store_files(tmp_path) as files:
        store.write("7.1", False, data(100))
        monkeypatch.setattr(segments.fcntl, "flock", retired_just_before)
        with pytest.raises(FileNotFoundError):
            store.read("7.1", 100)


def test_what_is_to_be_removed_is_removed_by_the_thread(store: ObjectStore, tmp_path: Path) -> None:
    with store_files(tmp_path) as files:
        store.write("7.1", False, data(100))
        jobs = [Job(REMOVE, "7.1"), Job(REMOVE, "8.1")]  # the second was never written
        assert do(files, *jobs) == [(job, "") for job in jobs]
        assert list(tmp_path.iterdir()) == []


def test_an_object_is_spilled_and_restored(store: ObjectStore, tmp_path: Path) -> None:
    with store_files(tmp_path) as files:
        size = 2 * MEGABYTE + 5
        store.write("7.1", False, data(size, b"a"))
        with store.path("7.1").open("ab") as file:
            file.write(b"what the segment held before")
        spill = Job(SPILL, "7.1", "spilled-1", size)
        assert do(files, spill) == [(spill, "")]
        assert store.path("spilled-1").stat().st_size == size
        assert store.path("spilled-1").stat().st_mode & 0o777 == 0o600
        store.path("8.2").write_bytes(b"b" * (size + 10))  # a segment of the pool
        for target in ("8.2", "9.1"):
            assert do(files, Job(RESTORE, "spilled-1", target, size))[0][1] == ""
            assert bytes(store.read(target, size)) == b"a" * size


def test_an_object_that_is_viewed_is_not_spilled(store: ObjectStore, tmp_path: Path) -> None:
    with store_files(tmp_path) as files:
        store.write("7.1", False, data(100))
        view = store.read("7.1", 100)
        assert do(files, Job(SPILL, "7.1", "spilled-1", len(view)))[0][1] == VIEWED
        assert [path.name for path in tmp_path.iterdir()] == ["7.1"]


def test_what_goes_wrong_on_the_disk_is_told_and_leaves_nothing(store: ObjectStore, tmp_path: Path) -> None:
    with store_files(tmp_path) as files:
        assert do(files, Job(SPILL, "7.1", "spilled-1", 100))[0][1] == GONE
        store.write("7.1", False, data(100))
        assert "shorter" in do(files, Job(SPILL, "7.1", "spilled-1", 101))[0][1]
        assert [path.name for path in tmp_path.iterdir()] == ["7.1"]


class RecyclingMachine(RuleBasedStateMachine):
    """Two processes' worth of readers and writers on real files: no view ever changes."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        path = Path(self.folder.name)
        self.stores = [ObjectStore(folders(path)), ObjectStore(folders(path))]
        self.files = StoreFiles(folders(path))
        self.segments: dict[int, Segment] = {}  # by number: those that hold an object
        self.free: list[Segment] = []
        self.views: list[tuple[np.ndarray[Any, Any], int]] = []
        self.content: dict[int, tuple[int, int]] = {}  # by segment number: what is in it, and its size
        self.stamps = 0

    @rule(writer=st.integers(0, 1), size=st.sampled_from([1000, 2000, 30_000]))
    def put(self, writer: int, size: int) -> None:
        self.stamps += 1
        serialized = serialize(np.full(size, self.stamps, dtype=np.int32))
        again = [segment for segment in self.free if segment.capacity == serialized.size]
        segment = again[0] if again else Segment(self.stamps, serialized.size)
        if again:
            self.free.remove(segment)
        self.stores[writer].write(segment.name, bool(again), serialized)
        self.segments[segment.number] = segment
        self.content[segment.number] = self.stamps, serialized.size

    @precondition(lambda self: self.segments)
    @rule(reader=st.integers(0, 1), draw=st.data())
    def get(self, reader: int, draw: st.DataObject) -> None:
        number = draw.draw(st.sampled_from(sorted(self.segments)))
        stamp, size = self.content[number]
        view = deserialize(self.stores[reader].read(self.segments[number].name, size))
        self.views.append((view[5:] if draw.draw(st.booleans()) else view, stamp))

    @precondition(lambda self: self.views)
    @rule(draw=st.data())
    def drop_view(self, draw: st.DataObject) -> None:
        del self.views[draw.draw(st.integers(0, len(self.views) - 1))]

    @precondition(lambda self: self.segments)
    @rule(draw=st.data())
    def retire(self, draw: st.DataObject) -> None:
        number = draw.draw(st.sampled_from(sorted(self.segments)))
        segment = self.segments[number]
        viewed = self.content[number][0] in [stamp for _, stamp in self.views]
        assert self.files.retire(segment) == (not viewed)
        if not viewed:
            segment.use += 1
            self.free.append(self.segments.pop(number))

    @invariant()
    def no_view_changes(self) -> None:
        assert all((view == stamp).all() for view, stamp in self.views)

    def teardown(self) -> None:
        self.files.close()
        self.folder.cleanup()


@pytest.fixture(autouse=True)
def _few_bytes_are_many(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the random test, objects from 100 kB on count as large."""
    if request.cls is RecyclingMachine.TestCase:
        monkeypatch.setattr(segments, "WARM_BYTES", 5000)


TestRecycling = RecyclingMachine.TestCase
TestRecycling.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
