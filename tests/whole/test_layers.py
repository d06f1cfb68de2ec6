"""Which room may import which, what each process keeps out, and no circle anywhere.

The imports are read from the source: those inside functions too, since an import that is postponed still ties
two modules together, and those for type checkers only, since who reads one must know the other.
"""

import pytest

import house
from house import House, check

HOUSE = House.read()

# From the roof to the ground: each room, and what it may import from below: rooms, or single modules of them,
# such as gcs/schema.  A folder in a room is a room of its own.
MAY_IMPORT = {
    # what stands on Ray's interface
    "lessons/teachers": "lessons lessons/exercises lessons/basics cli",
    "lessons": "lessons/exercises lessons/experiments lessons/hood lessons/judging lessons/watching"
    " lessons/basics",
    "lessons/exercises": "lessons/hood lessons/judging lessons/watching lessons/photos lessons/basics",
    "lessons/judging": "lessons/watching lessons/basics wire",
    "lessons/hood": "lessons/watching lessons/basics face frontend lessons/figures session/folders gcs wire",
    "lessons/experiments": "lessons/basics lessons/figures",
    "lessons/watching": "lessons/basics lessons/figures gcs",
    "lessons/photos": "lessons/basics",
    "lessons/basics": "face driver frontend util",
    "microbenchmark": "face",
    "cli": "util/state session gcs wire",
    "experimental": "left_out",
    "experimental/state": "util/state",
    "_private": "face left_out util/state core_worker/current session/here wire",
    "util": "face left_out frontend values/check_serialize session/here wire",
    "util/joblib": "face driver util/multiprocessing",
    "util/multiprocessing": "face driver frontend util/debug",
    "util/state": "core_worker/current session gcs wire",
    # what Ray's users import by that name: modules of all heights
    "face": "lessons/teachers microbenchmark cli driver frontend core_worker session values gcs wire",
    # drivers and workers
    "driver": "face core_worker session gcs/store wire",
    "worker": "runtime_env frontend core_worker values object_store session wire",
    "frontend": "runtime_env left_out core_worker values session/here wire",
    "core_worker": "values object_store session wire",
    "values": "wire",
    # the local scheduler
    "scheduler": "scheduler/actors scheduler/groups scheduler/nodes scheduler/tasks scheduler/objects"
    " scheduler/tables object_store session gcs/schema wire",
    "scheduler/groups": "scheduler/nodes scheduler/tasks scheduler/objects scheduler/tables gcs/schema wire",
    "scheduler/actors": "scheduler/nodes scheduler/tasks scheduler/objects scheduler/tables gcs/schema wire",
    "scheduler/nodes": "scheduler/tasks scheduler/objects scheduler/tables object_store session wire",
    "scheduler/tasks": "scheduler/objects scheduler/tables object_store/folders gcs/schema wire",
    "scheduler/objects": "scheduler/tables object_store wire",
    "scheduler/tables": "object_store gcs/schema wire",
    # a further node
    "far_node": "object_store session wire",
    # the dashboard: reads what the event store remembers, and cannot disturb the runtime
    "dashboard": "dashboard/server session/folders session/dashboard_link",
    "dashboard/server": "dashboard/frame dashboard/pages dashboard/view dashboard/data"
    " session/folders session/dashboard_link gcs/chrome_trace gcs/store",
    "dashboard/frame": "dashboard/view dashboard/data gcs/schema",
    "dashboard/pages": "dashboard/timeline dashboard/view dashboard/data lessons/figures gcs/schema",
    "dashboard/timeline": "dashboard/view dashboard/data gcs/schema",
    "dashboard/view": "dashboard/data lessons/figures gcs/schema",
    "dashboard/data": "session/folders gcs/schema gcs/store",
    # what all build on
    "session": "gcs/store wire",
    "object_store": "wire",
    "gcs": "wire",
    "lessons/figures": "",
    "wire": "",
}
# A leaf of the face: it imports no more than ids and errors from `wire`.
EVERYBODY = ("exceptions", "version")
# Ray's names are at the top of the package, and users' programs are below and above them.
OF_ALL_HEIGHTS = ("face",)

# What each process, and each room that is in several, never brings with it, not even through others.
NEVER_IN = {
    "core_worker": "scheduler far_node worker driver gcs/process session/supervisor dashboard lessons",
    "worker": "scheduler far_node driver gcs/process session/supervisor dashboard lessons",
    "scheduler": "core_worker worker driver frontend face/api values far_node gcs/process session/supervisor",
    "far_node": "core_worker worker driver frontend face/api values scheduler gcs/process session/supervisor",
    "gcs": "core_worker worker driver frontend face/api values scheduler far_node session object_store",
    "session/supervisor": "core_worker worker driver frontend values scheduler far_node gcs/process",
    "object_store": "core_worker worker driver frontend values scheduler far_node",
    "dashboard": "core_worker worker driver frontend values scheduler far_node gcs/process session/supervisor"
    " session/here",
}


def test_the_reader_of_imports_sees_what_is_there() -> None:
    assert "minray/gcs/store.py" in HOUSE.imports["minray/gcs/chrome_trace.py"]
    assert "minray/api.py" in HOUSE.imports["minray/public.py"]
    assert "minray/gcs/schema.py" in HOUSE.reachable("dashboard/server/server.py")


def test_no_import_goes_round_in_a_circle() -> None:
    check(house.circles(HOUSE))


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_a_room_imports_only_what_its_row_allows(room: str) -> None:
    check(house.wrong_arrows(HOUSE, room, MAY_IMPORT[room], EVERYBODY))


def test_every_room_has_a_row_and_every_row_a_room() -> None:
    assert {house.room_of(path) for path in HOUSE.sources} == set(MAY_IMPORT)


def test_the_table_itself_has_no_circle() -> None:
    check(house.rows_upside_down(MAY_IMPORT, OF_ALL_HEIGHTS))


@pytest.mark.parametrize("process", NEVER_IN)
def test_a_process_boundary_is_an_import_boundary(process: str) -> None:
    check(house.crossed_boundaries(HOUSE, process, NEVER_IN[process]))


def test_the_runtime_does_not_need_the_dashboard() -> None:
    for path, imported in HOUSE.imports.items():
        if not path.startswith("dashboard/"):
            assert not [other for other in imported if other.startswith("dashboard/")], path
