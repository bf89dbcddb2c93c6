"""HTTP/1.1 over connections that stay open, as little of it as a load needs, so that the loader costs next to nothing.

A general client spends about as long on a request as a small model on a text; on one machine with the service that
would be measured as the service's. Answers need a length or chunks; anything else is a lost answer.
"""

import asyncio
from dataclasses import dataclass
from ssl import SSLContext
from typing import Final, final

__all__ = ["Answer", "Connections"]

LIMIT: Final = 1 << 26


class _LostAnswerError(OSError):
    """The connection ended, or held something else than an answer."""


@final
class _StaleError(OSError):
    """The connection ended before a byte of the answer came."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back; the names of ``headers`` are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


@final
class Connections:
    """As many connections to one address as there are requests under way at a time; free ones are used again."""

    def __init__(self, host: str, port: int, tls: SSLContext | None = None) -> None:
        self._host, self._port, self._tls = host, port, tls
        self._free: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def request(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Answer:
        """One request and its answer; on a connection that had gone stale it is made once more on a new one.

        Raises:
            OSError: no connection, or no answer on it.
        """
        named = {"host": f"{self._host}:{self._port}", "content-length": str(len(body)), **headers}
        lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in named.items()), "", ""]
        message = "\r\n".join(lines).encode("latin-1") + body
        while self._free:
            reader, writer = self._free.pop()
            if writer.is_closing() or reader.at_eof():
                writer.close()
                continue
            try:
                return await self._exchange(reader, writer, message)
            except _StaleError:
                break
        return await self._exchange(*await self._open(), message)

    async def close(self) -> None:
        """Close what is free."""
        while self._free:
            _, writer = self._free.pop()
            writer.close()

    async def _open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection(self._host, self._port, ssl=self._tls, limit=LIMIT)

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, message: bytes) -> Answer:
        try:
            writer.write(message)
            await writer.drain()
            answer = await _answer(reader)
        except (ConnectionResetError, BrokenPipeError) as error:
            writer.close()
            raise _StaleError(str(error)) from error
        except asyncio.IncompleteReadError as error:
            writer.close()
            raise (_LostAnswerError if error.partial else _StaleError)(str(error)) from error
        except (asyncio.LimitOverrunError, KeyError, ValueError, IndexError) as error:
            writer.close()
            raise _LostAnswerError(str(error)) from error
        except BaseException:
            writer.close()
            raise
        if answer.headers.get("connection", "").lower() == "close":
            writer.close()
        else:
            self._free.append((reader, writer))
        return answer


async def _answer(reader: asyncio.StreamReader) -> Answer:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    status = int(head[0].split(" ", 2)[1])
    headers = {}
    for line in head[1:]:
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    if headers.get("transfer-encoding", "").lower() == "chunked":
        return Answer(status=status, headers=headers, body=await _chunks(reader))
    return Answer(status=status, headers=headers, body=await reader.readexactly(int(headers["content-length"])))


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    body = bytearray()
    while size := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
        body += await reader.readexactly(size)
        await reader.readexactly(2)
    while await reader.readuntil(b"\r\n") != b"\r\n":
        pass
    return bytes(body)
