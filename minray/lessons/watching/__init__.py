"""What tasks did, read from the session's events, and what a learner predicted, as records and pictures.

::

    session.db --recording--> Recording --as_schedule--> Schedule --picture--> SVG and a table
                                  |                          ^
                              judging                    schedule: simulate(...)

Runs in the notebook's kernel, and reads the event store as anybody may.

- schedule: who works on what and when; the rule by which tasks get workers, played through (pure)
- recording: the tasks, calls and objects that the event store knows, as records; SQL stands here only
- picture: schedules as accessible SVG (pure)
- prediction: predict(...) before an experiment, compare(...) after it; a `Prediction` keeps what was guessed
"""
