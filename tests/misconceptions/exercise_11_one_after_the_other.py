"""Every step is awaited before the next one.

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
    labels = []
    for request in requests:
        ray.get(confirm.remote(request))
        label = ray.get(classify.remote(request))
        labels.append(ray.get(report.remote(request, label)))
    return labels
