"""`minray.dashboard()`: a page of the dashboard inside a notebook.

`minray.dashboard` is this package, so it can be imported from; and it is the name under which people look for
the dashboard, so it can be called too.  One name that does both is easier to remember than a second one, and
the call means the same as ``minray.dashboard.show``.
"""

import json
from html import escape
from importlib.util import find_spec
from types import ModuleType
from typing import Any

from minray.session import dashboard_link, folders

FRAME = """<iframe title="minray dashboard" style="width: 100%; height: {height}px; border: 1px solid #8884;
border-radius: 6px"></iframe>
<p><a href="{link}" target="_blank">Open in a tab of its own</a></p>"""
# In JupyterLab the page is reached below Jupyter's own address (wherever that is: localhost, JupyterHub,
# Binder) with Jupyter's own login.  Elsewhere the link with the token must do, under the name by which the
# notebook goes: browsers keep the cookies of a frame from another site to themselves.  The frame is sent
# to one address, once: a second one while the first is still loading leaves it empty now and then.
OUTPUT = """<div class="minray-dashboard">{frame}</div><script>
(() => {{
  const frame = [...document.querySelectorAll(".minray-dashboard iframe")].at(-1)
  const config = JSON.parse(document.getElementById("jupyter-config-data")?.textContent ?? "{{}}")
  const host = location.hostname === "localhost" ? "localhost" : "127.0.0.1"
  if ({proxied} && config.baseUrl) frame.src = config.baseUrl + {path}
  else frame.src = {link}.replace("127.0.0.1", host)
}})()
</script>"""


class Shown:
    """A page of the dashboard; a notebook shows it when it is the last value of a cell.

    Args:
        link: the address of the page.
        page: its name.
        height: in pixels.
    """

    def __init__(self, link: str, page: str, height: int) -> None:
        self._link, self._page, self._height = link, page, height

    def __repr__(self) -> str:
        return f"minray dashboard: {self._link}"

    def _repr_html_(self) -> str:
        frame = FRAME.format(link=escape(self._link), height=self._height)
        proxied = json.dumps(find_spec("jupyter_server_proxy") is not None)
        path = json.dumps(f"minray/?page={self._page}")
        return OUTPUT.format(frame=frame, proxied=proxied, path=path, link=json.dumps(self._link))


def show(page: str = "overview", height: int = 600) -> Shown:
    """Show a page of the dashboard in a notebook.

    Args:
        page: ``overview``, ``timeline``, ``tasks``, ``graph``, ``objects``, ``granularity`` or ``hood``.
        height: of the frame, in pixels.

    Returns:
        What a notebook shows as the page, and a prompt as its link.

    Raises:
        ValueError: there is no such page.
        RuntimeError: no dashboard runs.

    Example:
        >>> minray.init()
        >>> minray.dashboard("timeline")
    """
    if page not in PAGE_NAMES:
        raise ValueError(f"The dashboard has no page {page!r}. It has: {', '.join(PAGE_NAMES)}.")
    link = dashboard_link.running_link(folders.root())
    if link is None:
        raise RuntimeError(
            "No dashboard runs. minray.init() starts one, if Bokeh is installed "
            "(pip install 'minray[lab]') and it was not told include_dashboard=False."
        )
    return Shown(f"{link}&page={page}", page, height)


PAGE_NAMES = ("overview", "timeline", "tasks", "graph", "objects", "granularity", "hood")


class CallableModule(ModuleType):
    """A package that can be called, as `show` can."""

    def __call__(self, page: str = "overview", height: int = 600) -> Any:  # noqa: ANN401 (see `show`)
        """See `show`."""
        return show(page, height)


CallableModule.__call__.__doc__ = show.__doc__
