"""Every rule holds on this tree, and finds what is wrong with a bad one."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import final

import pytest

from tests.house import exports, safety, shape

ROOT = Path(__file__).parents[2]
MODULE = "src/commonspace/core/thing.py"


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A rule, the smallest tree that breaks it, and a word of the complaint."""

    rule: Callable[[Path], list[str]]
    bad: str
    complaint: str
    place: str = MODULE
    others: dict[str, str] = field(default_factory=dict)


CASES = [
    Case(rule=shape.long_files, bad="x = 1\n" * 301, complaint="301 lines"),
    Case(rule=shape.long_functions, bad="def f():\n" + "    x = 1\n" * 40, complaint="f: 41 lines"),
    Case(rule=shape.wide_functions, bad="def f(a, b, c, *d, e, f, **g): ...", complaint="f: 7 parameters"),
    Case(rule=shape.wide_functions, bad="class C:\n  def f(self, a, b, c, d, e, f, g): ...", complaint="7 parameters"),
    Case(rule=shape.vague_names, bad="", place="src/commonspace/core/image_utils.py", complaint="'utils'"),
    Case(rule=shape.vague_names, bad="", place="src/commonspace/helpers/image.py", complaint="'helpers'"),
    Case(rule=shape.first_lines_missing, bad='"""An idea that\nneeds two lines."""', complaint="thing.py"),
    Case(rule=shape.first_lines_missing, bad="x = 1", complaint="thing.py"),
    Case(rule=exports.exports_missing, bad="def public(): ...", complaint="public without __all__"),
    Case(rule=exports.exports_untrue, bad="__all__ = ['gone']", complaint="exports gone"),
    Case(rule=exports.undocumented, bad="class Bare: ...", complaint="Bare has no docstring"),
    Case(
        rule=exports.unexported_imports,
        bad="__all__ = ['a']\ndef a(): ...\ndef b(): ...",
        complaint="takes b from commonspace.core.thing",
        others={"src/commonspace/core/taker.py": "from commonspace.core.thing import a, b"},
    ),
    Case(rule=safety.asserts, bad="assert 1", complaint="assert"),
    Case(rule=safety.unsafe_imports, bad="from pickle import loads", complaint="pickle"),
    Case(rule=safety.unsafe_imports, bad="def f():\n    import joblib.memory", complaint="joblib"),
    Case(rule=safety.network_imports, bad="from urllib import request", complaint="urllib.request"),
    Case(rule=safety.network_imports, bad="import requests", complaint="requests"),
    Case(
        rule=safety.decoders_at_the_door,
        bad="from PIL import Image",
        complaint="PIL",
        place="src/commonspace/shell/api/thing.py",
    ),
    Case(rule=safety.unsafe_calls, bad="torch.load(path)", complaint="torch.load"),
    Case(rule=safety.unsafe_calls, bad="np.load(path, allow_pickle=True)", complaint="np.load(allow_pickle=True)"),
    Case(rule=safety.unsafe_calls, bad="load(name, trust_remote_code=True)", complaint="trust_remote_code"),
    Case(rule=safety.stray_errors, bad="class Own(ValueError): ...", complaint="Own"),
    Case(
        rule=safety.machine_paths,
        bad=f"folder: {Path('/', 'home', 'me')}/media",
        complaint="notes.md:1",
        place="notes.md",
    ),
]

by_rule = pytest.mark.parametrize("rule", dict.fromkeys(case.rule for case in CASES), ids=lambda rule: rule.__name__)


@by_rule
def test_this_tree_keeps_the_rule(rule: Callable[[Path], list[str]]) -> None:
    assert rule(ROOT) == []


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.rule.__name__}: {case.complaint}")
def test_a_bad_tree_breaks_the_rule(case: Case, tmp_path: Path) -> None:
    for place, text in {case.place: case.bad, **case.others}.items():
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place).write_text(text, "utf-8")

    complaints = case.rule(tmp_path)

    assert len(complaints) == 1
    assert case.complaint in complaints[0]


@pytest.mark.parametrize("module", [shape, exports, safety], ids=lambda module: module.__name__)
def test_every_rule_has_a_bad_tree(module: object) -> None:
    rules = {getattr(module, name) for name in module.__all__}  # type: ignore[attr-defined]

    assert rules == {case.rule for case in CASES if case.rule.__module__ == module.__name__}  # type: ignore[attr-defined]
