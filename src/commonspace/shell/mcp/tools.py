"""What a language model may do with a store: search, get context, list, read. All of it reading, all of it bounded."""

import base64
from collections.abc import Callable, Iterable
from functools import partial
from itertools import islice
from typing import Annotated, Any, Final, Literal, TypeVar, final

from commonspace.apps.collection import Collection
from commonspace.apps.rag.context import Context, Medium, Passage, composed_context
from commonspace.apps.rag.gather import gathered
from commonspace.apps.rag.tokens import Budget
from commonspace.core.errors import CommonspaceError, MissingExtra
from commonspace.core.modality import Modality
from commonspace.shell.mcp.reading import NOTICE, fields_of, item_named, medium_of_item, passages_of, safe_medium

try:
    from anyio import CapacityLimiter, to_thread
    from mcp.server.mcpserver.exceptions import ToolError
    from mcp_types import AudioContent, CallToolResult, ContentBlock, ImageContent, TextContent
    from pydantic import Field
except ImportError as error:
    raise MissingExtra("The Model Context Protocol is not installed.", fix="pip install 'commonspace[mcp]'") from error

__all__ = ["Tools"]

LONGEST_QUERY: Final = 4_000
LONGEST_ID: Final = 4_000
MOST_MEDIUM_BYTES: Final = 1_000_000
MOST_PASSAGES: Final = 20
AT_ONCE: Final = 2
UNBOUNDED_TOKENS: Final = 1_000_000_000
T = TypeVar("T")

Text = Annotated[str, Field(min_length=1, max_length=LONGEST_QUERY, description="What to look for, in plain words.")]
ItemName = Annotated[str, Field(min_length=1, max_length=LONGEST_ID, description="An item's id or uri.")]
Kind = Annotated[
    Literal["text", "image", "audio", "video"] | None, Field(description="Only items of this modality; all if null.")
]
Pictures = Annotated[int, Field(ge=0, le=6, description="How many pictures and clips may come along.")]


@final
class Tools:
    """The tools over one collection; none of them changes anything."""

    def __init__(self, collection: Collection) -> None:
        self._collection = collection
        self._limiter = CapacityLimiter(AT_ONCE)

    async def search(
        self,
        query: Text,
        k: Annotated[int, Field(ge=1, le=50, description="How many hits.")] = 8,
        modality: Kind = None,
        media: Pictures = 2,
    ) -> CallToolResult:
        """Find pictures, sounds, videos, documents and texts by meaning, best first, each with its citation."""

        def work() -> CallToolResult:
            hits = self._collection.search(query, k=k, modality=modality)
            everything = Budget(tokens=UNBOUNDED_TOKENS, most_media=k)
            found = composed_context(query, hits, everything, partial(safe_medium, self._collection))
            return self._answer(found, media)

        return await self._away(work)

    async def context(
        self,
        question: Text,
        budget_tokens: Annotated[int, Field(ge=50, le=50_000, description="How many tokens it may have.")] = 2000,
        media: Pictures = 4,
    ) -> CallToolResult:
        """What to answer a question from: numbered passages, pictures and clips within a budget. Cite them as [1]."""

        def work() -> CallToolResult:
            found = gathered(self._collection, question, Budget(tokens=budget_tokens, most_media=media))
            return self._answer(found, media)

        return await self._away(work)

    async def read(
        self,
        item: ItemName,
        start: Annotated[int, Field(ge=0, le=1_000_000, description="The first passage, from zero.")] = 0,
        passages: Annotated[int, Field(ge=1, le=MOST_PASSAGES, description="How many passages.")] = 8,
    ) -> CallToolResult:
        """Read one item of the store: its passages in order, or its picture, frame or clip."""

        def work() -> CallToolResult:
            found = item_named(self._collection, item)
            words = passages_of(self._collection.segments(found.id))
            shown = words[start : start + passages]
            quoted = ["\n".join(f"> {line}" for line in (each.text or "").splitlines()) for each in shown]
            medium = None if found.modality is Modality.TEXT else medium_of_item(self._collection, found)
            blocks: list[ContentBlock] = [TextContent(text="\n\n".join([NOTICE, fields_of(found)["name"], *quoted]))]
            blocks += _blocks([] if medium is None else [medium])
            told = {"notice": NOTICE, "item": fields_of(found), "passages": quoted, "num_passages": len(words)}
            return CallToolResult(content=blocks, structured_content=told)

        return await self._away(work)

    async def items(
        self,
        modality: Kind = None,
        after: Annotated[str, Field(max_length=LONGEST_ID, description="Items beyond this uri.")] = "",
        limit: Annotated[int, Field(ge=1, le=100, description="How many.")] = 50,
    ) -> CallToolResult:
        """List what the store holds, by uri; give the last uri as `after` to go on."""

        def work() -> CallToolResult:
            kind = None if modality is None else Modality(modality)
            found = [fields_of(item) for item in islice(self._collection.items(modality=kind, after=after), limit)]
            lines = [f"{each['id']} {each['modality']} {each['name']}" for each in found]
            return _told([NOTICE, *(f"> {line}" for line in lines)], {"items": found})

        return await self._away(work)

    async def info(self) -> CallToolResult:
        """Say what the store holds: its space, and how many items of each modality."""

        def work() -> CallToolResult:
            told = self._collection.info().to_dict()
            counts = ", ".join(f"{count} {modality}" for modality, count in told["items"].items())
            return _told([f"{told['num_items']} items in the space {told['space']['name']}: {counts}"], told)

        return await self._away(work)

    async def _away(self, work: Callable[[], T]) -> T:
        """Do it in a thread; what we say of a mistake is for the model to read."""
        try:
            return await to_thread.run_sync(work, limiter=self._limiter)
        except CommonspaceError as error:
            raise ToolError(f"{error.cause} {error.fix}") from None

    def _answer(self, found: Context, most_media: int) -> CallToolResult:
        shown = [passage for passage in found.passages if passage.kind != "text"][:most_media]
        media = [medium for passage in shown if (medium := safe_medium(self._collection, passage.hit)) is not None]
        text = found.text() or "Nothing in the store is a good match."
        blocks: list[ContentBlock] = [TextContent(text=f"{NOTICE}\n\n{text}"), *_blocks(media)]
        hits = [_cited(passage) for passage in found.passages]
        told = {"notice": NOTICE, "num_tokens": found.num_tokens, "hits": hits}
        return CallToolResult(content=blocks, structured_content=told)


def _cited(passage: Passage) -> dict[str, Any]:
    """A hit with its words as they stand in the text: quoted."""
    return {**passage.to_dict(), "text": passage.rendered}


def _told(lines: list[str], fields: dict[str, Any]) -> CallToolResult:
    return CallToolResult(content=[TextContent(text="\n".join(lines))], structured_content=fields)


def _blocks(media: Iterable[Medium]) -> list[ContentBlock]:
    """Pictures and sounds that are small enough to be sent."""
    blocks: list[ContentBlock] = []
    for medium in media:
        if len(medium.data) > MOST_MEDIUM_BYTES:
            continue
        data = base64.b64encode(medium.data).decode("ascii")
        kind = AudioContent if medium.media_type.startswith("audio/") else ImageContent
        blocks.append(kind(data=data, mime_type=medium.media_type))
    return blocks
