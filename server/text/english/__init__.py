"""English as it is said: numbers, money, dates, units, names and symbols become words."""

from __future__ import annotations

from server.text.clean import Step
from server.text.english import dates, money, names, numerals, symbols, units

NORMALISING: tuple[Step, ...] = (
    *symbols.EARLY,
    *dates.STEPS,
    *money.STEPS,
    *units.STEPS,
    *names.STEPS,
    *numerals.STEPS,
    *symbols.LATE,
)
"""In this order: the more a pattern says about a number, the earlier it has its turn."""

__all__ = ["NORMALISING"]
