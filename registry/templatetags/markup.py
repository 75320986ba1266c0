"""HTML of long forms, put together by hand with every value escaped.

Django's `format_html` asks of each value whether it is a translation still to be made, of which this registry
has none; a form of six hundred boxes spends half of its drawing on that question.
"""

from collections.abc import Iterable
from html import escape
from typing import Final

from django.utils.safestring import SafeString

NOTHING: Final = SafeString("")


def filled(markup: str, *values: object, **named: object) -> SafeString:
    """Put values into markup written in the code. What is not marked as safe is escaped."""
    return SafeString(
        markup.format(
            *[value if isinstance(value, SafeString) else escape(str(value)) for value in values],
            **{
                name: value if isinstance(value, SafeString) else escape(str(value))
                for name, value in named.items()
            },
        )
    )


def joined(pieces: Iterable[SafeString], between: str = "") -> SafeString:
    """Put pieces that `filled` made behind one another."""
    return SafeString(between.join(pieces))
