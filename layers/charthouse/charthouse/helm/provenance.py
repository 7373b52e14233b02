"""A provenance file: which chart version it is about. Clients verify its signature."""

import re
from dataclasses import dataclass
from typing import Self

from charthouse.errors import BadPackage, BadProvenance
from charthouse.helm import go_yaml
from charthouse.helm.budget import Budget
from charthouse.helm.chart import ChartRef
from charthouse.helm.go_scalars import YamlError

_BEGIN = "-----BEGIN PGP SIGNED MESSAGE-----"


@dataclass(frozen=True, slots=True)
class Provenance:
    """A provenance file and the chart version it names."""

    ref: ChartRef

    @classmethod
    def read(cls, data: bytes) -> Self:
        """Find the chart's name and version and check them; raises `BadProvenance`.

        They stand at the start of a line; the indented names of maintainers and dependencies do not.
        """
        try:
            text = data.decode()
            if not text.startswith(_BEGIN):
                raise BadProvenance(_INVALID)
            return cls(ChartRef.parse(_field("name", text), _field("version", text)))
        except (UnicodeDecodeError, YamlError, BadPackage) as problem:
            raise BadProvenance(_INVALID) from problem

    @property
    def filename(self) -> str:
        """The name of the file that is stored beside the package."""
        return f"{self.ref.filename}.prov"


_INVALID = "invalid provenance file"


def _field(key: str, text: str) -> str:
    match = re.search(rf"\n{key}:[ *](.+)", text)
    if not match:
        raise BadProvenance(_INVALID)
    value = match[1].strip()
    # Helm quotes what would not be text otherwise: version: "1.10"
    if value[:1] in ('"', "'"):
        value = str(go_yaml.read(value.encode(), Budget()))
    return value
