"""Messages that are logged once, however often the place that logs them is passed.

Source: https://docs.ray.io/en/latest/ray-observability/ (Ray's own libraries use these helpers).
"""

import time

_PERIOD = 60.0  # seconds after which keys count as new again, if that was asked for

_logged: set[str] = set()
_disabled = False
_periodic = False
_last_logged = 0.0


def log_once(key: str) -> bool:
    """Whether this is the first call with this key in this process.

    Example:
        >>> if log_once("slow path"):
        ...     logger.warning("There is a faster way.")
    """
    global _last_logged
    if _disabled:
        return False
    now = time.monotonic()
    if _periodic and key in _logged and now - _last_logged > _PERIOD:
        _logged.clear()
        _last_logged = now
        return False  # the next call is the first again
    if key in _logged:
        return False
    _logged.add(key)
    _last_logged = now
    return True


def disable_log_once_globally() -> None:
    """Have `log_once` return False in this process from now on."""
    global _disabled
    _disabled = True


def enable_periodic_logging() -> None:
    """Have `log_once` forget all keys now and then (after 60 s without a first call)."""
    global _periodic
    _periodic = True


def reset_log_once(key: str | None = None) -> None:
    """Forget one key, or all of them."""
    if key is None:
        _logged.clear()
    else:
        _logged.discard(key)
