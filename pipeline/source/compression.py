"""gzip and Zstandard sources, recognised by their first bytes, never by their name."""

from __future__ import annotations

import gzip
import io
import sys
import zlib
from typing import IO

from pipeline.errors import ErrorCode, InputError
from pipeline.findings import Location

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

PLAIN_BYTES_MAX = 16 * 1024**3
UNSUSPICIOUS_BYTES = 64 * 1024**2
RATIO_MAX = 200
"""Access exports shrink to a tenth or a fiftieth; what shrinks further than this is made to fill memory."""

_CHUNK_BYTES = 4 * 1024**2
_ZIP = b"PK\x03\x04"
_OLE = b"\xd0\xcf\x11\xe0"


def plain_bytes(content: bytes, shown: str) -> tuple[bytes, str | None]:
    """``content`` without its compression, and what that was: ``gzip``, ``zstd`` or None.

    Raises InputError where it is damaged, cut off, unpacks to far more than any export does, or is an archive
    or a workbook.
    """
    if content.startswith(b"\x1f\x8b"):
        return _unpacked(gzip.GzipFile(fileobj=io.BytesIO(content)), len(content), shown, "gzip"), "gzip"
    if content.startswith(b"\x28\xb5\x2f\xfd"):
        return _unpacked(zstd.ZstdFile(io.BytesIO(content)), len(content), shown, "zstd"), "zstd"
    if content.startswith((_ZIP, _OLE)):
        raise InputError(
            ErrorCode.NOT_A_TABLE,
            "The source file is no CSV file",
            f"{shown} is a zip archive or an Excel workbook.",
            location=Location(shown),
            next_step='Unpack it, or save the sheet as CSV (in Excel: "CSV UTF-8").',
        )
    return content, None


def _unpacked(file: IO[bytes] | gzip.GzipFile | zstd.ZstdFile, packed: int, shown: str, kind: str) -> bytes:
    bytes_max = min(PLAIN_BYTES_MAX, max(UNSUSPICIOUS_BYTES, packed * RATIO_MAX))
    pieces: list[bytes] = []
    size = 0
    try:
        while piece := file.read(_CHUNK_BYTES):
            pieces.append(piece)
            size += len(piece)
            if size > bytes_max:
                raise _too_large(shown, kind, packed, bytes_max)
    except (OSError, EOFError, zlib.error, zstd.ZstdError) as error:
        raise InputError(
            ErrorCode.FILE_UNREADABLE,
            "The source file cannot be unpacked",
            f"{shown} is {kind}, but it is damaged or cut off after {size:,} unpacked bytes: {error}.",
            location=Location(shown),
            next_step="Copy or export it again; nothing is ever concluded from a part of a file.",
        ) from error
    return b"".join(pieces)


def _too_large(shown: str, kind: str, packed: int, bytes_max: int) -> InputError:
    return InputError(
        ErrorCode.FILE_TOO_LARGE,
        "The source file unpacks to too much",
        f"{shown} holds {packed:,} bytes of {kind} that unpack to more than {bytes_max:,}.",
        location=Location(shown),
        next_step="Unpack it yourself if you know what it is, and name the unpacked file.",
    )
