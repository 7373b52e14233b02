"""What reading one package may cost, subcharts included: each limit counts what time or memory grows with."""

from dataclasses import dataclass

from charthouse.errors import BadPackage

MAX_INFLATED = 256 * 1024 * 1024
"""Bytes inflated for one package, the packages of subcharts inside it, headers and padding included."""
MAX_HEADERS = 20_000
"""Tar headers: ten thousand files, each of which may have an extended header."""
MAX_GZIP_MEMBERS = 10_000
"""Gzip members; each may be empty, so that bytes alone do not bound the work."""
MAX_TEXT = 8 * 1024 * 1024
"""Bytes of long names and extended headers, and characters of the names of subcharts' files, at each level again."""
MAX_RECORDS = 100_000
"""Records in extended headers; one has at least 5 bytes."""
MAX_NODES = 500_000
"""Scalars and collections in all YAML files, aliases counted with all they stand for."""


@dataclass(slots=True)
class Budget:
    """What is left of each limit; every method raises `BadPackage` when nothing is."""

    inflated: int = MAX_INFLATED
    headers: int = MAX_HEADERS
    gzip_members: int = MAX_GZIP_MEMBERS
    text_size: int = MAX_TEXT
    records: int = MAX_RECORDS
    nodes: int = MAX_NODES

    def inflate(self, size: int) -> None:
        """Spend inflated bytes."""
        self.inflated -= size
        if self.inflated < 0:
            raise BadPackage(f"decompressed package is larger than {MAX_INFLATED} bytes")

    def header(self) -> None:
        """Spend a tar header."""
        self.headers -= 1
        if self.headers < 0:
            raise BadPackage(f"chart archive has more than {MAX_HEADERS} headers")

    def gzip_member(self) -> None:
        """Spend a gzip member."""
        self.gzip_members -= 1
        if self.gzip_members < 0:
            raise BadPackage(f"chart archive has more than {MAX_GZIP_MEMBERS} gzip members")

    def text(self, size: int) -> None:
        """Spend bytes of names and extended headers."""
        self.text_size -= size
        if self.text_size < 0:
            raise BadPackage(
                f"the file names and extended headers of the chart archive have more than {MAX_TEXT} bytes"
            )

    def record(self) -> None:
        """Spend a record of an extended header."""
        self.records -= 1
        if self.records < 0:
            raise BadPackage(f"chart archive has more than {MAX_RECORDS} records in extended headers")

    def node(self, count: int = 1) -> None:
        """Spend YAML nodes."""
        self.nodes -= count
        if self.nodes < 0:
            raise BadPackage(f"the YAML files of the chart have more than {MAX_NODES} nodes")
