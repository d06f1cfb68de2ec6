"""The state API under its old name."""

from ...util.state import *  # noqa: F403 - the same names
from ...util.state import __all__ as __all__
