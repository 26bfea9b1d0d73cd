"""The HTTP client under all calls: no redirects, no cookies, the proxy and the roots of the environment."""

from __future__ import annotations

from http.cookiejar import CookieJar
from urllib.parse import urlsplit

import httpx

from pipeline.errors import ErrorCode, InputError
from pipeline.runtime import Runtime
from pipeline.settings import is_loopback

TIMEOUT_S = 60.0
_UNUSABLE = (
    (ImportError, "a proxy is named as socks://, which this program does not speak"),
    (OSError, "the file of certificates (SSL_CERT_FILE) cannot be read, or holds none"),
    ((ValueError, httpx.InvalidURL), "a proxy, or a host that needs none, is not written as a URL or host"),
)


class _NoCookies(CookieJar):
    """Who calls is said by each call; a session of the tenant's is not taken up."""

    def extract_cookies(self, response: object, request: object) -> None:
        pass

    def add_cookie_header(self, request: object) -> None:
        pass


def http_client(origin: str, runtime: Runtime, user_agent: str) -> httpx.AsyncClient:
    """A client of ``origin``. An org on this machine is asked directly: its calls are plain, and a proxy
    would see their credential. Raises InputError where what the environment says of proxies or certificates
    cannot be used; what it says is not shown, as the address of a proxy may hold a password.
    """
    host = urlsplit(origin).hostname or ""
    direct = {f"all://{f'[{host}]' if ':' in host else host}": None} if is_loopback(host) else {}
    try:
        return httpx.AsyncClient(
            base_url=origin,
            transport=runtime.transport,
            mounts=direct,
            timeout=TIMEOUT_S,
            follow_redirects=False,
            trust_env=True,
            headers={"Accept": "application/json", "User-Agent": user_agent},
            cookies=_NoCookies(),
        )
    except (ImportError, OSError, ValueError, httpx.InvalidURL) as error:
        why = next(words for kinds, words in _UNUSABLE if isinstance(error, kinds))
        raise InputError(
            ErrorCode.SETTINGS_INVALID,
            "The network settings of the environment cannot be used",
            f"{why[0].upper()}{why[1:]}.",
            next_step="Correct HTTPS_PROXY, ALL_PROXY, NO_PROXY and SSL_CERT_FILE in the environment.",
        ) from error
