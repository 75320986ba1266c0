"""From values and days to places on the paper, and the ticks that people can read."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from math import ceil, floor, log10
from typing import Literal

Kind = Literal["log", "linear"]

_DAY_STEPS = (1, 2, 7, 14, 28, 56, 91, 182, 365, 730, 1825)


@dataclass(frozen=True, slots=True)
class Scale:
    """A value axis from `low` to `high`, drawn from `bottom` up to `top` (in pixels, downward)."""

    kind: Kind
    low: float
    high: float
    bottom: float
    top: float
    ticks: tuple[float, ...]

    def place(self, value: Decimal | float) -> float:
        """The pixel of a value; what lies below a logarithmic axis (a zero) stands on its floor."""
        number = min(max(float(value), self.low), self.high)
        if self.kind == "log":
            share = (log10(number) - log10(self.low)) / (log10(self.high) - log10(self.low))
        else:
            share = (number - self.low) / (self.high - self.low)
        return round(self.bottom - share * (self.bottom - self.top), 1)


@dataclass(frozen=True, slots=True)
class Days:
    """The day axis from `first` to `last`, drawn from `left` to `right`."""

    first: int
    last: int
    left: float
    right: float

    def place(self, day: float) -> float:
        share = (day - self.first) / max(self.last - self.first, 1)
        return round(self.left + share * (self.right - self.left), 1)

    def holds(self, day: int) -> bool:
        return self.first <= day <= self.last

    @property
    def ticks(self) -> tuple[int, ...]:
        """Weeks, months or years, so that no more than ten stand side by side; day 0 is one of them."""
        length = max(self.last - self.first, 1)
        step = next((step for step in _DAY_STEPS if length / step <= 10), _DAY_STEPS[-1])
        start = ceil(self.first / step) * step
        return tuple(range(start, self.last + 1, step))


def value_scale(*, kind: Kind, values: Iterable[Decimal], bottom: float, top: float) -> Scale:
    """An axis that holds the values with a little air, and ends on ticks."""
    numbers = [float(value) for value in values]
    ticks = _log_ticks(numbers) if kind == "log" else _linear_ticks(numbers)
    return Scale(kind, ticks[0], ticks[-1], bottom, top, tuple(ticks))


def _log_ticks(numbers: list[float]) -> list[float]:
    above_zero = [number for number in numbers if number > 0] or [1.0]
    low, high = min(above_zero), max(above_zero)
    if min(numbers, default=low) <= 0:
        low /= 2
    steps = [
        round(factor * 10.0**power, 10)
        for power in range(floor(log10(low)) - 1, ceil(log10(high)) + 2)
        for factor in (1, 2, 5)
    ]
    first = max(i for i, step in enumerate(steps) if step < low)
    last = min(i for i, step in enumerate(steps) if step >= high)
    if last - first < 2:
        first, last = max(first - 1, 0), last + 1
    return steps[first : last + 1]


def _linear_ticks(numbers: list[float]) -> list[float]:
    low, high = min(numbers, default=0.0), max(numbers, default=1.0)
    if high == low:
        low, high = low - 1, high + 1
    step = _nice((high - low) / 4)
    first = max(floor(low / step), 0)
    return [round(step * i, 10) for i in range(first, ceil(high / step) + 1)]


def _nice(step: float) -> float:
    power = 10.0 ** floor(log10(step))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= step)


def tick_text(value: float) -> str:
    return f"{Decimal(str(value)).normalize():f}"
