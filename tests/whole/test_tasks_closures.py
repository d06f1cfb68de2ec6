"""What travels with a function: globals, closures, redefinitions, and the folder beside the script."""

import textwrap
from pathlib import Path
from types import ModuleType

import pytest

from runtime_tools import run_good_script

OFFSET = 100


def test_a_closure_travels_as_it_is_at_the_first_call(ray_session: ModuleType) -> None:
    factor = 3

    @ray_session.remote
    def scaled(x: int) -> int:
        return factor * x

    assert ray_session.get(scaled.remote(2)) == 6


def test_a_function_redefined_under_the_same_name_is_the_new_one(ray_session: ModuleType) -> None:
    @ray_session.remote
    def answer() -> int:
        return 1

    assert ray_session.get(answer.remote()) == 1

    @ray_session.remote
    def answer() -> int:
        return 2

    assert ray_session.get([answer.remote() for _ in range(20)]) == [2] * 20


def test_a_redefinition_with_the_same_text_sees_its_new_helper(ray_session: ModuleType) -> None:
    def build(result: int) -> object:
        def helper() -> int:
            return result

        @ray_session.remote
        def call() -> int:
            return helper()

        return call.remote()

    assert [ray_session.get(build(n)) for n in range(5)] == list(range(5))


def test_a_recursive_function_finds_itself(ray_session: ModuleType) -> None:
    @ray_session.remote
    def countdown(n: int) -> list[int]:
        return [n] if n == 0 else [n, *ray_session.get(countdown.remote(n - 1))]

    assert ray_session.get(countdown.remote(4)) == [4, 3, 2, 1, 0]


def test_two_functions_that_call_each_other_find_each_other(tmp_path: Path) -> None:
    output = run_good_script(
        tmp_path,
        """
        import minray as ray

        ray.init(num_cpus=2, include_dashboard=False)

        @ray.remote
        def ping(n):
            return ["ping"] + (ray.get(pong.remote(n - 1)) if n else [])

        @ray.remote
        def pong(n):
            return ["pong"] + (ray.get(ping.remote(n - 1)) if n else [])

        print(ray.get(ping.remote(3)))
        """,
    )
    assert "['ping', 'pong', 'ping', 'pong']" in output


def test_globals_classes_and_helpers_of_main_travel(tmp_path: Path) -> None:
    output = run_good_script(
        tmp_path,
        """
        import math
        import minray as ray
        from dataclasses import dataclass

        ray.init(num_cpus=2, include_dashboard=False)
        SCALE = 2

        @dataclass
        class Point:
            x: float
            y: float

            def norm(self):
                return math.hypot(self.x, self.y)

        class Special(Point):
            def norm(self):
                return SCALE * super().norm()

        def halve(point):
            return Special(point.x / 2, point.y / 2)

        @ray.remote
        def work(point):
            return halve(point)

        if __name__ == "__main__":
            result = ray.get(work.remote(Special(6, 8)))
            assert isinstance(result, Special), type(result)
            print("norm", result.norm())
        """,
    )
    assert "norm 10.0" in output


def test_a_script_without_a_main_guard_is_not_run_again_by_its_workers(tmp_path: Path) -> None:
    output = run_good_script(
        tmp_path,
        """
        import minray as ray

        print("top of the script")
        ray.init(num_cpus=4, include_dashboard=False)

        @ray.remote
        def one():
            return 1

        print("sum", sum(ray.get([one.remote() for _ in range(20)])))
        """,
    )
    assert output.count("top of the script") == 1
    assert "sum 20" in output


def test_cells_of_a_notebook_redefine_functions_and_globals(tmp_path: Path) -> None:
    cells = [
        "import minray as ray; ray.init(num_cpus=2, include_dashboard=False)",
        "base = 1\n@ray.remote\ndef f():\n    return base",
        "print('first', ray.get(f.remote()))",
        "base = 10\n@ray.remote\ndef f():\n    return base + 1",
        "print('second', ray.get(f.remote()))",
        "ray.shutdown()",
    ]
    output = run_good_script(
        tmp_path,
        f"""
        from IPython.core.interactiveshell import InteractiveShell

        shell = InteractiveShell.instance()
        for cell in {cells!r}:
            shell.run_cell(cell).raise_error()
        """,
        IPYTHONDIR=str(tmp_path / "ipython"),
    )
    assert "first 1" in output
    assert "second 11" in output


def test_a_task_may_import_what_stands_beside_the_script(tmp_path: Path) -> None:
    (tmp_path / "neighbour.py").write_text("class Kind:\n    value = 42\n")
    output = run_good_script(
        tmp_path,
        """
        import minray as ray
        from neighbour import Kind

        ray.init(num_cpus=2, include_dashboard=False)

        @ray.remote
        def look(kind):
            import neighbour
            assert kind is neighbour.Kind
            return kind.value

        print("value", ray.get(look.remote(Kind)))
        """,
    )
    assert "value 42" in output


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_task_may_import_from_a_folder_added_to_the_path(tmp_path: Path, when: str) -> None:
    folder = tmp_path / "library"
    folder.mkdir()
    (folder / "borrowed.py").write_text("def tell():\n    return 'borrowed'\n")
    add = f"sys.path.append({str(folder)!r})"
    output = run_good_script(
        tmp_path,
        textwrap.dedent(
            f"""
            import sys
            import minray as ray

            {add if when == "before" else ""}
            ray.init(num_cpus=1, include_dashboard=False)
            {add if when == "after" else ""}
            from borrowed import tell

            @ray.remote
            def work():
                return tell()

            print(ray.get(work.remote()))
            """
        ),
    )
    assert "borrowed" in output


def test_a_task_runs_in_the_drivers_folder_with_its_environment(tmp_path: Path) -> None:
    output = run_good_script(
        tmp_path,
        """
        import os, tempfile
        import minray as ray

        os.chdir(os.path.dirname(os.path.abspath(__file__)))
        ray.init(num_cpus=2, include_dashboard=False)

        @ray.remote
        def where():
            return os.getcwd(), os.environ["LESSON"]

        assert ray.get(where.remote()) == (os.getcwd(), "nine"), ray.get(where.remote())
        print("same")
        """,
        LESSON="nine",
    )
    assert "same" in output


def test_a_large_array_in_a_closure_arrives(ray_session: ModuleType) -> None:
    import numpy as np

    table = np.arange(500_000)

    @ray_session.remote
    def look(n: int) -> int:
        return int(table[n])

    assert ray_session.get([look.remote(n) for n in (0, 499_999)]) == [0, 499_999]


def test_a_global_of_the_tests_module_is_seen(ray_session: ModuleType) -> None:
    @ray_session.remote
    def shifted(x: int) -> int:
        return x + OFFSET

    assert ray_session.get(shifted.remote(1)) == 101


def test_a_reference_in_a_closure_can_be_fetched(ray_session: ModuleType) -> None:
    stored = ray_session.put("from the closure")

    @ray_session.remote
    def look() -> str:
        return str(ray_session.get(stored))

    assert ray_session.get(look.remote()) == "from the closure"
