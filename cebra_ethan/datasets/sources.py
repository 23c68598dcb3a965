"""What can be downloaded from where, and the checksum that it must have.

Only checksums that somebody published, or that lie beside files at hand, stand here. A file
without one is never trusted silently: `fetch` then asks for `allow_unverified=True`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

__all__ = ["REMOTE", "Remote"]

CEBRA_URL = "https://cebra.fra1.digitaloceanspaces.com/data"
DANDI_URL = "https://api.dandiarchive.org/api/assets"


@dataclass(frozen=True, kw_only=True)
class Remote:
    """One file on a server.

    Args:
        url: Where it lies; https.
        digest: `"sha256:..."` or `"md5:..."` of the file in the data folder; `None` where no
            checksum is published.
        packed_digest: The same of what is transferred, where that is compressed.
        packed: `"gzip"` if what is transferred unfolds to the file, else `""`.
        note: What else to know before downloading, such as its size.
    """

    url: str
    digest: str | None
    packed_digest: str | None = None
    packed: str = ""
    note: str = ""


def _published() -> dict[str, Remote]:
    """The files of the paper's authors: path, MD5 of the gzip file, MD5 of what is in it.

    They publish no stronger checksum. That of `buddy.jl` was compared with a copy of the file.
    """
    text = Path(__file__).with_name("published.txt").read_text()
    rows = [line.split() for line in text.splitlines()]
    return {
        path: Remote(
            url=f"{CEBRA_URL}/{path}.gz",
            digest=f"md5:{plain}",
            packed_digest=f"md5:{packed}",
            packed="gzip",
        )
        for path, packed, plain in rows
    }


REMOTE: Mapping[str, Remote] = {
    **_published(),
    "dandi_000044/sub-Achilles_ses-Achilles-10252013_behavior+ecephys.nwb": Remote(
        url=f"{DANDI_URL}/5349c68b-c0a7-46c0-9900-cda050722fa4/download/",
        digest=None,
        note="8.7 GB; the number of the asset is known at second hand",
    ),
}
"""Path in the data folder to where it comes from; one more row adds a download."""
