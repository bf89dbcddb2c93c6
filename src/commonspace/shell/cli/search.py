"""``commonspace search``: a text or a file of any kind finds items of any kind."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, final

import typer

from commonspace.core.modality import Modality
from commonspace.shell.cli.answer import console, print_json, remark
from commonspace.shell.cli.hits import hits_table
from commonspace.shell.cli.options import AsJson, Overrides, StorePath, settings_for, store_path, weight_flags
from commonspace.shell.cli.query import Query, file_query, one_query, text_query
from commonspace.shell.cli.request import ExitCode
from commonspace.shell.cli.wiring import Wiring
from commonspace.shell.wording import no_good_match, printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from commonspace.retrieve.hit import Hit

__all__ = ["Search", "answer_search"]

WEAK_SHOWN = 3


def _file(kind: str) -> Any:
    return typer.Option(f"--{kind}", metavar="FILE", help=f"Search with this {kind} instead of a text.")


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """Find the items nearest to a text, or to a picture, a sound, a video or a document.

    In a calibrated space each hit has the probability that it is relevant. That nothing is a good match is an answer
    too: the nearest few are then shown, marked as weak.
    """

    text: Annotated[str | None, typer.Argument(metavar="[TEXT]", help="What to look for; - reads standard input.")] = (
        None
    )
    image: Annotated[Path | None, _file("image")] = None
    audio: Annotated[Path | None, _file("audio")] = None
    video: Annotated[Path | None, _file("video")] = None
    document: Annotated[Path | None, _file("document")] = None
    modality: Annotated[Modality | None, typer.Option("--modality", help="Only items of this modality.")] = None
    k: Annotated[int, typer.Option("-k", min=1, help="How many hits.")] = 10
    min_probability: Annotated[
        float | None,
        typer.Option("--min-probability", metavar="P", min=0.0, max=1.0, help="Only hits at least this likely."),
    ] = None
    show_all: Annotated[bool, typer.Option("--all", help="Every hit, even where none is a good match.")] = False
    weights: Annotated[
        list[str],
        typer.Option("--weight", metavar="MODALITY=W", help="Let a modality count less or more, such as audio=0.5."),
    ] = field(default_factory=list)
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

    def query(self) -> Query:
        """The one query that was given.

        Raises:
            UsageError: none was given, or several, or a file is of another kind than its option says.
        """
        files = {"image": self.image, "audio": self.audio, "video": self.video, "document": self.document}
        given = [file_query(kind, path) for kind, path in files.items() if path is not None]
        texts = [] if self.text is None else [text_query(self.text)]
        return one_query([*texts, *given])


def answer_search(request: Search, wiring: Wiring) -> ExitCode:
    """Search and show the hits in every form that was asked for."""
    query = request.query()
    settings = settings_for([*request.overrides, *weight_flags(request.weights)], store=request.store)
    with wiring.open(store_path(settings), settings, create=False) as collection:
        hits = collection.search(
            query.value, k=request.k, modality=request.modality, min_probability=request.min_probability
        )
        space = collection.info().to_dict()["space"]
    _write_html(request, query, hits)
    if request.as_json:
        print_json({"query": query.to_dict(), "space": space, "hits": [hit.to_dict() for hit in hits]})
    else:
        _show(request, query, hits)
    return ExitCode.FINE


def _show(request: Search, query: Query, hits: "Sequence[Hit]") -> None:
    out = console()
    if not hits:
        remark(_nothing(request))
        return
    out.print(f"{query.modality} query: {printable(query.title)}", markup=False, soft_wrap=True)
    shown = hits
    if all(hit.good is False for hit in hits):
        shown = hits if request.show_all else hits[:WEAK_SHOWN]
        out.print(no_good_match(len(shown)), markup=False, soft_wrap=True)
    out.print(hits_table(shown, out, thumbnails=request.thumbnails))
    if len(shown) < len(hits):
        remark(f"{len(hits) - len(shown)} more, all weak: --all shows them.")


def _nothing(request: Search) -> str:
    """Why there is no hit at all."""
    wanted = f" of modality {request.modality}" if request.modality else ""
    if request.min_probability is not None:
        return f"Nothing found{wanted} with a probability of {request.min_probability:g} or more."
    return f"Nothing found: the store holds no items{wanted}."


def _write_html(request: Search, query: Query, hits: "Sequence[Hit]") -> None:
    from commonspace.shell.contact_sheet import Section, write_contact_sheet

    if request.html is None:
        return
    write_contact_sheet(request.html, [Section(query=query.value, hits=tuple(hits), modality=request.modality)])
    remark(f"Contact sheet: {request.html}")
