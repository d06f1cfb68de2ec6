"""What tasks print appears where the user looks, marked with the task's name and process."""

import re
from pathlib import Path
from types import ModuleType

import pytest

from runtime_tools import run_good_script, run_script, wait_for_rows

COLOURS = re.compile(r"\x1b\[[0-9;]*m")


def plain(text: str) -> str:
    """Text without its colours."""
    return COLOURS.sub("", text)


def test_a_print_in_a_task_appears_with_name_and_pid(tmp_path: Path) -> None:
    done = run_script(
        tmp_path,
        """
        import minray as ray

        ray.init(num_cpus=2, include_dashboard=False)

        @ray.remote
        def say(word):
            import os
            print("hello", word)
            return os.getpid()

        print("pid", ray.get(say.remote("world")))
        """,
    )
    pid = re.search(r"pid (\d+)", done.stdout)
    assert pid
    assert f"(say pid={pid[1]}) hello world" in plain(done.stdout).splitlines()


def test_nothing_that_was_printed_is_lost_when_the_script_ends_at_once(tmp_path: Path) -> None:
    output = run_good_script(
        tmp_path,
        """
        import minray as ray

        ray.init(num_cpus=2, include_dashboard=False)

        @ray.remote
        def say(n):
            print("line", n)

        ray.get([say.remote(n) for n in range(300)])
        """,
    )
    said = re.findall(r"\(say pid=\d+\) line (\d+)", plain(output))
    assert sorted(map(int, said)) == list(range(300))


def test_lines_keep_their_order_within_a_task(tmp_path: Path) -> None:
    output = run_good_script(
        tmp_path,
        """
        import minray as ray

        ray.init(num_cpus=2, include_dashboard=False)

        @ray.remote
        def count():
            for n in range(50):
                print("n", n)
            print("several\\nlines\\nat once")
            print("no newline at the end", end="")

        ray.get(count.remote())
        """,
    )
    lines = re.findall(r"\(count pid=\d+\) (.*)", plain(output))
    assert lines == [f"n {n}" for n in range(50)] + ["several", "lines", "at once", "no newline at the end"]


def test_standard_error_goes_to_standard_error(tmp_path: Path) -> None:
    done = run_script(
        tmp_path,
        """
        import sys
        import minray as ray

        ray.init(num_cpus=2, include_dashboard=False)

        @ray.remote
        def warn():
            print("careful", file=sys.stderr)
            print("fine")

        ray.get(warn.remote())
        """,
    )
    assert "careful" in done.stderr
    assert "careful" not in done.stdout
    assert "fine" in done.stdout


def test_a_print_appears_while_the_task_still_runs(tmp_path: Path) -> None:
    output = run_good_script(
        tmp_path,
        """
        import os, pathlib, sys, time
        import minray as ray

        ray.init(num_cpus=2, include_dashboard=False)

        flag = pathlib.Path(__file__).with_suffix(".flag")

        class Watch:
            def __init__(self, stream):
                self.stream = stream
            def write(self, text):
                if "half way" in text:
                    flag.touch()
                return self.stream.write(text)
            def flush(self):
                self.stream.flush()

        sys.stdout = Watch(sys.stdout)

        @ray.remote
        def report(flag):
            print("half way")
            deadline = time.monotonic() + 30
            while not flag.exists():
                assert time.monotonic() < deadline, "the driver did not print it"
                time.sleep(0.01)
            return "seen"

        print(ray.get(report.remote(flag)))
        """,
    )
    assert "seen" in output


def test_log_to_driver_false_keeps_them_quiet(tmp_path: Path) -> None:
    output = run_good_script(
        tmp_path,
        """
        import minray as ray

        ray.init(num_cpus=1, include_dashboard=False, log_to_driver=False)

        @ray.remote
        def say():
            print("psst")

        ray.get(say.remote())
        """,
    )
    assert "psst" not in output


def test_what_nested_tasks_print_appears_too(tmp_path: Path) -> None:
    output = run_good_script(
        tmp_path,
        """
        import minray as ray

        ray.init(num_cpus=2, include_dashboard=False)

        @ray.remote
        def inner():
            print("from inside")

        @ray.remote
        def outer():
            ray.get(inner.remote())

        ray.get(outer.remote())
        """,
    )
    assert re.search(r"\(inner pid=\d+\) from inside", plain(output))


def test_text_of_every_script_and_length_arrives(tmp_path: Path) -> None:
    output = run_good_script(
        tmp_path,
        """
        import minray as ray

        ray.init(num_cpus=2, include_dashboard=False)

        @ray.remote
        def say():
            print("ünïcödé \\N{SNOWMAN}", "x" * 100_000)

        ray.get(say.remote())
        """,
        PYTHONIOENCODING="utf-8",
    )
    assert "ünïcödé \N{SNOWMAN} " + "x" * 100_000 in output


def test_output_of_programs_that_a_task_runs_does_not_break_anything(tmp_path: Path) -> None:
    output = run_good_script(
        tmp_path,
        """
        import os, subprocess
        import minray as ray

        ray.init(num_cpus=2, include_dashboard=False)

        @ray.remote
        def run():
            subprocess.run(["echo", "by a program"], check=True)
            os.write(1, b"by hand\\n")
            return "done"

        print(ray.get(run.remote()))
        """,
    )
    assert "done" in output
    assert "by a program" in output
    assert "by hand" in output


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_the_event_store_keeps_what_was_printed(ray_session: ModuleType, stream: str) -> None:
    @ray_session.remote
    def say() -> None:
        import sys

        print("for the record", file=getattr(sys, stream))

    ray_session.get(say.remote())
    told = wait_for_rows("SELECT stream, text, name FROM logs JOIN tasks USING (task)")
    assert [(kind, text.strip()) for kind, text, _ in told] == [(stream, "for the record")]
    assert told[0][2].endswith("say")
