"""A small photo service for lesson 06; learners import its names from here, in the notebook and in workers.

::

    Request(number, photo) --> look_at(photo) -> label          NumPy only, trained in a fraction of a second
                           \\-> Outbox.send(to, text)           "e-mail": a file in a folder of this machine

- pictures: the pictures, which the course draws itself, and the requests that bring them
- classifier: what a picture shows; each process keeps the weights that it has learned
- outbox: a folder with one file for each e-mail
"""

from .classifier import look_at
from .outbox import Outbox
from .pictures import KINDS, Request, draw_photo, some_requests

__all__ = ["KINDS", "Outbox", "Request", "draw_photo", "look_at", "some_requests"]
