"""Why no answer came, in words for the person who set the host, the proxy or the network up."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator

import httpx


def why_unanswered(request: httpx.Request, failure: httpx.HTTPError) -> str:
    """Which host was asked and what became of it; nothing of the request but its host."""
    return f"no usable answer from {request.url.netloc.decode('ascii')}: {_cause(failure)}"


_CAUSES: tuple[tuple[type[BaseException], str], ...] = (
    (socket.gaierror, "no such host is known"),
    (ConnectionRefusedError, "the connection was refused"),
    (ssl.SSLCertVerificationError, "its certificate is not trusted (SSL_CERT_FILE can name other roots)"),
    (httpx.ProxyError, "the proxy named in the environment refused"),
    (httpx.TimeoutException, "nothing came in time"),
    (httpx.DecodingError, "what came is no JSON, so not Okta's: a login page of the network, or a proxy"),
)


def _cause(failure: httpx.HTTPError) -> str:
    known = (words for each in _chain(failure) for kind, words in _CAUSES if isinstance(each, kind))
    return next(known, f"the connection failed ({type(failure).__name__})")


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
