"""A key ring for signing packages, made without any gpg: Helm signs and verifies with it."""

import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

# pgpy asks it for the type of photographs in keys, and Python has it no longer.
sys.modules.setdefault("imghdr", ModuleType("imghdr"))

import pgpy  # type: ignore[import-untyped]  # noqa: E402
from pgpy.constants import (  # type: ignore[import-untyped]  # noqa: E402
    CompressionAlgorithm,
    HashAlgorithm,
    KeyFlags,
    PubKeyAlgorithm,
    SymmetricKeyAlgorithm,
)

SIGNER = "Harbour Master"


@dataclass(frozen=True, slots=True)
class KeyRing:
    """Files of one key pair, without a passphrase, in the old format that Helm reads."""

    secret: Path
    public: Path

    @classmethod
    def make(cls, folder: Path) -> "KeyRing":
        """Make a key pair for `SIGNER`."""
        key = pgpy.PGPKey.new(PubKeyAlgorithm.RSAEncryptOrSign, 2048)
        key.add_uid(
            pgpy.PGPUID.new(SIGNER, email="harbour@example.com"),
            usage={KeyFlags.Sign, KeyFlags.Certify},
            hashes=[HashAlgorithm.SHA256],
            ciphers=[SymmetricKeyAlgorithm.AES256],
            compression=[CompressionAlgorithm.Uncompressed],
        )
        made = cls(folder / "secring.gpg", folder / "pubring.gpg")
        made.secret.write_bytes(bytes(key))
        made.public.write_bytes(bytes(key.pubkey))
        return made
