"""``commonspace search``: a text or a file of any kind finds items of any kind."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, final

import typer

from commonspace.core.modality import Modality
from commonspace.retrieve.group import Group
from commonspace.shell.cli.answer import console, print_json, remark
from commonspace.shell.cli.hits import hits_table, under_hit
from commonspace.shell.cli.options import AsJson, Overrides, StorePath, settings_for, store_path, weight_flags
from commonspace.shell.cli.query import Weighed, any_query, file_query, item_query, text_query, whole_query
from commonspace.shell.cli.request import ExitCode
from commonspace.shell.cli.wiring import Wiring
from commonspace.shell.wording import no_good_match, printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from commonspace.retrieve.hit import Hit
    from commonspace.retrieve.ranking import Options

__all__ = ["Search", "answer_search"]

WEAK_SHOWN = 3


def _file(kind: str) -> Any:
    return typer.Option(f"--{kind}", metavar="FILE", help=f"Search with this {kind}, too. Repeatable.")


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """Find the items nearest to a text, a picture, a sound, a video or a document, or to several of them together.

    Everything that is given adds up; ^0.5 behind a text or a file is its weight.

    In a calibrated space each hit has the probability that it is relevant. That nothing is a good match is an answer
    too: the nearest few are then shown, marked as weak.
    """

    text: Annotated[str | None, typer.Argument(metavar="[TEXT]", help="What to look for; - reads standard input.")] = (
        None
    )
    image: Annotated[list[str], _file("image")] = field(default_factory=list)
    audio: Annotated[list[str], _file("audio")] = field(default_factory=list)
    video: Annotated[list[str], _file("video")] = field(default_factory=list)
    document: Annotated[list[str], _file("document")] = field(default_factory=list)
    item: Annotated[
        list[str], typer.Option("--item", metavar="ITEM", help="More like this item of the store: an id, uri or file.")
    ] = field(default_factory=list)
    minus: Annotated[
        list[str], typer.Option("--minus", metavar="TEXT|FILE", help="Nothing like this, please. Repeatable.")
    ] = field(default_factory=list)
    modality: Annotated[Modality | None, typer.Option("--modality", help="Only items of this modality.")] = None
    where: Annotated[
        str | None, typer.Option("--where", metavar="FILTER", help="Only items for which this holds: 'price < 50'.")
    ] = None
    k: Annotated[int, typer.Option("-k", min=1, help="How many hits.")] = 10
    offset: Annotated[int, typer.Option("--offset", min=0, help="Leave out so many of the first hits.")] = 0
    min_probability: Annotated[
        float | None,
        typer.Option("--min-probability", metavar="P", min=0.0, max=1.0, help="Only hits at least this likely."),
    ] = None
    show_all: Annotated[bool, typer.Option("--all", help="Every hit, even where none is a good match.")] = False
    weights: Annotated[
        list[str],
        typer.Option("--weight", metavar="MODALITY=W", help="Let a modality count less or more, such as audio=0.5."),
    ] = field(default_factory=list)
    group: Annotated[Group, typer.Option("--group", help="One hit an item, or a parent with what was found in it.")] = (
        Group.ITEM
    )
    diverse: Annotated[
        float, typer.Option("--diverse", metavar="D", min=0.0, max=1.0, help="How much hits shall differ, 0 to 1.")
    ] = 0.0
    fold: Annotated[
        float | None,
        typer.Option("--fold", metavar="COSINE", help="List near duplicates of at least this likeness under the best."),
    ] = None
    keywords: Annotated[
        bool | None, typer.Option("--keywords/--no-keywords", help="Whether words count. Default: where calibrated.")
    ] = None
    explain: Annotated[bool, typer.Option("--explain", help="Say of each hit how it came by its place.")] = False
    store: StorePath = None
    html: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Write a page that shows pictures and plays sounds.")
    ] = None
    thumbnails: Annotated[
        bool | None,
        typer.Option("--thumbnails/--no-thumbnails", help="Pictures in the terminal. Default: where it can show them."),
    ] = None
    overrides: Overrides = field(default_factory=list)
    as_json: AsJson = False

    def query(self) -> Weighed:
        """All that was given as one query.

        Raises:
            UsageError: nothing is looked for, or a file is of another kind than its option says.
        """
        files = {"image": self.image, "audio": self.audio, "video": self.video, "document": self.document}
        given = [] if self.text is None else [text_query(self.text)]
        given += [file_query(kind, named) for kind, several in files.items() for named in several]
        given += [item_query(named) for named in self.item]
        return whole_query(given, [any_query(named) for named in self.minus])

    def options(self) -> "Options":
        """What was said of how to answer."""
        return {
            "k": self.k,
            "offset": self.offset,
            "modality": self.modality,
            "where": self.where,
            "min_probability": self.min_probability,
            "group": self.group,
            "diversity": self.diverse,
            "fold": self.fold,
            "keywords": self.keywords,
            "explain": self.explain,
        }


def answer_search(request: Search, wiring: Wiring) -> ExitCode:
    """Search and show the hits in every form that was asked for."""
    query = request.query()
    settings = settings_for([*request.overrides, *weight_flags(request.weights)], store=request.store)
    with wiring.open(store_path(settings), settings, create=False) as collection:
        hits = collection.search(query.content, **request.options())
        space = collection.info().to_dict()["space"]
    _write_html(request, query, hits)
    if request.as_json:
        print_json({"query": query.to_dict(), "space": space, "hits": [hit.to_dict() for hit in hits]})
    else:
        _show(request, query, hits)
    return ExitCode.FINE


def _show(request: Search, query: Weighed, hits: "Sequence[Hit]") -> None:
    out = console()
    if not hits:
        remark(_nothing(request))
        return
    out.print(f"{query.kind} query: {printable(query.title)}", markup=False, soft_wrap=True)
    shown = hits
    if all(hit.good is False for hit in hits):
        shown = hits if request.show_all else hits[:WEAK_SHOWN]
        out.print(no_good_match(len(shown)), markup=False, soft_wrap=True)
    out.print(hits_table(shown, out, thumbnails=request.thumbnails))
    for hit in shown:
        for line in under_hit(hit):
            out.print(line, markup=False, soft_wrap=True)
    if len(shown) < len(hits):
        remark(f"{len(hits) - len(shown)} more, all weak: --all shows them.")


def _nothing(request: Search) -> str:
    """Why there is no hit at all."""
    wanted = f" of modality {request.modality}" if request.modality else ""
    if request.min_probability is not None:
        return f"Nothing found{wanted} with a probability of {request.min_probability:g} or more."
    if request.where is not None or request.offset:
        return f"Nothing found{wanted} that the filter allows, so far down the list."
    return f"Nothing found: the store holds no items{wanted}."


def _write_html(request: Search, query: Weighed, hits: "Sequence[Hit]") -> None:
    from commonspace.shell.contact_sheet import Section, write_contact_sheet

    if request.html is None:
        return
    write_contact_sheet(
        request.html,
        [
            Section(
                query=query.title if query.only is None else query.only.value,
                hits=tuple(hits),
                modality=request.modality,
            )
        ],
    )
    remark(f"Contact sheet: {request.html}")
