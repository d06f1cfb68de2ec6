"""Jobs: done in order, by no more threads than allowed, and their loop is woken."""

import select
import threading
from contextlib import closing

from minray.wire.jobs import Jobs


def take(jobs: "Jobs[int, int]", count: int) -> list[int]:
    """Wait as the loop does until so many results have come."""
    results: list[int] = []
    while len(results) < count:
        assert select.select([jobs.wake], [], [], 30)[0], "the loop is woken"
        results += jobs.take_results()
    return results


def test_jobs_are_done_in_order_and_the_loop_is_woken() -> None:
    with closing(Jobs(lambda number: number * 2, "doubling")) as jobs:
        jobs.do([])
        jobs.do([1, 2])
        jobs.do([3])
        assert take(jobs, 3) == [2, 4, 6]
        assert jobs.take_results() == []


def test_as_many_threads_as_allowed_work_at_once() -> None:
    both = threading.Barrier(2)

    def work(number: int) -> int:
        if number < 2:  # neither gets on alone
            both.wait(30)
        return number

    before = threading.active_count()
    with closing(Jobs(work, "meeting", threads=2)) as jobs:
        assert threading.active_count() == before, "no thread before there is a job"
        jobs.do([0, 1, 2, 3])
        assert len(take(jobs, 4)) == 4
        assert threading.active_count() == before + 2
    assert threading.active_count() == before
