"""`ray.internal`: for experiments with the object store."""

from .core_worker import current
from .core_worker.outbox import ids_of
from .exceptions import RaySystemError
from .values.ref import ObjectRef


def free(object_refs: ObjectRef | list[ObjectRef], local_only: bool = False) -> None:
    """Free objects although there are references to them; whoever asks for one gets `ObjectFreedError`.

    Objects are freed by themselves when nobody refers to them any more, so programs do not need this.  What a
    task is still to make is not freed.

    Args:
        object_refs: a reference, or a list of them.
        local_only: Ray's option for several nodes; without effect.

    Raises:
        TypeError: something is not a reference.
        RaySystemError: no session runs.

    Example:
        >>> ref = ray.put(np.zeros(1_000_000))
        >>> ray.internal.free([ref])
        >>> ray.get(ref)
        Traceback (most recent call last):
        minray.exceptions.ObjectFreedError: ...

    Source: `ray.internal.free` of Ray.
    """
    refs = [object_refs] if isinstance(object_refs, ObjectRef) else object_refs
    if not isinstance(refs, list):
        raise TypeError(f"free() expects a list of ObjectRef, not a {type(refs).__name__}.")
    for ref in refs:
        if not isinstance(ref, ObjectRef):
            raise TypeError(f"free() expects references; {ref!r} is a {type(ref).__name__}.")
    if current.core is None:
        raise RaySystemError("There is no session whose objects could be freed. Call init() first.")
    current.core.putting.free(ids_of(refs))
