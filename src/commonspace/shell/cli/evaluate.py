"""``commonspace evaluate``: how well a space finds on a folder in a known format, through the whole path."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, final

import typer

from commonspace.shell.cli.evaluated import evaluated
from commonspace.shell.cli.options import AsJson, ModelName, Overrides
from commonspace.shell.cli.request import ExitCode

if TYPE_CHECKING:
    from commonspace.evaluate.dataset import Dataset

__all__ = [
    "EvaluateAudiocaps",
    "EvaluateBeir",
    "EvaluateCoco",
    "EvaluateImagenet",
    "answer_evaluate_audiocaps",
    "answer_evaluate_beir",
    "answer_evaluate_coco",
    "answer_evaluate_imagenet",
]

Kept = Annotated[
    Path | None,
    typer.Option(
        "--store", "-s", metavar="FOLDER", help="Keep the indexed documents here. Default: a store that is thrown away."
    ),
]
Depth = Annotated[int, typer.Option("--depth", metavar="K", min=1, help="How many documents a query.")]
RunFile = Annotated[
    Path | None, typer.Option("--run", metavar="FILE", help="Write what users would be shown, as a TREC run.")
]
EncoderRunFile = Annotated[
    Path | None, typer.Option("--encoder-run", metavar="FILE", help="Write the encoder's own ranking, as a TREC run.")
]
Seed = Annotated[int, typer.Option("--seed", metavar="N", help="Of the bootstrap.")]
Annotations = Annotated[
    Path | None,
    typer.Option("--annotations", metavar="FILE", help="The file of captions. Default: the one in the folder."),
]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluateBeir:
    """Measure retrieval on a folder in BEIR's format: corpus.jsonl, queries.jsonl and qrels/test.tsv.

    The corpus is indexed and searched as users search it, with and without words, and beside that compared exactly by
    the encoder's vectors alone. Documents and queries may have files of pictures, sounds and videos. Exits with 3 when
    some of it could not be used. docs/evaluate.md tells the format and the measures.
    """

    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="A folder in BEIR's format.")]
    split: Annotated[str, typer.Option("--split", metavar="NAME", help="Which qrels: qrels/NAME.tsv.")] = "test"
    store: Kept = None
    model: ModelName = None
    depth: Depth = 100
    run: RunFile = None
    encoder_run: EncoderRunFile = None
    seed: Seed = 0
    overrides: Overrides = field(default_factory=list)
    as_json: AsJson = False


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluateCoco:
    """Measure retrieval of pictures by captions, and of captions by pictures: COCO, Flickr30k and their kin.

    The folder holds pictures and captions_val*.json or Karpathy's dataset_coco.json. Indexed and searched as users
    search, with and without words, beside the encoder alone. Missing pictures are told. Exits with 3 when some of it
    could not be used. docs/evaluate.md tells the layout.
    """

    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="The folder of pictures and annotations.")]
    annotations: Annotations = None
    split: Annotated[str, typer.Option("--split", metavar="NAME", help="Which split of Karpathy's file.")] = "test"
    folds: Annotated[int, typer.Option("--folds", metavar="N", min=1, help="5 is the 1K protocol on 5,000.")] = 1
    store: Kept = None
    model: ModelName = None
    depth: Depth = 100
    run: RunFile = None
    encoder_run: EncoderRunFile = None
    seed: Seed = 0
    overrides: Overrides = field(default_factory=list)
    as_json: AsJson = False


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluateImagenet:
    """Measure naming of pictures without training, and retrieval by class, on folders of pictures by class.

    A class is the mean of its prompts; each picture looks for its class, and each class for its pictures. Indexed and
    searched as users search, with and without words, beside the encoder alone. Exits with 3 when some of it could not
    be used. docs/evaluate.md tells the layout.
    """

    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="A folder of class folders, or one with val in it.")]
    classes: Annotated[
        Path | None,
        typer.Option("--classes", metavar="FILE", help="What class folders are called. Default: a known file there."),
    ] = None
    templates: Annotated[
        Path | None, typer.Option("--templates", metavar="FILE", help="Prompts with {}, one a line; the first asks.")
    ] = None
    store: Kept = None
    model: ModelName = None
    depth: Depth = 100
    run: RunFile = None
    encoder_run: EncoderRunFile = None
    seed: Seed = 0
    overrides: Overrides = field(default_factory=list)
    as_json: AsJson = False


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluateAudiocaps:
    """Measure retrieval of recordings by captions, and of captions by recordings: AudioCaps, Clotho.

    The folder holds the table of captions and, under any name, the recordings. Indexed and searched as users search,
    with and without words, beside the encoder alone. Missing recordings are told. Exits with 3 when some of it could
    not be used. docs/evaluate.md tells the layout.
    """

    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="The folder of recordings and the table.")]
    annotations: Annotations = None
    split: Annotated[str, typer.Option("--split", metavar="NAME", help="Which table: NAME.csv.")] = "test"
    store: Kept = None
    model: ModelName = None
    depth: Depth = 100
    run: RunFile = None
    encoder_run: EncoderRunFile = None
    seed: Seed = 0
    overrides: Overrides = field(default_factory=list)
    as_json: AsJson = False


def answer_evaluate_beir(request: EvaluateBeir) -> ExitCode:
    """Read the folder, index what is new, measure all paths, and show them side by side."""
    from commonspace.evaluate.beir import read_beir

    return evaluated(request, lambda: read_beir(request.folder, split=request.split))


def answer_evaluate_coco(request: EvaluateCoco) -> ExitCode:
    """The same for pictures and captions."""
    from commonspace.evaluate.coco import read_coco

    def read() -> "Dataset":
        return read_coco(request.folder, annotations=request.annotations, split=request.split, num_folds=request.folds)

    return evaluated(request, read)


def answer_evaluate_imagenet(request: EvaluateImagenet) -> ExitCode:
    """The same for class folders."""
    from commonspace.evaluate.class_folders import read_class_folders

    return evaluated(
        request,
        lambda: read_class_folders(request.folder, classes=request.classes, templates=request.templates),
    )


def answer_evaluate_audiocaps(request: EvaluateAudiocaps) -> ExitCode:
    """The same for recordings and captions."""
    from commonspace.evaluate.sound_captions import read_audiocaps

    return evaluated(
        request, lambda: read_audiocaps(request.folder, annotations=request.annotations, split=request.split)
    )
