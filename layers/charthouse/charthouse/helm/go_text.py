"""Text as Go makes it, because entries have to equal those that Helm, written in Go, makes."""

import math
import re
import struct

WHITE_SPACE = frozenset("\t\n\v\f\r \u0085\u00a0\u1680\u2028\u2029\u202f\u205f\u3000") | {
    *map(chr, range(0x2000, 0x200B))
}
"""Unicode's White_Space property, `unicode.IsSpace` of Go; Python's `isspace` has U+001C to U+001F too."""

WITHOUT_EXPONENT = range(-4, 6)
"""Decimal exponents of numbers that Go's shortest `g` form writes without one: 0.0001 to 999999."""


_NEWER = re.compile("[\u2ffc-\u2fff\u31ef\U0002ebf0-\U0002ee5d]")
"""Characters of Unicode 15.1, which Python 3.13 has: Go 1.26 has 15.0, so Helm removes them."""


MAX_QUOTED = 200
"""Characters of a text that a message quotes."""


def sanitised(text: str) -> str:
    """Return the text with white space as blanks and without unprintable characters, as Helm stores metadata.

    Printable is what `unicode.IsPrint` of Go says: letters, marks, numbers, punctuation, symbols and the blank.
    """
    if text.isascii() and text.isprintable():
        return text
    text = _NEWER.sub("", text)
    return "".join(" " if c in WHITE_SPACE else c for c in text if c in WHITE_SPACE or c.isprintable())


def quoted(text: str) -> str:
    """Return the text in double quotes with everything unprintable escaped, as Go's `%q`, for messages.

    Bytes that are not UTF-8 are given as `surrogateescape` keeps them. Of a long text the beginning is returned.
    """
    inner = "".join(c if c.isprintable() and c not in '"\\' else _escaped(c) for c in clipped(text))
    return f'"{inner}"'


def clipped(text: str) -> str:
    """Return the text for a message: of a long one the beginning."""
    return text if len(text) <= MAX_QUOTED else f"{text[:MAX_QUOTED]}…"


def folded(key: str) -> str:
    """Return the key as `encoding/json` compares field names: without case, long s and the Kelvin sign included."""
    return key.replace("\u017f", "s").replace("\u212a", "k").lower()


def float32_text(number: float) -> str:
    """Return a float as `strconv.FormatFloat(number, 'g', -1, 32)`: how Helm turns `1.10` into the string `1.1`.

    The shortest digits that tell one 32-bit float from the next; with an exponent below 1e-4 and from 1e6 on.
    """
    narrow = _float32(number)
    if math.isnan(narrow):
        return "NaN"
    if math.isinf(narrow):
        return "+Inf" if narrow > 0 else "-Inf"
    if narrow == 0:
        return "-0" if math.copysign(1, narrow) < 0 else "0"
    digits, exponent = _shortest32(narrow)
    sign = "-" if narrow < 0 else ""
    if exponent not in WITHOUT_EXPONENT:
        fraction = f".{digits[1:]}" if len(digits) > 1 else ""
        return f"{sign}{digits[0]}{fraction}e{'-' if exponent < 0 else '+'}{abs(exponent):02d}"
    if exponent < 0:
        return f"{sign}0.{'0' * (-exponent - 1)}{digits}"
    whole = digits[: exponent + 1].ljust(exponent + 1, "0")
    fraction = digits[exponent + 1 :]
    return sign + whole + (f".{fraction}" if fraction else "")


def _escaped(character: str) -> str:
    code = ord(character)
    if character in '"\\':
        return f"\\{character}"
    named = {"\n": "\\n", "\t": "\\t", "\r": "\\r"}
    if character in named:
        return named[character]
    if "\udc80" <= character <= "\udcff":
        return f"\\x{code - 0xDC00:02x}"
    if character.isascii():
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if character <= "\uffff" else f"\\U{code:08x}"


def _float32(number: float) -> float:
    try:
        narrow: float = struct.unpack("<f", struct.pack("<f", number))[0]
    except OverflowError:
        return math.copysign(math.inf, number)
    return narrow


def _shortest32(narrow: float) -> tuple[str, int]:
    """Return the digits without trailing zeros and the decimal exponent of the first one."""
    for places in range(9):
        text = f"{abs(narrow):.{places}e}"
        if _float32(float(text)) == abs(narrow):
            break
    mantissa, exponent = text.split("e")
    return mantissa.replace(".", "").rstrip("0"), int(exponent)
