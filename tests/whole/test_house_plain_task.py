"""A plain task has nothing to do with actors, placement groups, streams, further nodes, and what goes wrong.

Whoever reads how a task comes from its submission to its end need not open a file about any of these, for
nothing in it is executed.  A hook on the calls of the local scheduler looks on while such a task goes by.
"""

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

from fake_node import Node
from house import REPOSITORY, check
from minray.wire.messages import STREAMING

OURS = REPOSITORY / "minray"
# What a plain task may go without: folders, files, or files whose names begin so.
EXTENSIONS = (
    *("scheduler/actors/", "scheduler/groups/", "scheduler/nodes/far", "far_node/"),
    *("scheduler/objects/streams", "scheduler/objects/lineage", "scheduler/objects/reconstruction"),
    *("scheduler/objects/unseen_errors", "scheduler/tasks/retries", "scheduler/tasks/cancelling"),
    *("object_store/spill", "object_store/files", "object_store/pulls", "object_store/copies"),
    *("object_store/transfers", "runtime_env"),
)


def entered(work: Callable[[], object]) -> set[str]:
    """The files of ours, below ``minray/``, of which something is called meanwhile."""
    files: set[str] = set()

    def look(frame: FrameType, event: str, argument: Any) -> None:  # noqa: ANN401
        if event == "call" and frame.f_code.co_filename.startswith(f"{OURS}/"):
            files.add(frame.f_code.co_filename.removeprefix(f"{OURS}/"))

    sys.setprofile(look)
    try:
        work()
    finally:
        sys.setprofile(None)
    return files


def of_extensions(files: set[str]) -> set[str]:
    """Those that belong to an extension."""
    return {file for file in files if file.startswith(EXTENSIONS)}


def a_task(**changes: Any) -> Callable[[], None]:  # noqa: ANN401
    """The way of a task over a node that has been made before: submitted, given to a worker, ended."""
    node = Node()
    node.finish(node.submit())  # nothing is new to the node any more

    def work() -> None:
        node.finish(node.submit(**changes))

    return work


def test_a_plain_task_enters_no_file_of_an_extension() -> None:
    check([f"{file} is entered" for file in sorted(of_extensions(entered(a_task())))])


def test_the_hook_sees_the_way_of_a_task() -> None:
    files = entered(a_task())
    assert "scheduler/local_scheduler.py" in files
    assert "scheduler/tasks/leases.py" in files


def test_the_hook_sees_a_task_that_is_not_plain() -> None:
    assert of_extensions(entered(a_task(num_returns=STREAMING)))


def test_extensions_are_files_of_ours() -> None:
    files = [path.relative_to(OURS).as_posix() for path in OURS.rglob("*.py")]
    for name in EXTENSIONS:
        assert any(file.startswith(name) for file in files), name
