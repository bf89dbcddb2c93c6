"""``commonspace mcp``: a store for language models, over the Model Context Protocol."""

from dataclasses import dataclass, field
from typing import final

from commonspace.core.errors import MissingExtra
from commonspace.shell.cli.options import AsJson, Overrides, StorePath, settings_for, store_path
from commonspace.shell.cli.request import ExitCode

__all__ = ["Mcp", "answer_mcp"]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Mcp:
    """Let an assistant search a store: a server of the Model Context Protocol on standard input and output.

    An assistant starts this itself (docs/rag.md says how to tell it to). It can search and read; it changes nothing,
    and reads no file that the store does not hold.
    """

    store: StorePath = None
    overrides: Overrides = field(default_factory=list)
    as_json: AsJson = False


def answer_mcp(request: Mcp) -> ExitCode:
    """Serve until standard input ends."""
    from importlib.util import find_spec

    if find_spec("mcp") is None:
        raise MissingExtra("The Model Context Protocol is not installed.", fix="pip install 'commonspace[mcp]'")
    settings = settings_for(request.overrides, store=request.store)
    from commonspace.shell.mcp.server import server_over
    from commonspace.shell.wire import open_collection

    with open_collection(store_path(settings), settings) as collection:
        server_over(collection).run()
    return ExitCode.FINE
