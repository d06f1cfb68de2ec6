"""Classifying takes the e-mail as an argument that it does not need.

Expect: needless-wait
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


@ray.remote(name="classify")
def classify_after(request, sent):
    nap(0.5)
    return look_at(request.photo)


def answer(requests):
    labels = []
    for request in requests:
        sent = confirm.remote(request)
        labels.append(report.remote(request, classify_after.remote(request, sent)))
    return ray.get(labels)
