"""One task does everything for a request.

Expect: steps-missing
"""

import minray as ray
from minray.lessons import nap
from minray.lessons.photos import look_at


@ray.remote
def confirm(request):
    nap(0.2)


@ray.remote
def classify(request):
    nap(0.5)
    return look_at(request.photo)


@ray.remote
def report(request, label):
    nap(0.2)
    return label


@ray.remote
def everything(request):
    nap(0.9)
    return look_at(request.photo)


def answer(requests):
    return ray.get([everything.remote(request) for request in requests])
