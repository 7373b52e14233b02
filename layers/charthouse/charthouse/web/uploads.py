"""What an upload carries: a package, a provenance file or both, raw or as a form."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from charthouse.errors import BadPackage, BadRequest, TooLarge
from charthouse.settings import Rules
from charthouse.web.requests import Request

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

GZIP_MAGIC = b"\x1f\x8b"
PROVENANCE_MAGIC = b"-----BEGIN PGP SIGNED MESSAGE-----"

_NOTHING_FOUND = "no package or provenance file found in form fields chart and prov"


@dataclass(frozen=True, slots=True)
class Upload:
    """The files of one upload, at least one; what is in them is for the domain to judge.

    Names of files are not kept: `helm cm-push` sends a path of the client's disk, and the name comes from the chart.
    """

    package: bytes | None = None
    provenance: bytes | None = None

    @classmethod
    def read(cls, request: Request, rules: Rules) -> Self:
        """Read the body of a `POST` to `charts`: a form, or else the package itself, whatever its Content-Type says.

        A form's fields are `chart` and `prov`, or the names the deployment gave them. Raises `TooLarge` for a body over
        `MaxUploadSize` bytes (a form's overhead counts), `BadPackage` for what cannot be a package at first sight,
        `BadRequest` for a form that is broken, has neither field, or has one twice.
        """
        _check_size(request, rules)
        if is_form(request):
            return cls._of_form(request, rules)
        _check_package(request.body, request)
        return cls(package=request.body)

    @classmethod
    def read_provenance(cls, request: Request, rules: Rules) -> Self:
        """Read the body of a `POST` to `prov`: the provenance file itself, or a form. Raises as `read` does."""
        _check_size(request, rules)
        return cls._of_form(request, rules) if is_form(request) else cls(provenance=request.body)

    @classmethod
    def _of_form(cls, request: Request, rules: Rules) -> Self:
        parts = _parts(request)
        package = _one(parts, {"chart", rules.chart_field})
        provenance = _one(parts, {"prov", rules.prov_field})
        if package is None and provenance is None:
            raise BadRequest(_NOTHING_FOUND)
        if package is not None:
            _check_package(package, request)
        return cls(package, provenance)


def _check_size(request: Request, rules: Rules) -> None:
    size = len(request.body)
    if size > rules.max_upload_size:
        raise TooLarge(
            f"request too large: {size} bytes, and at most {rules.max_upload_size} pass this API; "
            "copy the package into the bucket instead (aws s3 cp), and it is in the index within seconds"
        )


def is_form(request: Request) -> bool:
    """Tell whether the body is a form by its Content-Type."""
    return request.content_type.partition(";")[0].strip().lower() == "multipart/form-data"


def _check_package(package: bytes, request: Request) -> None:
    """Refuse early what the chart loader could only call a broken archive, saying what went wrong on the way."""
    if package.startswith(PROVENANCE_MAGIC):
        raise BadPackage("gzip: invalid header: this is a provenance file; send it to /prov or in the form field prov")
    # Empty bodies are left to the loader, which has a word for them.
    if package and not request.encoded:
        raise BadPackage(
            f"a package sent as Content-Type {request.content_type or 'text'} arrives as text, with its bytes changed: "
            "send it as application/octet-stream"
        )
    if package and not package.startswith(GZIP_MAGIC):
        raise BadPackage("gzip: invalid header: a chart package is a .tgz file, as helm package makes it")


def _one(parts: Sequence[tuple[str, bytes]], names: set[str]) -> bytes | None:
    found = [body for name, body in parts if name in names]
    if len(found) > 1:
        raise BadRequest(f"the form has more than one field {' or '.join(sorted(names))}: send one file of a kind")
    return found[0] if found else None


def _parts(request: Request) -> list[tuple[str, bytes]]:
    """Return name and bytes of every part of the form, in order."""
    # Reads and deletes never need it.
    from python_multipart.multipart import MultipartParser, parse_options_header  # noqa: PLC0415

    form = _Form()
    try:
        _, parameters = parse_options_header(request.content_type)
        if not parameters.get(b"boundary"):
            raise BadRequest(_NOTHING_FOUND)
        parser = MultipartParser(parameters[b"boundary"], form.callbacks())
        parser.write(request.body)
        parser.finalize()
        names = [parse_options_header(disposition)[1].get(b"name", b"") for disposition in form.dispositions]
    except ValueError as error:
        raise BadRequest(f"the multipart body cannot be read: {error}") from error
    if not form.complete:
        # The parser itself does not mind a body that stops half way, and half a package must not be stored.
        raise BadRequest("the multipart body ends before its last boundary")
    return [(name.decode("utf-8", "replace"), bytes(body)) for name, body in zip(names, form.bodies, strict=True)]


class _Form:
    """What the parser calls back, collected."""

    def __init__(self) -> None:
        self.dispositions: list[str] = []
        self.bodies: list[bytearray] = []
        self.complete = False
        self._field = bytearray()
        self._value = bytearray()

    def callbacks(self) -> "MultipartCallbacks":
        return {
            "on_part_begin": self._part_begin,
            "on_part_data": self._part_data,
            "on_header_field": self._header_field,
            "on_header_value": self._header_value,
            "on_header_end": self._header_end,
            "on_end": self._end,
        }

    def _part_begin(self) -> None:
        self.dispositions.append("")
        self.bodies.append(bytearray())

    def _part_data(self, data: bytes, start: int, end: int) -> None:
        self.bodies[-1] += data[start:end]

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._field += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _header_end(self) -> None:
        if self._field.lower() == b"content-disposition":
            self.dispositions[-1] = self._value.decode("latin-1")
        self._field.clear()
        self._value.clear()

    def _end(self) -> None:
        self.complete = True
