"""Where sessions live on disk, which of them are running, and what is swept away when.

::

    <temporary folder>/minray-<uid>/          0700, one per user ($MINRAY_HOME overrides it)
        dashboard.json                        port and token of the user's dashboard, while it runs
        session_2026-11-22_10-30-00_123456_4711/
            session.db                        the recording: all that is left when the session ends
            lock                              held (flock) as long as the session runs
            sockets/  logs/  spilled/         gone when the session ends
"""

import contextlib
import fcntl
import os
import shutil
import socket
import sys
import tempfile
import time
from pathlib import Path

KEEP_RECORDINGS = 20
KEEP_BYTES = 500_000_000

_LONGEST_SOCKET_PATH = 96
_CLUSTER_MARK = "cluster"


def root() -> Path:
    """The user's minray folder; made if need be, private to the user.

    Raises:
        OSError: the temporary folder cannot be written, or somebody else owns that name.
    """
    home = os.environ.get("MINRAY_HOME")
    # RAY_TMPDIR is Ray's name for the folder in which its sessions live.
    temporary = os.environ.get("RAY_TMPDIR") or tempfile.gettempdir()
    path = Path(home) if home else Path(temporary) / f"minray-{os.getuid()}"
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise _refused("make", path, error) from error
    if path.stat().st_uid != os.getuid():
        raise PermissionError(f"{path} belongs to another user. Set MINRAY_HOME to a folder of your own.")
    return path


def new_session(pid: int) -> Path:
    """Make the directory of a new session; its name says when it began and for which process.

    Raises:
        OSError: the folder is not writable.
    """
    now = time.time()
    name = f"session_{time.strftime('%Y-%m-%d_%H-%M-%S', time.localtime(now))}_{int(now % 1 * 1e6):06}_{pid}"
    path = root() / name
    try:
        for folder in (path, path / "sockets", path / "logs"):
            folder.mkdir(mode=0o700)
    except OSError as error:
        raise _refused("write to", path.parent, error) from error
    return path


def _refused(what: str, folder: Path, error: OSError) -> OSError:
    advice = "Set TMPDIR or MINRAY_HOME to a folder that you can write to, and call init() again."
    text = f"minray cannot {what} its session folder {folder} ({error.strerror}). {advice}"
    return OSError(error.errno, text)


def hold(session: Path) -> int:
    """Mark a session as running until the returned file descriptor is closed in every process.

    Raises:
        FileExistsError: it has been marked before.
    """
    begun = session / "lock.new"  # so that nobody finds a lock that is not held yet, and clears up
    fd = os.open(begun, os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(fd, fcntl.LOCK_EX)
    try:
        (session / "lock").hardlink_to(begun)
    except OSError:
        os.close(fd)
        raise
    finally:
        begun.unlink()
    return fd


def is_live(session: Path) -> bool:
    """Whether somebody still holds the session's lock."""
    try:
        fd = os.open(session / "lock", os.O_RDWR)
    except OSError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return False
    except OSError:
        return True
    finally:
        os.close(fd)


def list_sessions() -> list[Path]:
    """All sessions that have an event store, live and finished, the newest first."""
    found = [path.parent for path in root().glob("session_*/session.db")]
    return sorted(found, key=lambda path: path.name, reverse=True)


def running() -> list[Path]:
    """The sessions that a driver can join, the newest first."""
    folders = sorted(root().glob("session_*"), key=lambda path: path.name, reverse=True)
    return [folder for folder in folders if _listens(socket_path(folder))]


def find(address: str) -> Path:
    """The running session with this address.

    Args:
        address: "auto" for the newest of this user's, a session's name, or its folder.

    Raises:
        ConnectionError: there is no such session.
        ValueError: the address is that of a cluster of Ray's.
    """
    if ":" in address:
        raise ValueError(
            f"minray runs on this machine only and cannot join the cluster at {address!r}. Leave address "
            "out, or use Ray itself: import ray instead of minray, the rest stays the same."
        )
    live = running()
    found = [session for session in live if address in ("auto", session.name, str(session))]
    if not found:
        names = ", ".join(session.name for session in live) or "none"
        raise ConnectionError(
            f"Could not find a running session at the address {address!r}. Sessions that run: {names}. "
            "Call init() without an address to start one."
        )
    return found[0]


def newest_cluster() -> Path | None:
    """The session to which `init` without an address belongs, as in Ray; None if no cluster runs."""
    marked = sorted((mark.parent for mark in root().glob(f"session_*/{_CLUSTER_MARK}")), reverse=True)
    return next((session for session in marked if _listens(socket_path(session))), None)


def mark_as_cluster(session: Path) -> None:
    """No driver owns this session: it was started for drivers to come and go."""
    (session / _CLUSTER_MARK).touch()


def _listens(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            return False
    return True


def socket_path(session: Path) -> Path:
    """Where the session's local scheduler listens.

    The system allows about 100 bytes for such a path, and some temporary folders are long: then the socket
    gets a folder of its own with a short name.
    """
    path = session / "sockets" / "raylet"
    if len(os.fsencode(path)) <= _LONGEST_SOCKET_PATH:
        return path
    return _short_folder(session) / "raylet"


def listen(path: Path) -> socket.socket:
    """A socket that listens at this path."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listener.bind(str(path))
        listener.listen(1024)
    except OSError:
        listener.close()
        raise
    return listener


def python_path() -> list[str]:
    """Where workers are to look for modules: as this process does."""
    return [path or os.getcwd() for path in sys.path]


def node_socket(session: Path, node_name: str) -> Path:
    """Where the scheduler process of a further node listens to its workers."""
    return socket_path(session).with_name(f"r-{node_name}")


def object_socket(session: Path, node_name: str = "") -> Path:
    """Where a node's objects are to be had by other nodes."""
    return socket_path(session).with_name(f"o-{node_name}")


def _short_folder(session: Path) -> Path:
    import hashlib  # not worth its time at every start

    digest = hashlib.sha256(os.fsencode(session)).hexdigest()[:16]
    return Path("/tmp") / f"minray-{os.getuid()}-{digest}"


def spill_into(directory: str, session: Path, node_name: str = "") -> None:
    """Have what a node spills go to a directory of the user's: its own folder leads there.

    Raises:
        OSError: nothing can be written there.
    """
    _, folder = store_folders(session.name, node_name)
    target = Path(directory).absolute() / f"minray-{session.name}-{folder.name}"
    target.mkdir(mode=0o700, parents=True)
    folder.symlink_to(target, target_is_directory=True)


def _remove_folder(folder: Path) -> None:
    """Remove a folder, and the one that it leads to."""
    if folder.is_symlink():
        shutil.rmtree(folder.resolve(), ignore_errors=True)
        folder.unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)


def remove_node(session: Path, node_name: str) -> None:
    """Remove what a further node has left."""
    for folder in store_folders(session.name, node_name):
        _remove_folder(folder)
    for path in (node_socket(session, node_name), object_socket(session, node_name)):
        with contextlib.suppress(OSError):
            path.unlink()


def reduce_to_recording(session: Path) -> None:
    """Remove all of a finished session but its recording."""
    from ..gcs.store import fold  # SQLite takes long to load, and nobody waits any more now

    shutil.rmtree(_short_folder(session), ignore_errors=True)
    fold(session / "session.db")
    for path in list(session.iterdir()) if session.is_dir() else []:
        if path.name.startswith("session.db"):  # its log too, if somebody's reading kept it from being folded
            continue
        if path.is_dir():
            _remove_folder(path)
        else:
            with contextlib.suppress(OSError):
                path.unlink()
    with contextlib.suppress(OSError):
        session.rmdir()  # only succeeds when there is no recording


def sweep() -> None:
    """Clean up after sessions that could not do it themselves, and rotate old recordings out.

    Called during each `init`, so that even a machine that lost power is clean one session later.
    """
    kept_bytes = 0
    finished = [path for path in root().glob("session_*") if not is_live(path)]
    for place, session in enumerate(sorted(finished, key=lambda path: path.name, reverse=True)):
        with contextlib.suppress(OSError):
            had_lock = (session / "lock").exists()
            if is_live(session) or (not had_lock and time.time() - session.stat().st_mtime < 10):
                continue  # born in the meantime, or being born
            recording = session / "session.db"
            kept_bytes += recording.stat().st_size if recording.exists() else 0
            if had_lock:  # it could not clean up itself
                remove_shared_memory(session.name)
                reduce_to_recording(session)
            if place >= KEEP_RECORDINGS or kept_bytes > KEEP_BYTES:
                shutil.rmtree(session, ignore_errors=True)


def shared_memory_dir(session_name: str) -> Path:
    """Where a session keeps its objects: memory where the system offers it as files, else a folder."""
    base = Path("/dev/shm")
    if base.is_dir() and os.access(base, os.W_OK):
        return base / f"minray-{os.getuid()}-{session_name}"
    return root() / session_name / "objects"


def store_folders(session_name: str, node_name: str = "") -> tuple[Path, Path]:
    """Where a node keeps its objects: in memory, and on disk when that is full.

    Args:
        session_name: of the session.
        node_name: the short name of a further node; empty for the head.
    """
    memory, disk = shared_memory_dir(session_name), root() / session_name / "spilled"
    if node_name:
        memory, disk = memory / node_name, disk.with_name(f"spilled-{node_name}")
    return memory, disk


def remove_shared_memory(session_name: str) -> None:
    """Give a session's shared memory back to the system."""
    shutil.rmtree(shared_memory_dir(session_name), ignore_errors=True)
