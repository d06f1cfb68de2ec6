"""For those who teach and who write lessons; nothing here is imported by a learner's notebook.

::

    solutions/ --build--> notebooks/ --handed out--> learners' copies --grading--> grades.csv, grades.html
                                                                         |    ^
                                           grade_one, a process a notebook    points
                                                 |
                                           a kernel: the learner's cells, report in place of each check

- build: makes notebooks/ from solutions/, the answers left out (`make lessons`)
- strip: a git hook that keeps outputs out of commits (`make hooks`)
- grading: `minray check`: a process, a folder and a session for each notebook, with limits
- grade_one: that process: runs the cells in a kernel, and writes the marks as they come
- report: runs in that kernel, and prints a verdict where a check cell was
- points: which exercises a notebook has, and the tables of points (pure)

The marks of a notebook belong to grade_one; grading reads them when it has ended.
"""
