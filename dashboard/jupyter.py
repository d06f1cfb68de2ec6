"""The tile in JupyterLab's Launcher, and the panel that opens from it.

jupyter-server-proxy finds `proxy_entry` through the entry point ``jupyter_serverproxy_servers``.  It starts
the dashboard on a Unix socket when the panel is first opened, asks for Jupyter's own login before it lets
anybody through, and keeps the address below Jupyter's own: ``<base url>/minray/``.
"""

import sys
from pathlib import Path
from typing import Any

ICON = Path(__file__).parent / "icon.svg"
START_SECONDS = 30.0  # a cold disk may take long to load Bokeh from


def proxy_entry() -> dict[str, Any]:
    """What jupyter-server-proxy wants to know about the dashboard; see its `ServerProcess`."""
    return {
        "command": [sys.executable, "-m", "minray.dashboard", "--unix-socket", "{unix_socket}"],
        "unix_socket": True,
        "timeout": START_SECONDS,
        "absolute_url": False,
        "new_browser_tab": False,
        # An open dashboard asks for news all day; that must not keep an idle server from being culled.
        "update_last_activity": False,
        "launcher_entry": {
            "enabled": True,
            "title": "minray dashboard",
            "icon_path": str(ICON),
            "category": "Notebook",
        },
    }
