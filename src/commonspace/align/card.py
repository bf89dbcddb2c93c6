"""A model card in Markdown, made from a run's manifest alone: what it is, how it did, what it does not show."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

__all__ = ["CARD", "card_of", "write_card"]

CARD = "card.md"
FEW_QUERIES = 100


def write_card(folder: Path, manifest: Mapping[str, Any]) -> None:
    """Write ``card.md`` beside the manifest."""
    (folder / CARD).write_text(card_of(manifest), "utf-8")


def card_of(manifest: Mapping[str, Any]) -> str:
    """The card of a run, from ``RunManifest.to_dict``."""
    parts = [
        f"# {manifest['name']}",
        manifest["description"],
        _state(manifest),
        _made(manifest),
        "## How well it finds\n\n" + _table(manifest["figures"]) + "\n\n" + EXPLANATION,
        "## What it beat\n\n" + "\n".join(f"- {line}" for line in manifest["facts"].get("comparison", [])),
        *(_fusion(each) for each in manifest["facts"].get("fusions", [])),
        _gate(manifest["gate"]),
        "## What it does not show\n\n" + "\n".join(f"- {line}" for line in _limits(manifest)),
    ]
    return "\n\n".join(parts) + "\n"


EXPLANATION = """`R@k`: the share of queries with any item of the same concept among the first k; in brackets the 95%
bootstrap interval over queries. Ties count against the system. Chance is a random order, exactly."""


def _state(manifest: Mapping[str, Any]) -> str:
    gate = manifest["gate"]
    if gate["promoted"]:
        return f"**Promoted.** The heads are in `promoted/`. Licence: {manifest['licence']}."
    return f"**Rejected by the gate**; the heads are kept in `rejected/`. Licence: {manifest['licence']}."


def _made(manifest: Mapping[str, Any]) -> str:
    data, outcome, facts = manifest["data"], manifest["outcome"], manifest["facts"]
    rows = ", ".join(f"{count} {name}" for name, count in data["splits"].items())
    code = manifest["code"]
    losses = ", ".join(f"{each['kind']} x {each['weight']:g}" for each in manifest["losses"])
    lines = [
        f"- Data: {data['rows']} rows of {data['concepts']} concepts ({rows}); digest `{data['digest'][:16]}`.",
        f"- Losses: {losses}. Seed {manifest['seed']}.",
        f"- {outcome['steps']} steps, best at {outcome['best_step']}; alpha {facts.get('alpha', 1.0):g}.",
        f"- Code: commonspace {code['commonspace'] or 'from source'}, commit `{(code['commit'] or 'none')[:13]}`.",
        f"- Libraries: torch {manifest['libraries']['torch']}, numpy {manifest['libraries']['numpy']}.",
        *(f"- {note}" for note in facts.get("notes", [])),
    ]
    return "## How it was made\n\n" + "\n".join(lines)


def _table(figures: Sequence[Mapping[str, Any]]) -> str:
    head = "| suite | direction | system | queries | items | R@1 | R@5 | R@10 | median rank | chance R@10 |"
    rows = [
        f"| {each['suite']} | {each['direction']} | {each['system']} | {each['num_queries']} | {each['num_items']} | "
        + " | ".join(_recall(each[f"R@{k}"]) for k in (1, 5, 10))
        + f" | {each['median_rank']:g} | {each['R@10']['chance']:.3f} |"
        for each in sorted(figures, key=lambda each: (each["suite"], each["direction"]))
    ]
    return "\n".join([head, "|" + "---|" * 10, *rows])


def _recall(recall: Mapping[str, Any]) -> str:
    low, high = recall["interval"]
    return f"{recall['value']:.3f} ({low:.2f}-{high:.2f})"


def _fusion(fusion: Mapping[str, Any]) -> str:
    """Every way to fuse, with all parts and with each missing; one line a way, direction by direction."""
    head = "| parts there | way | direction | queries | items | R@1 | R@5 | R@10 | median rank | chance R@10 |"
    rows = [
        f"| {' '.join(each['shown'])} | {each['system']} | {each['direction']} | {each['num_queries']} | "
        f"{each['num_items']} | "
        + " | ".join(_recall(each[f"R@{k}"]) for k in (1, 5, 10))
        + f" | {each['median_rank']:g} | {each['R@10']['chance']:.3f} |"
        for each in fusion["figures"]
    ]
    counts = ", ".join(f"{count} {name}" for name, count in fusion["rows"].items())
    weights = ", ".join(f"{name} {weight:g}" for name, weight in fusion["late_weights"].items())
    told = f"Rows that have every part: {counts}. Late weights, chosen on the valid rows: {weights}."
    lines = [f"- {line}" for line in fusion["comparison"]]
    table = "\n".join([head, "|" + "---|" * 10, *rows])
    return f"## Fused: {fusion['name']}\n\n{told}\n\n{table}\n\n" + "\n".join(lines)


def _gate(gate: Mapping[str, Any]) -> str:
    lines = [
        f"- {each['direction']}: {each['before']:.3f} before, {each['after']:.3f} after ({gate['measure']}); "
        + ("may change" if each["may_change"] else "held" if each["held"] else "**lost too much**")
        for each in gate["directions"]
    ]
    told = lines or ["- No direction had a figure before this run, so there was nothing to lose."]
    return "## The gate\n\n" + "\n".join([*told, *(f"- Refused: {reason}." for reason in gate["reasons"])])


def _limits(manifest: Mapping[str, Any]) -> Iterator[str]:
    own = [each for each in manifest["figures"] if each["suite"] == "test"]
    few = min((each["num_queries"] for each in own), default=0)
    if few < FEW_QUERIES:
        yield f"Some direction of the test split has {few} queries: intervals are wide, and small gaps are noise."
    yield "The figures speak of data like this run's own; the probes say what little is known beyond it."
    if manifest["facts"].get("alpha_chosen_by_probes"):
        yield "Alpha was chosen so that the probes hold, so their figures are not of unseen data."
    if not manifest["probes"]:
        yield "No probe suite was given: nobody looked at what else changed."
