"""Shows the main job on the sample media: everything is indexed, then anything finds anything.

Usage: ``python -m samples.demo [OUT]``. Writes a store and a page with every answer into ``OUT`` (``build/demo``).
"""

import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import final

from rich.console import Console

import commonspace
from commonspace.apps.progress import IndexReport, Progress
from commonspace.shell.cli.hits import hits_table
from commonspace.shell.contact_sheet import Section, write_contact_sheet

SAMPLES = Path(__file__).parent / "media"


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A query (text, or a sample file) and the modality to look for; None looks everywhere."""

    query: str | Path
    modality: str | None
    k: int = 3

    def __str__(self) -> str:
        asked = self.query.name if isinstance(self.query, Path) else f'"{self.query}"'
        return f"{asked} -> {self.modality or 'anything'}"


QUESTIONS = (
    Question(query="dog barking in rain", modality=None, k=6),
    Question(query="dog barking in rain", modality="audio"),
    Question(query="dog barking in rain", modality="image"),
    Question(query="someone playing the violin", modality="image"),
    Question(query=SAMPLES / "images/dog.jpg", modality="audio"),
    Question(query=SAMPLES / "sounds/rooster.ogg", modality="image"),
    Question(query=SAMPLES / "images/car.png", modality="text"),
    Question(query="a car engine", modality="video"),
    Question(query=SAMPLES / "sounds/thunder.ogg", modality="text"),
)


def main(out: Path) -> None:
    """Index, ask, print, and write the contact sheet."""
    console = Console()
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    started = monotonic()
    with commonspace.open(out / "media.cs", create=True) as collection:
        with console.status("Loading the space") as status:

            def show(progress: Progress) -> None:
                status.update(f"Indexing {progress.done} of {progress.total}: {progress.current}")

            report = collection.index([SAMPLES], progress=show)
        console.print(describe(report), highlight=False)
        sections = []
        for question in QUESTIONS:
            hits = collection.search(question.query, k=question.k, modality=question.modality)
            console.print(f"\n[bold]{question}[/bold]", highlight=False)
            console.print(hits_table(hits, console, thumbnails=None))
            sections.append(Section(query=question.query, hits=tuple(hits), modality=question.modality))
    page = out / "hits.html"
    write_contact_sheet(page, sections)
    console.print(f"\n{monotonic() - started:.0f} s in all. Play the sounds and videos: open {page}", highlight=False)
    console.print(
        f'Ask more: .venv/bin/commonspace search "a bird singing" --store {out / "media.cs"}', highlight=False
    )
    if report.failures:
        raise SystemExit(3)


def describe(report: IndexReport) -> str:
    """One line about what was indexed."""
    return f"Indexed {report.added} files in {report.seconds:.1f} s, {len(report.failures)} failures."


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "build/demo"))
