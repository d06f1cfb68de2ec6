"""Where e-mails go that the photo service sends."""

from pathlib import Path


class Outbox:
    """Where e-mails go: a folder of this machine, one file for each.

    Args:
        folder: made if need be.

    Example:
        >>> outbox = Outbox(tmp_path)
        >>> outbox.send("person-1@example.org", "We have your picture.")
        >>> outbox.letters()
        ['To: person-1@example.org\\n\\nWe have your picture.']
    """

    def __init__(self, folder: Path | str) -> None:
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)

    def send(self, to: str, text: str) -> None:
        """Write an e-mail; it never leaves this machine."""
        import time

        (self.folder / f"{time.time_ns()}-{to}.txt").write_text(f"To: {to}\n\n{text}", "utf-8")

    def letters(self) -> list[str]:
        """All e-mails, in the order in which they were sent."""
        return [path.read_text("utf-8") for path in sorted(self.folder.glob("*.txt"))]
