"""HTTP over bare sockets: what http.client refuses to send has to be sent too."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

_SECONDS = 40.0


@dataclass(frozen=True)
class Answer:
    """A status, the media type without its parameters, and the whole body."""

    status: int
    media_type: str
    body: bytes
    closes: bool


def head_of(method: str, path: str, headers: Mapping[str, str], length: int | None) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", *(f"{name}: {value}" for name, value in headers.items())]
    if length is not None:
        lines.append(f"Content-Length: {length}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1", "replace")


def exchange(
    port: int, connection: socket.socket | None, method: str, path: str, headers: Mapping[str, str], body: bytes
) -> tuple[socket.socket | None, Answer | None]:
    """Send a request and read its answer; a connection that the server had closed meanwhile is opened anew, once."""
    whole = head_of(method, path, headers, len(body) if body or method == "POST" else None) + body
    for attempt in (connection, None):
        fresh = attempt is None
        used = attempt or socket.create_connection(("127.0.0.1", port), _SECONDS)
        with suppress(OSError):
            used.sendall(whole)
        answer = read_answer(used, without_body=method == "HEAD")
        if answer is not None and not answer.closes:
            return used, answer
        used.close()
        if answer is not None or fresh:
            return None, answer
    return None, None


def read_answer(connection: socket.socket, *, without_body: bool = False) -> Answer | None:
    """The next final answer on a connection; None if it ended or stayed silent before the answer was whole."""
    try:
        with connection.makefile("rb") as stream:
            while True:
                status = int(stream.readline().split(b" ", 2)[1])
                headers = {}
                while line := stream.readline().strip():
                    name, _, value = line.partition(b":")
                    headers[name.strip().lower()] = value.strip()
                if status >= 200:
                    break
            empty = without_body or status in (204, 304)
            body = b"" if empty else _body(stream, headers)
    except (OSError, IndexError, ValueError):
        return None
    media_type = headers.get(b"content-type", b"").partition(b";")[0].decode("latin-1").strip()
    return Answer(status, media_type, body, headers.get(b"connection", b"").lower() == b"close")


def _body(stream, headers: Mapping[bytes, bytes]) -> bytes:  # type: ignore[no-untyped-def]
    if headers.get(b"transfer-encoding", b"").lower() == b"chunked":
        parts = []
        while size := int(stream.readline(), 16):
            parts.append(stream.read(size))
            stream.readline()
        stream.readline()
        return b"".join(parts)
    length = int(headers.get(b"content-length", b"0"))
    body = bytes(stream.read(length))
    if len(body) < length:
        raise ValueError("the answer ends before its end")
    return body
