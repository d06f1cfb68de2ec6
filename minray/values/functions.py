"""Functions and classes as bytes: code, closure and global variables, and where their modules are found."""

import os
import pickle
import sys
from collections.abc import Callable
from types import BuiltinFunctionType, CodeType, FunctionType, ModuleType
from typing import Any

from ..exceptions import OufOfBandObjectRefSerializationException
from .check_serialize import ADVICE, unserializable
from .ref import CollectRefs
from .serialization import dumps


def serialize_function(function: Callable[..., Any], name: str) -> bytes:
    """Turn a function's code, closure and globals into bytes, together with where its modules may be found.

    Raises:
        TypeError: something that the function uses cannot be pickled; the message names it.
    """
    try:
        code = dumps(function)
    except OufOfBandObjectRefSerializationException:
        raise
    except Exception as error:
        culprits = "; ".join(_unpicklable_parts(function)) or "something that it refers to"
        kind, suffix = ("actor class", ".__init__") if isinstance(function, type) else ("function", "")
        full_name = f"{function.__module__}.{getattr(function, '__qualname__', name)}{suffix}"
        why = (
            f"The function {name!r} cannot be sent to a worker, because it uses {culprits} "
            f"({type(error).__name__}: {error}). "
        )
        raise unserializable(f"the {kind} {full_name}", function, why + ADVICE) from error
    folders = [os.path.abspath(folder) for folder in sys.path if os.path.exists(folder or ".")]
    return pickle.dumps((code, folders), 5)


def deserialize_function(data: bytes) -> Callable[..., Any]:
    """Turn bytes back into the function; folders that its process added to sys.path are added here too."""
    code, folders = pickle.loads(data)
    sys.path += [folder for folder in folders if folder not in sys.path]
    function: Callable[..., Any] = pickle.loads(code)
    return function


def _unpicklable_parts(function: Callable[..., Any]) -> list[str]:
    """The variables of a function that cannot be pickled, described for people."""
    code = getattr(function, "__code__", None)
    if not isinstance(function, FunctionType) or code is None:
        return []
    parts: list[tuple[str, str, Any]] = []
    for variable, cell in zip(code.co_freevars, function.__closure__ or (), strict=True):
        try:
            parts.append(("the variable", variable, cell.cell_contents))
        except ValueError:  # not assigned yet
            continue
    for name in _global_names(code):
        if name in function.__globals__:
            parts.append(("the global variable", name, function.__globals__[name]))
    found = []
    for kind, name, value in parts:
        if value is function or isinstance(value, (ModuleType, BuiltinFunctionType)):
            continue
        try:
            with CollectRefs():
                dumps(value)
        except Exception:
            found.append(f"{kind} {name!r} (a {type(value).__name__})")
    return found


def _global_names(code: CodeType) -> set[str]:
    """The global names that a piece of code and the functions within it mention."""
    names = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            names |= _global_names(constant)
    return names
