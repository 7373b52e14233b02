"""JSON on one line that every YAML parser reads alike. A module of its own: the read function imports nothing more."""

import json
import re

_ESCAPED = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
"""What JSON may hold and YAML, or one of its readers, may not; JSON escapes C0 itself."""


def canonical_json(value: object) -> str:
    """Return the value as compact JSON: keys sorted, UTF-8 without surrogate pairs, no line break.

    What YAML does not print is escaped, everything else is literal: `ensure_ascii` would write surrogate pairs, which
    YAML does not have.
    """
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"), sort_keys=True)
    return _ESCAPED.sub(lambda match: f"\\u{ord(match[0]):04x}", text)
