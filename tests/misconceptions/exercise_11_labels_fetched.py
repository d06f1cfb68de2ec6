"""The labels are fetched, and handed out again.

Expect: get-in-the-loop
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
    sent = [confirm.remote(request) for request in requests]
    labels = ray.get([classify.remote(request) for request in requests])
    ray.get(sent)
    pairs = zip(requests, labels, strict=True)
    return ray.get([report.remote(request, label) for request, label in pairs])
