"""What there is to grade in a learner's notebook, and the tables of points.  Pure: no kernel, no process.

::

    the lesson as handed out --questions_of--> Question("1b", function "total_time"), ...
    the learner's notebook   --to_run--------> its cells, each check cell exchanged for one of our own
    what those said          --as_csv, as_html--> one row a notebook, one column an exercise
"""

import csv
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

_CHECK = re.compile(r'check\(\s*(?P<number>\d+|"\w+"),\s*(?P<function>\w+)\s*\)')


@dataclass(frozen=True)
class Question:
    """An exercise of a lesson.

    Attributes:
        number: as `check` takes it, as text: ``1`` or ``1b``.
        function: the name of the learner's function.
        cell: the id of the cell that checks it.
    """

    number: str
    function: str
    cell: str


@dataclass(frozen=True)
class Mark:
    """What became of one exercise in one notebook.

    Attributes:
        points: 1 if it passed, else 0.
        finding: the name of what was found, such as "get-in-the-loop".
        words: what happened, in a sentence.
    """

    points: int
    finding: str
    words: str = ""


NOT_REACHED = Mark(0, "not-reached", "The notebook did not come to this exercise: see the note.")


@dataclass(frozen=True)
class Sheet:
    """The marks of one notebook.

    Attributes:
        notebook: its path below the folder that is graded.
        lesson: the lesson it belongs to; "" if none is like it.
        marks: by exercise.
        note: anything that went wrong with the notebook as a whole.
    """

    notebook: str
    lesson: str
    marks: Mapping[str, Mark]
    note: str = ""

    @property
    def points(self) -> int:
        """The sum."""
        return sum(mark.points for mark in self.marks.values())


def questions_of(lesson: Any) -> list[Question]:  # noqa: ANN401 - a NotebookNode, which has no types
    """The exercises of a lesson, in its order."""
    found = []
    for cell in lesson.cells:
        match = _CHECK.search(cell.source) if "check" in cell.metadata.get("tags", []) else None
        if match:
            found.append(Question(match["number"].strip('"'), match["function"], cell.id))
    return found


def lesson_like(notebook: Any, lessons: Mapping[str, Any]) -> str:  # noqa: ANN401
    """The lesson that a notebook is a copy of: the one with most of the same cells; "" if there is none."""
    ids = {cell.get("id") for cell in notebook.cells}
    shared = {name: len(ids & {cell.id for cell in lesson.cells}) for name, lesson in lessons.items()}
    best = max(shared, key=lambda name: shared[name], default="")
    return best if best and shared[best] > 1 else ""


def to_run(notebook: Any, questions: Sequence[Question], token: str) -> list[tuple[str, str]]:  # noqa: ANN401
    """The code cells of a notebook, each with the exercise that it grades ("" for most).

    What the learner wrote into a check cell does not count: our own takes its place. Checks whose cells
    are gone come at the end.

    Args:
        notebook: the learner's.
        questions: of its lesson.
        token: begins each line in which a check reports.
    """
    by_cell = {question.cell: question for question in questions}
    cells = []
    for cell in notebook.cells:
        question = by_cell.pop(cell.get("id"), None)
        if question is not None:
            cells.append((_report(question, token), question.number))
        elif cell.cell_type == "code":
            cells.append((cell.source, ""))
    return cells + [(_report(question, token), question.number) for question in by_cell.values()]


def _report(question: Question, token: str) -> str:
    return (
        "import minray.lessons.teachers.report as _minray_report\n"  # no name that a learner may have used
        f"_minray_report.report({question.number!r}, globals().get({question.function!r}), {token!r})"
    )


def columns_of(sheets: Sequence[Sheet]) -> list[str]:
    """All exercises of these sheets, each once."""
    return list(dict.fromkeys(number for sheet in sheets for number in sheet.marks))


def as_csv(sheets: Sequence[Sheet]) -> str:
    """One row a notebook: its points in each exercise (empty where it has none of that number)."""
    text = io.StringIO()
    table = csv.writer(text)
    columns = columns_of(sheets)
    table.writerow(
        ["notebook", "lesson", *(f"exercise {number}" for number in columns), "points", "of", "note"]
    )
    for sheet in sheets:
        marks = [sheet.marks[number].points if number in sheet.marks else "" for number in columns]
        table.writerow([sheet.notebook, sheet.lesson, *marks, sheet.points, len(sheet.marks), sheet.note])
    return text.getvalue()


_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Points</title><style>
body {{ font-family: system-ui, sans-serif; margin: 2rem; color-scheme: light dark }}
table {{ border-collapse: collapse }}
th, td {{ border: 1px solid #8888; padding: .3em .6em; text-align: left }}
.yes {{ border-left: 5px solid #009E73 }} .no {{ border-left: 5px solid #E69F00 }} small {{ display: block }}
</style></head><body><h1>Points</h1><table><thead><tr>{head}</tr></thead><tbody>
{rows}
</tbody></table></body></html>
"""


def as_html(sheets: Sequence[Sheet]) -> str:
    """The same as a page, with what was found; all text of learners is escaped."""
    columns = columns_of(sheets)
    titles = ["notebook", "points", *(f"exercise {number}" for number in columns), "note"]
    rows = []
    for sheet in sheets:
        cells = [
            f'<th scope="row">{escape(sheet.notebook)}</th>',
            f"<td>{sheet.points} of {len(sheet.marks)}</td>",
        ]
        cells += [_mark_html(sheet.marks.get(number)) for number in columns]
        rows.append(f"<tr>{''.join(cells)}<td>{escape(sheet.note)}</td></tr>")
    head = "".join(f'<th scope="col">{escape(title)}</th>' for title in titles)
    return _PAGE.format(head=head, rows="\n".join(rows))


def _mark_html(mark: Mark | None) -> str:
    if mark is None:
        return "<td></td>"
    sign, css = ("✓ 1", "yes") if mark.points else ("0", "no")
    return f'<td class="{css}">{sign}<small title="{escape(mark.words)}">{escape(mark.finding)}</small></td>'
