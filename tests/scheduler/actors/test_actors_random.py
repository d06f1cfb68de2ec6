"""Whatever happens to actors: every call comes to one end, in order, and nothing is left behind."""

from hypothesis import given, settings
from hypothesis import strategies as st
from test_node_actors import ActorNode

from fake_node import result
from minray.gcs.schema import ActorState
from minray.wire.messages import KillActor, SubmitTask

ACTIONS = ("create", "call", "call", "call", "finish", "finish", "die", "kill", "let go")


class Story:
    """What a driver does with some actors, and what happens to them."""

    def __init__(self) -> None:
        self.node = ActorNode(cpus=2)
        self.actors: list[bytes] = []
        self.calls: dict[bytes, list[SubmitTask]] = {}
        self.finished: list[SubmitTask] = []

    def act(self, action: str, choice: int) -> None:
        if action == "create":
            restarts, cpus = choice % 3, choice % 2
            actor = self.node.create(len(self.actors) + 1, max_restarts=restarts, cpus=cpus)
            self.actors.append(actor)
            self.calls[actor] = []
            return
        held = [actor for actor in self.actors if actor]
        if not held:
            return
        actor = held[choice % len(held)]
        if action == "call":
            self.calls[actor].append(self.node.call(actor, max_retries=choice % 2))
        elif action == "finish":
            self.finish(actor)
        elif action == "die":
            self.die(actor)
        elif action == "kill":
            self.node.tell(self.node.driver, KillActor(actor, choice % 2 == 0))
            self.die(actor)
        else:
            self.node.let_go(actor)
            self.actors[self.actors.index(actor)] = b""

    def die(self, actor: bytes) -> None:
        known = self.node.scheduler.actors.table.by_id.get(actor)
        if (
            known is not None
            and known.worker is not None
            and known.worker.number in self.node.scheduler.clients
        ):
            self.node.die(self.node.scheduler.clients[known.worker.number])

    def finish(self, actor: bytes) -> bool:
        """The actor's worker does the next thing it was told; False if there is none."""
        known = self.node.scheduler.actors.table.by_id.get(actor)
        if known is None or known.worker is None or known.state == ActorState.DEAD:
            return False
        if known.state != ActorState.ALIVE:
            self.node.construct(actor)
            return True
        if not known.running:
            return False
        call = next(iter(known.running.values())).spec
        self.finished.append(call)
        assert known.worker.client is not None, "it is alive"
        self.node.tell(known.worker.client, self.node.done(call))
        return True


@given(st.lists(st.tuples(st.sampled_from(ACTIONS), st.integers(0, 11)), max_size=40))
@settings(max_examples=150, deadline=None)
def test_every_call_ends_once_in_the_order_of_the_calls_and_nothing_is_left(
    actions: list[tuple[str, int]],
) -> None:
    story = Story()
    node = story.node
    for action, choice in actions:
        story.act(action, choice)
    everyone = list(story.calls)
    while any([story.finish(actor) for actor in everyone]):
        pass
    for actor in everyone:
        node.tell(node.driver, KillActor(actor, True))
        story.die(actor)
        ended = [call for call in story.finished if call.actor == actor]
        assert ended == [call for call in story.calls[actor] if call in ended], "in the order of the calls"
    values = node.values()
    for calls in story.calls.values():
        assert all(result(call) in values for call in calls)
    assert node.available()["CPU"] == 2.0
    assert not node.scheduler.tasks.alive
    assert node.scheduler.queue.length == 0
