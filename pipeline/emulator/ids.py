"""Ids of 20 characters with Okta's prefixes, and the other strings an org invents; all from one seed."""

from __future__ import annotations

import hashlib

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_NUMBER_LENGTH = 6
_SUFFIX = "1d7"
_LETTER_OF_BYTE = bytes(ord(_ALPHABET[byte % len(_ALPHABET)]) for byte in range(256))


def okta_id(prefix: str, number: int, seed: int) -> str:
    """Ids grow with their number, so that a listing by id is a listing by age."""
    digest = hashlib.sha256(f"{seed}/{prefix}/{number}".encode()).digest()
    noise = digest[:7].translate(_LETTER_OF_BYTE).decode()
    return f"{prefix}1{_base62(number)}{noise}{_SUFFIX}"


def number_of(given_id: str) -> int:
    """The number within an id made here, so that a loaded org continues after the ids it brings; else 0."""
    number = 0
    for character in given_id[4 : 4 + _NUMBER_LENGTH]:
        number = number * len(_ALPHABET) + _ALPHABET.index(character)
    return number if given_id[3] == "1" and given_id.endswith(_SUFFIX) else 0


def _base62(number: int) -> str:
    digits = ""
    for _ in range(_NUMBER_LENGTH):
        number, digit = divmod(number, len(_ALPHABET))
        digits = _ALPHABET[digit] + digits
    return digits


class Chance:
    """Repeatable chance: the same seed gives the same request ids, error ids and latencies."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._drawn = 0

    def hex32(self) -> str:
        self._drawn += 1
        return hashlib.sha256(f"{self._seed}#{self._drawn}".encode()).hexdigest()[:32]

    def error_id(self) -> str:
        return f"oae{self.hex32()[:22]}"

    def between(self, least: float, most: float) -> float:
        return least + (most - least) * int(self.hex32()[:8], 16) / 0xFFFFFFFF
