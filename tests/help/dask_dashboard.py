"""Dask's dashboard (it needs Bokeh, too) beside ours: how late its task stream is, for `dashboard_speed`.

::

    this process --starts--> Dask, in an interpreter that has it (MINRAY_RAY_PYTHON): tasks, dashboard
         '--headless Chromium--> /individual-task-stream, its page with the newest thousand tasks

(Dask has another page with all tasks, which falls behind; this one is what it is good at.)
"""

import importlib.util
import json
import os
import subprocess
import sys

from playwright.sync_api import Browser

SECONDS = 8.0
RATE = 300  # tasks a second: about what its scheduler manages here without falling behind

_DASK = """
import json, sys, time
from distributed import Client, LocalCluster

if __name__ == "__main__":
    options = {"processes": True, "dashboard_address": "127.0.0.1:0", "silence_logs": 50}
    with LocalCluster(n_workers=1, threads_per_worker=2, **options) as cluster, Client(cluster) as client:
        print(json.dumps(cluster.dashboard_link), flush=True)
        sys.stdin.readline()
        client.submit(time.sleep, 0.01).result()
        times = client.get_task_stream()[0]["startstops"][0]
        print(json.dumps((times["start"] + times["stop"]) / 2), flush=True)
        sys.stdin.readline()
        end, done = time.time() + SECONDS, 0
        began = time.time()
        while time.time() < end:
            time.sleep(0.02)
            count = int((time.time() - began) * RATE) - done
            done += count
            client.gather(client.map(abs, range(done, done + count), pure=False))
        print(json.dumps(done), flush=True)
        sys.stdin.readline()
"""
# Its times are those of the tasks' middles, in milliseconds since the first task's.
_WATCH = """(first) => {
    const models = [...Bokeh.documents[0]._all_models.values()]
    const source = models.find((model) => model.data?.duration_text)
    window.paints = []
    let seen = 0
    const look = () => {
        const {start, duration} = source.data
        let newest = 0
        for (let i = 0; i < start.length; i++) newest = Math.max(newest, start[i] + duration[i] / 2)
        if (newest <= seen) return
        seen = newest
        requestAnimationFrame(() => window.paints.push([0, Date.now() / 1000, first + newest / 1000]))
    }
    const signals = [source.streaming, source.change, source.properties.data.change]
    for (const signal of signals) signal.connect(look)
}"""


def python_with_dask() -> str | None:
    """An interpreter that has Dask, if there is one."""
    here = sys.executable if importlib.util.find_spec("dask") else None
    return os.environ.get("MINRAY_RAY_PYTHON", here)


def paints(browser: Browser, python: str) -> tuple[int, list[list[float]]]:
    """How many tasks Dask ran, and (number, time, time of the newest event in it) of each paint meanwhile."""
    code = _DASK.replace("SECONDS", str(SECONDS)).replace("RATE", str(RATE))
    command = [python, "-c", code]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as dask:
        said, told = dask.stdout, dask.stdin
        assert said is not None
        assert told is not None

        def answer() -> object:
            return json.loads(said.readline())

        def go_on() -> None:
            told.write("\n")
            told.flush()

        link = str(answer()).removesuffix("/status")
        page = browser.new_page()
        page.goto(f"{link}/individual-task-stream")
        page.wait_for_function("() => window.Bokeh?.documents[0]?.roots().length")
        go_on()
        first = answer()
        page.wait_for_timeout(2_000)
        page.evaluate(_WATCH, first)
        go_on()
        page.wait_for_timeout(SECONDS * 1000 + 1_000)
        done = answer()
        found: list[list[float]] = page.evaluate("() => window.paints")
        page.close()
        go_on()
    assert isinstance(done, int)
    return done, found
