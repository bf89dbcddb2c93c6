"""Does knowing a thing by picture and sound find it better than either alone, and which way to fuse serves best?

    python -m benchmarks.fusion --pairs FOLDER [--heads FOLDER] [--out FOLDER] [--seed 0] [--write]

``--pairs`` is the folder of rows that ``python -m recipes.nano`` saved. Pictures and sounds of one concept are put
together: for training every sound with up to four pictures, for watching and measuring each picture and sound once.
What is fused are the towers' own vectors, which no head has touched; with ``--heads`` (the ``promoted`` folder of a
run) also those of the heads, which have seen the training rows that the fusion then learns from.
"""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console

from benchmarks.page import as_table, write_table
from commonspace.align.figures import Figures
from commonspace.align.pairs import Pairs
from commonspace.align.plan import Schedule
from commonspace.align.recipe import Data, FusionRecipe, HeadRecipe, Recipe
from commonspace.align.terms import Contrast
from commonspace.apps.train.branches import with_bases
from commonspace.apps.train.fusions import Compared, check_fusions, fuse, ready
from commonspace.apps.train.systems import Apply, before_map
from commonspace.shell.cli.training import fusion_table
from recipes.nano.heads.meetings import couples, with_meetings

TOWERS, HEADS = ("image_base", "audio_base"), ("image", "audio")
ANCHOR = "text"
CUTOFFS = (1, 10)


def recipe_of(seed: int, parts: Sequence[tuple[str, ...]]) -> Recipe:
    """Small networks for a few hundred steps; the heads are only told what their bases are."""
    return Recipe(
        name="fusion",
        data=Data(),
        heads={name: HeadRecipe(kind="gated", base=f"{name}_base") for name in HEADS},
        losses=(Contrast(temperature=0.05, false_negatives=0.85),),
        seed=seed,
        device="cpu",
        training=Schedule(steps=400, batch=512, rate=1e-3, decay=0.1, warmup=0.1, watch_steps=25),
        fusions=tuple(FusionRecipe(parts=each) for each in parts),
    )


def joined(pairs: Pairs, recipe: Recipe) -> dict[str, Pairs]:
    """Rows that have both, by split."""
    splits = {"train": with_meetings(pairs, seed=recipe.seed).where("train")}
    for split in ("valid", "test"):
        rows = couples(pairs, split, seed=recipe.seed)
        if rows is None:
            raise SystemExit(f"no concept of '{split}' has both a picture and a sound")
        splits[split] = rows
    return {split: with_bases(recipe, rows) for split, rows in splits.items()}


def compared(pairs: Pairs, recipe: Recipe, maps: Mapping[str, Apply], folder: Path) -> list[Compared]:
    """Train and measure every fusion of the recipe."""
    splits = joined(pairs, recipe)
    check_fusions(recipe, splits, ANCHOR)
    plans = recipe.fusions
    return [fuse(ready(plan, splits, ANCHOR, maps), recipe, folder / plan.name) for plan in plans]


def as_page(found: Sequence[Compared], measure: str) -> str:
    """Every way, with both parts and with each missing, in one table; then each against its rivals."""
    header = ["vectors", "parts there", "way"]
    header += [f"{words} R@{k}" for words in ("text->both", "both->text") for k in CUTOFFS]
    lines = [line for each in found for line in _lines(each)]
    told = [f"- {_origin(each)}: {words}" for each in found for words in each.words(measure)]
    return as_table(header, lines) + "\n" + _facts(found) + "\n\n" + "\n".join(told)


def _lines(found: Compared) -> list[list[str]]:
    rows: dict[tuple[tuple[str, ...], str], list[Figures]] = {}
    for each in found.figures:
        rows.setdefault((each.shown, each.figures.system), []).append(each.figures)
    return [
        [_origin(found), _plain(" + ".join(shown)), _plain(way), *(_cell(each, k) for each in held for k in CUTOFFS)]
        for (shown, way), held in rows.items()
    ]


def _cell(figures: Figures, k: int) -> str:
    recall = figures.at(k)
    return f"{recall.value:.3f} ({recall.low:.2f}-{recall.high:.2f})"


def _origin(found: Compared) -> str:
    return "towers" if found.parts == TOWERS else "heads"


def _plain(words: str) -> str:
    return words.replace("_base", "")


def _facts(found: Sequence[Compared]) -> str:
    first = found[0]
    asked, answered = (each.figures for each in first.figures[:2])
    counts = ", ".join(f"{count} {name}" for name, count in first.num_rows.items())
    return (
        f"Rows with both: {counts}. text->both: {asked.num_queries} texts against {asked.num_items} things, chance R@1 "
        f"{asked.at(1).chance:.3f}, R@10 {asked.at(10).chance:.3f}; both->text: {answered.num_queries} against "
        f"{answered.num_items}, chance {answered.at(1).chance:.3f}, {answered.at(10).chance:.3f}. In brackets the 95% "
        "bootstrap interval over queries; differences are paired."
    )


def main() -> None:
    """Run it, print the tables, and with ``--write`` put them into the docs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=Path, required=True)
    parser.add_argument("--heads", type=Path)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    recipe = recipe_of(args.seed, (TOWERS, HEADS) if args.heads else (TOWERS,))
    maps = {name: before_map(args.heads / name) for name in HEADS} if args.heads else {}
    with TemporaryDirectory() as spare:
        found = compared(Pairs.load(args.pairs), recipe, maps, args.out or Path(spare))
    console = Console(width=140)
    for each in found:
        console.print(fusion_table(each, recipe.gate.cutoff))
    page = as_page(found, recipe.gate.measure)
    console.print(page, markup=False, soft_wrap=True)
    if args.write:
        write_table("fusion", f"{page}\n\nSeed {args.seed}.")


if __name__ == "__main__":
    main()
