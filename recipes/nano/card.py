"""The model card: fixed words, and the sizes, sources and audio figures that the manifest holds."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from string import Template
from typing import Any

__all__ = ["write_card"]

TEMPLATE = Path(__file__).parent / "card.template.md"
ABSENT = ": this build has no audio part."

Part = Mapping[str, Any]


def write_card(folder: Path, parts: Mapping[str, Part]) -> None:
    """Write `card.md` for the parts of a manifest."""
    card = Template(TEMPLATE.read_text(encoding="utf-8")).substitute(
        files="\n".join(_file_row(folder, name, part) for name, part in parts.items()),
        audio=_audio(parts["audio"]) if "audio" in parts else ABSENT,
        provenance="\n".join(line for name, part in parts.items() for line in _origins(name, part)),
    )
    (folder / "card.md").write_text(card, encoding="utf-8")


def _file_row(folder: Path, name: str, part: Part) -> str:
    megabytes = (folder / part["file"]).stat().st_size / 1e6
    return f"| {name} | `{part['file']}` | {megabytes:.1f} | {part['precision']} |"


def _origins(name: str, part: Part) -> Iterator[str]:
    for origin in part["provenance"]:
        package = " ".join(str(origin[key]) for key in ("package", "version") if key in origin)
        role = f" ({origin['role']})" if "role" in origin else ""
        digest = f"sha256 `{origin['sha256']}`" if "sha256" in origin else ""
        facts = [origin.get("name", ""), package, origin["licence"], origin.get("url", ""), digest]
        yield f"- {name}{role}: " + ", ".join(fact for fact in facts if fact)
    if sources := part.get("sources"):
        num_files = sum(sum(source["files"].values()) for source in sources)
        yield f"- {name} (the corpus): {num_files} files of {len(sources)} packages, with licences in `manifest.json`"


def _audio(part: Part) -> str:
    """Show every plain number of the audio recipe's own report."""
    rows = [f"| {name} | {value} |" for name, value in _numbers("", part["training"])]
    return " (its recipe's own report, seeds and protocol in `manifest.json`)\n\n" + "\n".join(
        ["| figure | value |", "|---|---|", *rows]
    )


def _numbers(prefix: str, values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in values.items():
        title = f"{prefix} {name}".strip().replace("_", " ")
        if isinstance(value, Mapping) and set(value) == {"right", "of"}:
            yield title, f"{value['right']} of {value['of']}"
        elif isinstance(value, Mapping) and name != "schedule":
            yield from _numbers(title, value)
        elif isinstance(value, int | float):
            yield title, f"{value:.4g}" if isinstance(value, float) else str(value)
