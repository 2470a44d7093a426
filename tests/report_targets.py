"""What tests of pages run: an implementation whose words end up on them."""

from __future__ import annotations

from typing import Any

# Closes what it may stand in, of HTML and of markdown; turns red, and changes the direction.
HOSTILE = (
    '</pre></script><img src=x onerror="alert(1)"><!-- </details>\n'
    "````\n```\n# | a | b |\n[x](https://example.invalid) {{ 7 * 7 }} $x^2$ \x1b[31m\u202e &lt;"
)


def speaks(*arguments: Any) -> Any:
    """Refuse every call in words that are markup."""
    raise ValueError(HOSTILE)
