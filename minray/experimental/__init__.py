"""`ray.experimental`: of what Ray has here, only the old names of things that have moved.

- state: the state API, which is `util.state` now
"""

from .. import left_out

__getattr__ = left_out.attributes_of(__name__)
