"""What tests of pages run: implementations whose words and numbers end up on them."""

from __future__ import annotations

from typing import Any

from tests.plugin_targets import agrees

# Closes what it may stand in, of HTML and of markdown; turns red, and changes the direction.
HOSTILE = (
    '</pre></script><img src=x onerror="alert(1)"><!-- </details>\n'
    "````\n```\n# | a | b |\n[x](https://example.invalid) {{ 7 * 7 }} $x^2$ \x1b[31m\u202e &lt;"
)


def speaks(*arguments: Any) -> Any:
    """Refuse every call in words that are markup."""
    raise ValueError(HOSTILE)


def spoils_a_corner(*arguments: Any) -> Any:
    """Be wrong in the last element of each plane."""
    y = agrees(*arguments)
    y[..., -1:, -1:] += 1.0
    return y
