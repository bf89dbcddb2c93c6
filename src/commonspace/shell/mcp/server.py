"""The MCP server over one collection: tools and resources, spoken over standard input and output."""

from typing import Final

from commonspace.apps.collection import Collection
from commonspace.core.errors import CommonspaceError, MissingExtra
from commonspace.shell.mcp.reading import NOTICE, item_named, medium_of_item, passages_of
from commonspace.shell.mcp.tools import Tools

try:
    from anyio import to_thread
    from mcp.server.mcpserver import MCPServer
    from mcp.server.mcpserver.exceptions import ResourceError, ResourceNotFoundError
    from mcp_types import ToolAnnotations
except ImportError as error:
    raise MissingExtra("The Model Context Protocol is not installed.", fix="pip install 'commonspace[mcp]'") from error

__all__ = ["server_over"]

INSTRUCTIONS: Final = (
    "Searches one store of the user's pictures, sounds, videos, documents and texts by meaning. Call context to answer "
    "a question and cite its passages by their numbers; call search to find things, read to see more of an item. "
    + NOTICE
)
MOST_RESOURCE_CHARS: Final = 200_000


def server_over(collection: Collection) -> MCPServer[None]:
    """A server with the tools search, context, read, items and info, and two resources an item. It changes nothing."""
    server: MCPServer[None] = MCPServer("commonspace", instructions=INSTRUCTIONS, log_level="WARNING")
    tools = Tools(collection)
    reading = ToolAnnotations(read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=False)
    for tool in (tools.search, tools.context, tools.read, tools.items, tools.info):
        server.add_tool(tool, annotations=reading)

    @server.resource("commonspace://items/{id}", name="item", mime_type="text/plain")
    async def passages(id: str) -> str:  # noqa: A002  # the template's name
        """The words of an item, each line quoted."""
        return await to_thread.run_sync(_words, collection, id)

    @server.resource("commonspace://items/{id}/media", name="medium", mime_type="application/octet-stream")
    async def medium(id: str) -> bytes:  # noqa: A002  # the template's name
        """The picture, frame or clip of an item, as long as its file is what was indexed."""
        return await to_thread.run_sync(_medium, collection, id)

    return server


def _words(collection: Collection, name: str) -> str:
    item = _item(collection, name)
    words = [segment.text or "" for segment in passages_of(collection.segments(item))]
    quoted = "\n\n".join("\n".join(f"> {line}" for line in text.splitlines()) for text in words)
    return f"{NOTICE}\n\n{quoted}"[:MOST_RESOURCE_CHARS]


def _medium(collection: Collection, name: str) -> bytes:
    found = medium_of_item(collection, item_named(collection, _item(collection, name)))
    if found is None:
        raise ResourceError("The item has no medium, or its file has changed since it was indexed.")
    return found.data


def _item(collection: Collection, name: str) -> str:
    try:
        return item_named(collection, name).id
    except CommonspaceError as error:
        raise ResourceNotFoundError(f"{error.cause} {error.fix}") from None
