"""The graph is right, but what comes back are references.

Expect: references-returned
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


def answer(requests):
    for request in requests:
        confirm.remote(request)
    return [report.remote(request, classify.remote(request)) for request in requests]
