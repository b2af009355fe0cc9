"""multipart/related answers with one or many parts (RFC 2387; PS3.18 8.6.1.2)."""

from collections.abc import Iterable, Iterator


def content_type(boundary: str, media_type: str, transfer_syntax: str) -> str:
    """The Content-Type of the whole answer."""
    return f'multipart/related; type="{media_type}"; transfer-syntax={transfer_syntax}; boundary={boundary}'


def part_head(boundary: str, media_type: str, transfer_syntax: str, location: str = "") -> bytes:
    """What stands before the bytes of a part."""
    where = f"Content-Location: {location}\r\n" if location else ""
    return f"--{boundary}\r\nContent-Type: {media_type}; transfer-syntax={transfer_syntax}\r\n{where}\r\n".encode()


def end(boundary: str) -> bytes:
    """What stands after the last part."""
    return f"\r\n--{boundary}--\r\n".encode()


def stream(boundary: str, media_type: str, transfer_syntax: str, parts: Iterable[bytes]) -> Iterator[bytes]:
    """Many parts one after another; only one is held at a time."""
    between = b""
    for part in parts:
        yield between + part_head(boundary, media_type, transfer_syntax)
        yield part
        between = b"\r\n"
    yield end(boundary)
