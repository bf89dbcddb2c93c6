"""Search results as one HTML page that works from a file: no server, no script, nothing fetched."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import final

from commonspace.core.errors import ItemError, UsageError
from commonspace.retrieve.hit import Hit
from commonspace.shell.exhibit import exhibit, safe
from commonspace.shell.kinds import MODALITIES, kinds_of, media_type_of
from commonspace.shell.preview import Subject, subject_of
from commonspace.shell.wording import excerpt, no_good_match, span_words

__all__ = ["Section", "write_contact_sheet"]

QUOTE_CHARS = 220


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One query (a text, or the path of a file) and its hits, best first; ``modality`` if only that was looked for."""

    query: str | Path
    hits: tuple[Hit, ...]
    modality: str | None = None

    @property
    def title(self) -> str:
        """The query as a person would name it."""
        return f"“{self.query}”" if isinstance(self.query, str) else self.query.name

    @property
    def entry(self) -> str:
        """The title, told apart from the same query's search for something else."""
        return f"{self.title} → {self.modality}" if self.modality else self.title


def write_contact_sheet(path: Path, sections: Sequence[Section]) -> None:
    """Write the page; pictures and short sounds are inside it, long sounds and videos are linked by file.

    Raises:
        UsageError: the file cannot be written.
    """
    template = Template(files("commonspace.shell").joinpath("contact_sheet.html").read_text("utf-8"))
    page = template.substitute(
        title=safe(sections[0].title if len(sections) == 1 else f"{len(sections)} searches"),
        contents=_contents(sections) if len(sections) > 1 else "",
        sections="\n".join(_section(number, section) for number, section in enumerate(sections, start=1)),
    )
    try:
        path.write_text(page, "utf-8", errors="replace")
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}.", fix="Name another file.") from error


def _contents(sections: Sequence[Section]) -> str:
    entries = [
        f'<li><a href="#search-{number}">{safe(section.entry)}</a></li>'
        for number, section in enumerate(sections, start=1)
    ]
    return f'<nav aria-label="Searches"><ol>{"".join(entries)}</ol></nav>'


def _section(number: int, section: Section) -> str:
    count = len(section.hits)
    only = f" → {safe(section.modality)}" if section.modality else ""
    cards = "\n".join(_card(section, hit) for hit in section.hits)
    results = f'<ol class="grid">\n{cards}\n</ol>' if count else '<p class="none">Nothing was found.</p>'
    if count and all(hit.good is False for hit in section.hits):
        results = f'<p class="none">{no_good_match(count)}</p>\n{results}'
    return f"""<section id="search-{number}" aria-labelledby="title-{number}">
<header class="query">
<div>
<p class="kind">{_query_kind(section.query)} query{only} · {count} {"result" if count == 1 else "results"}</p>
<h2 id="title-{number}">{safe(section.title)}</h2>
</div>
{_query_media(section)}
</header>
{results}
</section>"""


def _card(section: Section, hit: Hit) -> str:
    subject = subject_of(hit)
    label = f"Result {hit.rank} for {section.title}: {hit.modality}"
    media = exhibit(subject, media_type=hit.media_type, label=label)
    where = span_words(hit.segment.span) if hit.segment else ""
    name = safe(hit.name)
    title = f'<a href="{safe(_href(subject))}">{name}</a>' if subject else name
    width = max(0.0, min(1.0, hit.score if hit.probability is None else hit.probability)) * 100
    return f"""<li class="card {safe(hit.modality)}{" weak" if hit.good is False else ""}">
<div class="media">{media}{_quote(hit, alone=not media)}</div>
<div class="facts">
<p class="line"><span class="rank"><span class="hidden">rank </span>{hit.rank}</span>
<span class="modality">{safe(hit.modality)}</span>
{_numbers(hit)}</p>
<div class="bar" aria-hidden="true"><i style="width:{width:.1f}%"></i></div>
<h3>{title}</h3>
<p class="where">{safe(where)}</p>
</div>
</li>"""


def _numbers(hit: Hit) -> str:
    """The score; and before it the probability, where there is one, with a word for a weak match."""
    score = f'<span class="hidden">score </span>{hit.score:.3f}'
    if hit.probability is None:
        return f'<span class="score">{score}</span>'
    weak = " weak" if hit.good is False else ""
    said = f'<span class="score" title="probability of relevance">{hit.probability:.0%}{weak}</span>'
    return f'{said}\n<span class="cosine" title="score">{score}</span>'


def _href(subject: Subject) -> str:
    return subject.path.absolute().as_uri()


def _quote(hit: Hit, *, alone: bool) -> str:
    """The passage that answers, shortened; a blank where an item has neither passage nor picture."""
    text = excerpt((hit.segment.text if hit.segment else None) or "", QUOTE_CHARS)
    if not text:
        return '<p class="blank">no preview</p>' if alone else ""
    says = "says: " if hit.is_speech else "reads: " if hit.is_read else ""
    return f"<blockquote>{says}{safe(text)}</blockquote>"


def _query_kind(query: str | Path) -> str:
    return "text" if isinstance(query, str) else _kind_and_type(query)[0]


def _query_media(section: Section) -> str:
    """The query itself where it is a picture, a sound or a video."""
    if isinstance(section.query, str):
        return ""
    kind, media_type = _kind_and_type(section.query)
    if kind not in MODALITIES:
        return ""
    subject = Subject(path=section.query, modality=MODALITIES[kind])
    shown = exhibit(subject, media_type=media_type, label=f"The query: {kind}")
    return f'<div class="sample">{shown}</div>' if shown else ""


def _kind_and_type(path: Path) -> tuple[str, str]:
    try:
        media_type = media_type_of(path)
    except (ItemError, UsageError):
        return "file", ""
    return kinds_of(media_type)[0], media_type
