"""SSH signatures of approvals, made and checked by ssh-keygen (OpenSSH 8.2 or newer; ``man ssh-keygen``)."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from pipeline.errors import ErrorCode, InputError, RefusedError
from pipeline.findings import Location
from pipeline.plan.approval import SIGNED_AS, Approval, signed_bytes
from pipeline.settings import environment

PASSED_ON = (
    "PATH", "HOME", "USER", "LANG", "TERM", "TMPDIR", "DISPLAY", "SSH_AUTH_SOCK", "SSH_ASKPASS",
    "SSH_ASKPASS_REQUIRE", "SSH_SK_PROVIDER", "SYSTEMROOT", "USERPROFILE", "TEMP", "TMP",
)  # fmt: skip
"""What ssh-keygen needs of the environment: agent, askpass, paths. No credential of the tenant."""


def public_key(key: Path) -> str:
    """The public key (base64) of a key file, be it the private or the public one. Raises InputError."""
    beside = key if key.suffix == ".pub" else key.with_name(f"{key.name}.pub")
    try:
        text = beside.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        if not key.is_file():
            raise InputError(
                ErrorCode.FILE_NOT_FOUND,
                "There is no such key",
                f"{key} does not exist.",
                location=Location(str(key)),
                next_step="Name your SSH key with --sign, e.g. --sign ~/.ssh/id_ed25519.",
            ) from None
        text = _answer(_run("-y", "-f", str(key)), "The key cannot be read", key)
    words = text.split()
    return words[1] if len(words) > 1 else ""


def principals_of(allowed_signers: Path, key: str) -> tuple[str, ...]:
    """The principals (patterns) that an allowed-signers file names for a public key. Raises InputError."""
    found: list[str] = []
    for line in _text(allowed_signers).splitlines():
        words = line.split()
        if key and key in words[1:] and not line.startswith("#"):
            found += words[0].strip('"').split(",")
    return tuple(found)


def sign(approval: Approval, key: Path) -> str:
    """The signature of ``approval`` with ``key``, in ASCII armour. ssh-keygen may ask for a passphrase on the
    terminal, or ask the agent. Raises InputError.
    """
    return sign_bytes(signed_bytes(approval), key, SIGNED_AS, "The approval cannot be signed")


def sign_bytes(content: bytes, key: Path, namespace: str, refusal: str) -> str:
    """The signature of ``content`` with ``key`` for one purpose, in ASCII armour. ``refusal`` is what the
    error says where ssh-keygen makes none. Raises InputError.
    """
    return _answer(_run("-Y", "sign", "-n", namespace, "-f", str(key), given=content), refusal, key)


def signers_of(content: bytes, signature: bytes, namespace: str, allowed_signers: Path) -> tuple[str, ...]:
    """Whom of an allowed-signers file a signature of ``content`` is by; nobody where it is of something else,
    or by somebody else. Raises InputError where the file cannot be read.
    """
    _text(allowed_signers)
    with tempfile.TemporaryDirectory(prefix="okta-plan-signature-") as folder:
        path = Path(folder) / "content.sig"
        path.write_bytes(signature)
        allowed = ("-f", str(allowed_signers), "-s", str(path))
        found = _run("-Y", "find-principals", *allowed).stdout.decode(errors="replace").splitlines()
        names = [each for line in found for each in line.split(",")]
        return tuple(
            each
            for each in names
            if not _run("-Y", "verify", "-n", namespace, "-I", each, *allowed, given=content).returncode
        )


def check_signature(approval: Approval, allowed_signers: Path) -> tuple[str, ...]:
    """The principals of the key that signed ``approval``, which is its approver's. Raises RefusedError where
    there is no signature, it is of other content, or its key is not the approver's.
    """
    _text(allowed_signers)
    if approval.signature is None:
        raise RefusedError(
            ErrorCode.APPROVAL_UNSIGNED,
            "The approval is not signed",
            "OKTA_PLAN_ALLOWED_SIGNERS is set, so only a signed approval counts.",
            next_step="Approve again with `okta-plan approve PLAN --sign KEY`.",
        )
    with tempfile.TemporaryDirectory(prefix="okta-plan-signature-") as folder:
        signature = Path(folder) / "approval.sig"
        signature.write_text(approval.signature, encoding="utf-8", newline="\n")
        content = signed_bytes(approval)
        allowed = ("-f", str(allowed_signers), "-s", str(signature))
        if _run("-Y", "check-novalidate", "-n", SIGNED_AS, "-s", str(signature), given=content).returncode:
            raise RefusedError(
                ErrorCode.APPROVAL_BAD_SIGNATURE,
                "The signature is not of this approval",
                "The approval was edited after it was signed, or the signature is of something else.",
                next_step="Approve again with `okta-plan approve PLAN --sign KEY`.",
            )
        found = _run("-Y", "find-principals", *allowed)
        verified = _run("-Y", "verify", "-n", SIGNED_AS, "-I", approval.approver, *allowed, given=content)
    if verified.returncode:
        raise RefusedError(
            ErrorCode.APPROVAL_UNKNOWN_SIGNER,
            "The signer is not known",
            f"{allowed_signers.name} names no key of {approval.approver} that made this signature and is "
            "valid now.",
            next_step="Have somebody approve whose key stands there, or add the key where that is right.",
        )
    return tuple(each for line in found.stdout.decode().splitlines() for each in line.split(","))


def _text(allowed_signers: Path) -> str:
    try:
        return allowed_signers.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            ErrorCode.SETTINGS_INVALID,
            "The allowed signers cannot be read",
            f"OKTA_PLAN_ALLOWED_SIGNERS names {allowed_signers}, which cannot be read: {error}.",
            location=Location(str(allowed_signers)),
            next_step="Correct the setting; docs/security.md describes the file.",
        ) from error


def _run(*words: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    program = shutil.which("ssh-keygen")
    if program is None:
        raise InputError(
            ErrorCode.SETTINGS_INVALID,
            "ssh-keygen is not there",
            "Signatures of approvals are made and checked by ssh-keygen, which is not on the PATH.",
            next_step="Install OpenSSH (8.2 or newer).",
        )
    return subprocess.run(  # noqa: S603 - ssh-keygen from the PATH, without a shell
        [program, *words], input=given, capture_output=True, check=False, env=_environment(environment())
    )


def _environment(own: Mapping[str, str]) -> dict[str, str]:
    return {name: own[name] for name in PASSED_ON if name in own}


def _answer(done: subprocess.CompletedProcess[bytes], summary: str, key: Path) -> str:
    if done.returncode == 0:
        return done.stdout.decode()
    lines = done.stderr.decode(errors="replace").strip().splitlines() or ["it says nothing"]
    raise InputError(
        ErrorCode.FILE_UNREADABLE,
        summary,
        f"ssh-keygen refused {key.name}: {lines[-1].rstrip('.')}.",
        location=Location(str(key)),
        next_step="Check the key and its passphrase; a key in an agent is named by its .pub file.",
    )
