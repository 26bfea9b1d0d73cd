"""When two texts look the same to a person, though they are not."""

from __future__ import annotations

import unicodedata


def look(text: str) -> str:
    """How a text looks to a person: equal for texts that differ only in case, blanks, invisible characters
    or Unicode form.
    """
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return "".join(each for each in folded if not each.isspace() and unicodedata.category(each) != "Cf")
