"""The caps of one cell: calls and money spent by this process, replayed calls not counted."""

from __future__ import annotations

from acausal.errors import BudgetExceeded
from acausal.schema import BudgetConfig


class Budget:
    """Counts what is spent and says when a cap is reached."""

    def __init__(self, caps: BudgetConfig) -> None:
        self._caps = caps
        self.calls = 0
        self.usd = 0.0
        self._unpriced = False

    def take(self, in_flight: int) -> None:
        """Reserve one request, at the mean price so far for itself and each request in flight.

        Raises:
            BudgetExceeded: The request would pass a cap.
        """
        if self._caps.calls is not None and self.calls >= self._caps.calls:
            raise BudgetExceeded(
                f"budget of {self._caps.calls} calls reached: raise budget.calls, then run the same command"
            )
        if self._caps.usd is not None and self._unpriced:
            raise BudgetExceeded(
                f"budget of ${self._caps.usd:.2f} cannot be held: a reply came without a cost; set the model's price, "
                "or budget.usd=null with budget.calls=N, then run the same command"
            )
        landed = self.calls - in_flight
        expected = self.usd / landed * (in_flight + 1) if landed > 0 else 0.0
        if self._caps.usd is not None and (self.usd >= self._caps.usd or self.usd + expected > self._caps.usd):
            raise BudgetExceeded(
                f"budget of ${self._caps.usd:.2f} reached (${self.usd:.4f} spent in {self.calls} calls): "
                "raise budget.usd, then run the same command"
            )
        self.calls += 1

    def spent(self, usd: float | None) -> None:
        """Book what a reply cost; one of unknown price ends a run that has a cap in USD."""
        self._unpriced |= usd is None
        self.usd += usd or 0.0
