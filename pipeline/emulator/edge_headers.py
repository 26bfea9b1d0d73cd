"""Headers that Okta sends with every answer and no client acts on; names and values as recorded."""

from __future__ import annotations

_ALWAYS = (
    ("Accept-Ch", "Sec-CH-UA-Platform-Version"),
    ("Strict-Transport-Security", "max-age=315360000; includeSubDomains"),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Xss-Protection", "0"),
)
_NOT_WHEN_REFUSED = (
    ("Cache-Control", "no-cache, no-store"),
    ("Expires", "0"),
    ("Pragma", "no-cache"),
    ("Referrer-Policy", "strict-origin-when-cross-origin"),
)


def _raw(headers: tuple[tuple[str, str], ...]) -> tuple[tuple[bytes, bytes], ...]:
    return tuple((name.lower().encode(), value.encode()) for name, value in headers)


OF_ANSWERS = _raw((*_ALWAYS, *_NOT_WHEN_REFUSED))
OF_TOO_MANY = _raw(_ALWAYS)
"""A 429 comes from further ahead (recording pysdk__TestApplicationFeaturesResource)."""
