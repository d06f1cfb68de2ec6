"""`play`: the thirteen steps of a run with a slider and a play button; as text where there are no widgets."""

from typing import Any

from ..basics.display import show
from . import cluster_picture
from .scenes import StoryScene, scenes
from .under_the_hood import Story

MS_A_STEP = 2500


class Player:
    """Shows one scene at a time.

    Args:
        told: the scenes.

    Attributes:
        step: the number of the scene that is shown, counted from 1; set it to go there.
    """

    def __init__(self, told: list[StoryScene]) -> None:
        self._told = told
        self._step = 1
        self._widgets: list[tuple[Any, Any]] = []  # slider and picture, once for each display

    @property
    def step(self) -> int:
        """The number of the scene that is shown."""
        return self._step

    @step.setter
    def step(self, number: int) -> None:
        self._step = max(1, min(int(number), len(self._told)))
        for slider, picture in self._widgets:
            slider.value = self._step
            picture.value = cluster_picture.html(self.scene)

    @property
    def scene(self) -> StoryScene:
        """What is shown."""
        return self._told[self._step - 1]

    def widget(self) -> Any:  # noqa: ANN401 - ipywidgets has no types
        """Play button, slider and picture; the slider works with the arrow keys as well.

        Raises:
            ImportError: ipywidgets is not installed.
        """
        import ipywidgets  # type: ignore[import-untyped]

        last = len(self._told)
        play = ipywidgets.Play(min=1, max=last, value=self._step, interval=MS_A_STEP)
        slider = ipywidgets.IntSlider(min=1, max=last, value=self._step, description="step")
        ipywidgets.jslink((play, "value"), (slider, "value"))
        picture = ipywidgets.HTML(cluster_picture.html(self.scene))
        self._widgets.append((slider, picture))
        slider.observe(lambda change: setattr(self, "step", change["new"]), names="value")
        return ipywidgets.VBox([ipywidgets.HBox([play, slider]), picture])

    def __repr__(self) -> str:
        return "\n".join(scene.text for scene in self._told)


def play(story: Story) -> Player:
    """Show a run in thirteen steps.

    Args:
        story: what `under_the_hood.run` returned.

    Returns:
        The player; set its `step` to go somewhere from code.

    Example:
        >>> player = play(under_the_hood.run())
        >>> player.step = 10
        >>> player.scene.title
        'copied between nodes'
    """
    player = Player(scenes(story))
    show(player.widget, repr(player))
    return player
