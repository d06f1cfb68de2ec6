"""Takes the outputs out of the notebooks that are staged: a git hook (``make hooks``).

::

    git's index: notebook with outputs --clean()--> notebook without, in its place; files stay as they are
"""

import subprocess
import sys

import nbformat

from .build import clean, text_of


def git(*arguments: str, stdin: str | None = None) -> str:
    """What a git command prints.

    Raises:
        subprocess.CalledProcessError: git says no.
    """
    done = subprocess.run(["git", *arguments], input=stdin, stdout=subprocess.PIPE, check=True, text=True)
    return done.stdout


def strip_staged() -> list[str]:
    """Clean each staged notebook in git's index, in the repository of the working directory.

    Returns:
        The paths of those that had something to lose.
    """
    names = git("diff", "--cached", "--name-only", "--diff-filter=ACMR", "-z", "--", "*.ipynb")
    changed = []
    for path in filter(None, names.split("\0")):
        before = git("show", f":{path}")
        after = text_of(clean(nbformat.reads(before, as_version=4)))  # type: ignore[no-untyped-call]
        if after != before:
            mode = git("ls-files", "--stage", "--full-name", "--", f":/{path}").split()[0]
            blob = git("hash-object", "-w", "--stdin", stdin=after).strip()
            git("update-index", "--cacheinfo", f"{mode},{blob},{path}")
            changed.append(path)
    return changed


def main() -> int:
    """Strip, and say which notebooks were changed."""
    for path in strip_staged():
        print(f"{path}: committed without its outputs")
    return 0


if __name__ == "__main__":
    sys.exit(main())
