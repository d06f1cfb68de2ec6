"""The exercises, a file for each: what it hands out, its judge, and each mistake's expectation and hints.

Hint 2 of exercise 3, say, is in exercise_03: the second text in the `Finding` of the mistake that was made.
`judge` lists the mistakes in the order in which they are looked for, each a function with its finding; those
that are imported stand where the import says (for exercise 3 in exercise_01 and `judging.mistakes`).

All runs in the notebook's kernel, some of the tasks that are handed out in workers; there is no state.

- table: all of them, by the number that `check` takes; a new exercise is a new file and a line there
- exercise_00: 0a and 0b, a first task, and three of them
- exercise_01: squares as tasks
- exercise_01b: list scheduling by hand
- exercise_02: a loop of `wait` with a timeout shorter than the tasks
- exercise_03: squares as they come
- exercise_04: many tiny pieces of work in few tasks
- exercise_05: even shares of uneven pieces
- exercise_06: what was copied, read from the events of a run
- exercise_07: a task beside its data, on three nodes
- exercise_08: one large array, stored once
- exercise_09: a tree of sums
- exercise_10: a sum in parts
- exercise_11: a graph of tasks for each request
- exercise_12: one actor that counts, and the mistakes of all exercises with actors
- exercise_13: tasks that tell an actor
- exercise_14: failed tasks, and keeping what worked
- exercise_15: the first result wins, and the rest is cancelled
"""
