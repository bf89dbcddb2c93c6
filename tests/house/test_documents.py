"""The documents tell everything a person can set, type or meet, and what they say to type works."""

from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import pytest

from commonspace.ingest.limits import ITEM_CODES, Limits
from commonspace.serve.settings import CONFIG_VARIABLE, Settings, variable
from tests.house import documents
from tests.house.commandline import complaint, leaves, options
from tests.house.markdown import commands, pages

ROOT = Path(__file__).parents[2]

RULES: dict[Callable[[Path], list[str]], list[str]] = {
    documents.pages_unlisted: [f"docs/{page}.md is not in mkdocs.yml" for page in ("benchmarks", "errors", "orphan")],
    documents.nav_broken: ["mkdocs.yml lists gone.md"],
    documents.changelog_closed: ["CHANGELOG.md has no [Unreleased] part"],
    documents.errors_untold: ["docs/errors.md does not tell `new`"],
    documents.item_codes_unknown: ["src/commonspace/ingest/image.py:1 uses odd, which is not in ITEM_CODES"],
    documents.scripts_untold: ["docs/benchmarks.md lacks benchmarks/speed.py"],
}
"""Each rule, and what it has to say about the bad tree."""

by_rule = pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)


def bad_tree(folder: Path) -> Path:
    """A tree that breaks every rule of documents."""
    written = {
        "mkdocs.yml": "nav:\n  - Home: index.md\n  - Part:\n      - Gone: gone.md\n",
        "docs/index.md": "",
        "docs/errors.md": "`KnownError` has the code `known`.",
        "docs/benchmarks.md": "",
        "docs/orphan.md": "",
        "CHANGELOG.md": "## 0.1.0\n",
        "benchmarks/speed.py": 'if __name__ == "__main__":\n    print(1)\n',
        "src/commonspace/ingest/limits.py": 'ITEM_CODES = {\n    "corrupt": "broken",\n}\n',
        "src/commonspace/ingest/image.py": 'a, b = ItemError("corrupt", "", fix=""), ItemError("odd", "", fix="")',
        "src/commonspace/core/errors.py": "class KnownError(Exception):\n    code: str = 'new'\n",
    }
    for place, text in written.items():
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        (folder / place).write_text(text, "utf-8")
    return folder


@by_rule
def test_this_tree_keeps_the_rule(rule: Callable[[Path], list[str]]) -> None:
    assert rule(ROOT) == []


@by_rule
def test_a_bad_tree_breaks_the_rule(rule: Callable[[Path], list[str]], tmp_path: Path) -> None:
    assert rule(bad_tree(tmp_path)) == RULES[rule]


def test_every_rule_has_its_complaint() -> None:
    assert {rule.__name__ for rule in RULES} == set(documents.__all__)


def untold(names: list[str], page: str) -> list[str]:
    """The names that a page does not hold between backticks, alone or before a value."""
    return [name for name in names if not any(f"`{name}{end}" in page for end in ("`", " ", "=", ",", "/"))]


def test_a_name_that_no_page_tells_is_noticed() -> None:
    assert untold(["--store", "--html"], "Use `--store FOLDER`; --html is not told.") == ["--html"]


def test_every_setting_is_told_by_name_and_by_environment_variable() -> None:
    page = (ROOT / "docs/settings.md").read_text("utf-8")
    names = list(Settings.names())

    assert untold([*names, *map(variable, names), CONFIG_VARIABLE], page) == []


def test_every_limit_is_told_with_its_default() -> None:
    page = (ROOT / "docs/settings.md").read_text("utf-8")
    defaults = [f"| `limits.{each.name}` | `{getattr(Limits(), each.name)}` |" for each in fields(Limits)]

    assert [row for row in defaults if row not in page] == []


def test_every_command_and_every_option_is_told() -> None:
    page = (ROOT / "docs/cli.md").read_text("utf-8")

    for path, command in leaves():
        heading = f"## commonspace {' '.join(path)}\n"
        assert heading in page
        part = page.partition(heading)[2].partition("\n## ")[0]
        assert untold(options(command), part) == [], heading


def test_every_item_code_is_told() -> None:
    assert untold(list(ITEM_CODES), (ROOT / "docs/errors.md").read_text("utf-8")) == []


def test_every_command_that_a_page_shows_makes_sense_to_the_parser() -> None:
    shown = [(page.name, arguments) for page in pages(ROOT) for arguments in commands(page.read_text("utf-8"))]

    assert len(shown) > 10
    assert [(name, arguments, wrong) for name, arguments in shown if (wrong := complaint(arguments))] == []


@pytest.mark.parametrize(
    "line",
    [
        "commonspace serch dog",
        "commonspace search dog --stoer media.cs",
        "commonspace search dog -k none",
        "ls | commonspace embed --jsno",
    ],
)
def test_a_command_that_would_not_run_is_noticed(line: str) -> None:
    (arguments,) = commands(f"```bash\n{line}  # a remark\n```\n")

    assert complaint(arguments)
