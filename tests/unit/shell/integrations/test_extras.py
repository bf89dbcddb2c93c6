"""Without its extra each integration says the line that installs it."""

import importlib.util
import sys

import pytest

from commonspace.core.errors import MissingExtra

HIDDEN = {
    "integrations.langchain": ("langchain_core.callbacks", "langchain"),
    "integrations.llama_index": ("llama_index.core.base.base_retriever", "llama-index"),
    "integrations.haystack": ("haystack", "haystack"),
    "mcp.server": ("mcp.server.mcpserver", "mcp"),
    "mcp.tools": ("mcp.server.mcpserver.exceptions", "mcp"),
}


@pytest.mark.parametrize("module", HIDDEN)
def test_the_error_holds_the_install_line(module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    hidden, extra = HIDDEN[module]
    name = f"commonspace.shell.{module}"
    spec = importlib.util.find_spec(name)
    assert spec is not None
    assert spec.loader is not None
    monkeypatch.setitem(sys.modules, hidden, None)

    with pytest.raises(MissingExtra) as refused:
        spec.loader.exec_module(importlib.util.module_from_spec(spec))

    assert refused.value.fix == f"pip install 'commonspace[{extra}]'"
