"""``commonspace search``: a text or a file of any kind finds items of any kind."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, final

import typer

from commonspace.core.modality import Modality
from commonspace.shell.cli.answer import console, print_json, remark
from commonspace.shell.cli.hits import hits_table
from commonspace.shell.cli.options import AsJson, Overrides, StorePath, settings_for, store_path
from commonspace.shell.cli.query import Query, file_query, one_query, text_query
from commonspace.shell.cli.request import ExitCode
from commonspace.shell.cli.wiring import Wiring
from commonspace.shell.wording import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from commonspace.retrieve.hit import Hit

__all__ = ["Search", "answer_search"]


def _file(kind: str) -> Any:
    return typer.Option(f"--{kind}", metavar="FILE", help=f"Search with this {kind} instead of a text.")


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """Find the items nearest to a text, or to a picture, a sound, a video or a document."""

    text: Annotated[str | None, typer.Argument(metavar="[TEXT]", help="What to look for; - reads standard input.")] = (
        None
    )
    image: Annotated[Path | None, _file("image")] = None
    audio: Annotated[Path | None, _file("audio")] = None
    video: Annotated[Path | None, _file("video")] = None
    document: Annotated[Path | None, _file("document")] = None
    modality: Annotated[Modality | None, typer.Option("--modality", help="Only items of this modality.")] = None
    k: Annotated[int, typer.Option("-k", min=1, help="How many hits.")] = 10
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
    settings = settings_for(request.overrides, store=request.store)
    with wiring.open(store_path(settings), settings, create=False) as collection:
        hits = collection.search(query.value, k=request.k, modality=request.modality)
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
        wanted = f" of modality {request.modality}" if request.modality else ""
        remark(f"Nothing found: the store holds no items{wanted}.")
        return
    out.print(f"{query.modality} query: {printable(query.title)}", markup=False, soft_wrap=True)
    out.print(hits_table(hits, out, thumbnails=request.thumbnails))


def _write_html(request: Search, query: Query, hits: "Sequence[Hit]") -> None:
    from commonspace.shell.contact_sheet import Section, write_contact_sheet

    if request.html is None:
        return
    write_contact_sheet(request.html, [Section(query=query.value, hits=tuple(hits), modality=request.modality)])
    remark(f"Contact sheet: {request.html}")
