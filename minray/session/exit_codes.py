"""How a process ended, in words."""

import signal


def describe_exit(exit_code: int) -> str:
    """An exit code, as `os.waitstatus_to_exitcode` gives it, in words.

    Example:
        >>> describe_exit(-9), describe_exit(1)
        ('killed by SIGKILL', 'ended with exit code 1')
    """
    if exit_code >= 0:
        return f"ended with exit code {exit_code}"
    try:
        return f"killed by {signal.Signals(-exit_code).name}"
    except ValueError:  # real-time signals have no names
        return f"killed by signal {-exit_code}"
