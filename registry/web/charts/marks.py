"""The pieces every chart is made of: words, lines and the outlines that tell a value from a bound."""

from collections.abc import Iterable
from typing import Literal

from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

Shape = Literal["value", "lifted", "below", "above"]


def joined(pieces: Iterable[SafeString]) -> SafeString:
    """Return the pieces as one; each was escaped when it was made."""
    return mark_safe("".join(pieces))  # noqa: S308


def text(x: float, y: float, words: str, kind: str, anchor: str = "start") -> SafeString:
    """Return words at a place."""
    return format_html(
        '<text class="plot__{}" x="{}" y="{}" text-anchor="{}">{}</text>', kind, x, y, anchor, words
    )


def line(x1: float, y1: float, x2: float, y2: float, kind: str) -> SafeString:
    """Return a straight line."""
    return format_html('<line class="plot__{}" x1="{}" y1="{}" x2="{}" y2="{}"/>', kind, x1, y1, x2, y2)


def outline(shape: Shape, x: float, y: float, r: float) -> str:
    """Return the path of a point: a disc, and a triangle that points where the value may lie."""
    if shape == "below":
        return f"M{x - r:.1f} {y - r:.1f}h{2 * r}L{x:.1f} {y + r:.1f}z"
    if shape == "above":
        return f"M{x - r:.1f} {y + r:.1f}h{2 * r}L{x:.1f} {y - r:.1f}z"
    return f"M{x - r:.1f} {y:.1f}a{r} {r} 0 1 0 {2 * r} 0a{r} {r} 0 1 0 {-2 * r} 0z"


def linked(piece: SafeString, href: str) -> SafeString:
    """Return the piece as a link to the field it was drawn from; without an address as it is."""
    return format_html('<a class="plot__link" href="{}">{}</a>', href, piece) if href else piece
