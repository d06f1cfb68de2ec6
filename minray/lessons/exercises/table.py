"""All exercises, by the number that `check` takes: a new one is a file beside this one and a line below."""

from ..judging.exercise import Exercise
from . import (
    exercise_00,
    exercise_01,
    exercise_01b,
    exercise_02,
    exercise_03,
    exercise_04,
    exercise_05,
    exercise_06,
    exercise_07,
    exercise_08,
    exercise_09,
    exercise_10,
    exercise_11,
    exercise_12,
    exercise_13,
    exercise_14,
    exercise_15,
)

EXERCISES: dict[int | str, Exercise] = {
    "0a": exercise_00.FIRST,
    "0b": exercise_00.SECOND,
    1: exercise_01.EXERCISE,
    "1b": exercise_01b.EXERCISE,
    2: exercise_02.EXERCISE,
    3: exercise_03.EXERCISE,
    4: exercise_04.EXERCISE,
    5: exercise_05.EXERCISE,
    6: exercise_06.EXERCISE,
    7: exercise_07.EXERCISE,
    8: exercise_08.EXERCISE,
    9: exercise_09.EXERCISE,
    10: exercise_10.EXERCISE,
    11: exercise_11.EXERCISE,
    12: exercise_12.EXERCISE,
    13: exercise_13.EXERCISE,
    14: exercise_14.EXERCISE,
    15: exercise_15.EXERCISE,
}
