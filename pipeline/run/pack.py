"""The evidence pack of a run: its papers in one zip file that shows any byte changed. No I/O.

The zip ends in a comment whose last 64 characters are the sha256 of every byte before them, headers and
central directory included: ``head -c -64 F.zip | sha256sum`` tells it too. The manifest in it has the digest
of each member. A digest inside a file shows damage; it stops nobody who makes the file anew.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

MANIFEST = "manifest.json"
SIGNATURE = "manifest.json.sig"
SIGNED_AS = "okta-plan-evidence"
"""The namespace of signatures: that of an approval is none of a pack."""
SEAL_CHARACTERS = 64
MEMBER_BYTES_MAX = 1 << 31
_COMMENT = b"okta-plan evidence pack; sha256 of all bytes before these 64 characters: "
_EPOCH = (1980, 1, 1, 0, 0, 0)
"""The earliest time a zip can tell: a pack holds no time of its own."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Member(_Part):
    sha256: str
    bytes: int


class SourceDigest(_Part):
    """A source that the plan was made of, as the plan pins it."""

    path: str
    sha256: str
    rows: int


class Manifest(_Part):
    """What a pack is of. ``members``: every file in it but the manifest and its signature."""

    schema_: Annotated[Literal["okta-plan/evidence-manifest/v1"], Field(alias="schema")] = (
        "okta-plan/evidence-manifest/v1"
    )
    tool_version: str
    run: str
    state: Literal["finished", "unfinished"]
    org_id: str
    org_host: str
    okta_app_id: str
    plan_name: str
    plan_path: str
    plan_digest: str
    changes_digest: str
    reviewed_digest: str
    approval_digest: str = ""
    sources: tuple[SourceDigest, ...]
    source_totals: Mapping[str, int]
    """Rows of the sources, people, values and cohorts, as the plan counts them."""
    changes: int
    held: int
    """What the comparison held."""
    outcomes: Mapping[str, int]
    """What the journal says of the changes, over all parts of the run."""
    members: Mapping[str, Member]

    def dump(self) -> bytes:
        """JSON text in UTF-8, ending in a newline."""
        return (self.model_dump_json(by_alias=True, indent=1) + "\n").encode()


@dataclass(frozen=True, slots=True)
class Unpacked:
    """What a pack's bytes hold. ``manifest`` is None where there is none; ``why`` says what is wrong."""

    is_sealed: bool
    members: Mapping[str, bytes | None]
    """None: it cannot be read."""
    manifest: Manifest | None
    manifest_text: bytes = b""
    signature: bytes | None = None
    why: str = ""


def member_of(content: bytes) -> Member:
    """The line of the manifest for a member."""
    return Member(sha256=hashlib.sha256(content).hexdigest(), bytes=len(content))


def pack(manifest: Manifest, members: Mapping[str, bytes], signature: bytes | None = None) -> bytes:
    """The bytes of a sealed pack."""
    text = io.BytesIO()
    with zipfile.ZipFile(text, "w", zipfile.ZIP_DEFLATED) as file:
        _add(file, MANIFEST, manifest.dump())
        if signature is not None:
            _add(file, SIGNATURE, signature)
        for name in sorted(members):
            _add(file, name, members[name])
        file.comment = _COMMENT + b"0" * SEAL_CHARACTERS
    body = text.getvalue()[:-SEAL_CHARACTERS]
    return body + hashlib.sha256(body).hexdigest().encode()


def _add(file: zipfile.ZipFile, name: str, content: bytes) -> None:
    entry = zipfile.ZipInfo(name, _EPOCH)
    entry.create_system = 3
    entry.external_attr = 0o600 << 16
    entry.compress_type = zipfile.ZIP_DEFLATED
    file.writestr(entry, content)


def unpack(content: bytes) -> Unpacked:
    """What is in a pack, whole or damaged; nothing is raised for bytes of any kind."""
    body, seal = content[:-SEAL_CHARACTERS], content[-SEAL_CHARACTERS:]
    is_sealed = hashlib.sha256(body).hexdigest().encode() == seal
    try:
        members = _members(content)
    except Exception as error:  # noqa: BLE001 - zipfile raises many kinds for bytes of any kind
        return Unpacked(is_sealed, {}, None, why=f"It cannot be read as an evidence pack: {error}.")
    text, signature = members.pop(MANIFEST, None), members.pop(SIGNATURE, None)
    if text is None:
        return Unpacked(is_sealed, members, None, why=f"It has no {MANIFEST} that can be read.")
    try:
        manifest = Manifest.model_validate_json(text)
    except ValidationError as error:
        why = f"{MANIFEST} is none of this version: {error.error_count()} fields are not as expected."
        return Unpacked(is_sealed, members, None, why=why)
    return Unpacked(is_sealed, members, manifest, text, signature)


def _members(content: bytes) -> dict[str, bytes | None]:
    """By name; None for one that cannot be read."""
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        entries = file.infolist()
        if len({each.filename for each in entries}) != len(entries):
            raise zipfile.BadZipFile("two members have one name")
        if any(each.file_size > MEMBER_BYTES_MAX for each in entries):
            raise zipfile.BadZipFile("a member is larger than any of ours")
        return {each.filename: _read(file, each) for each in entries}


def _read(file: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes | None:
    try:
        return file.read(entry)
    except Exception:  # noqa: BLE001 - and so do its codecs
        return None


def unlike_manifest(manifest: Manifest, members: Mapping[str, bytes | None]) -> list[str]:
    """The members that are not what ``manifest`` says, each with what is wrong."""
    found = [f"{name} is missing" for name in sorted(manifest.members) if name not in members]
    for name, content in sorted(members.items()):
        if name not in manifest.members:
            found.append(f"{name} is not in the manifest")
        elif content is None or member_of(content) != manifest.members[name]:
            found.append(f"{name} was changed")
    return found
