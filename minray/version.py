"""The version of minray."""

__version__ = "0.1.0"
