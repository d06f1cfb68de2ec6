"""How the answer to any exercise is judged, and what the learner is told.

::

    guard --Outcome--> evidence --an exercise's judge: mistakes, sharing_out, its own--> Finding --> verdict

Runs in the notebook's kernel.  All but guard is pure: a judge sees results and events, never a clock, so that
a right answer passes on any machine.

- guard: runs a learner's function, and interrupts it where the events say that it will never end
- evidence: what is known about one run, and questions to it that many judges ask
- verdict: a `Finding` with its expectation and hints; a `Verdict` shows as many of the hints as are due
- mistakes: findings that every exercise shares: exceptions, references instead of values, no result
- sharing_out: findings of several exercises about how work was cut into tasks
- exercise: what a check has to know about one exercise

The texts of hints stand where the finding is made: in the exercise's file, in mistakes, or in sharing_out.
How often a finding came up, and so which hint is next, `verdict.HintSteps` counts.
"""
