"""The caps of one cell: calls and money spent by this process, replayed calls not counted."""

from __future__ import annotations

from acausal.errors import BudgetExceeded
from acausal.settings.schema import BudgetConfig


class Budget:
    """Counts what is spent, reserves what calls in flight may cost, and says when a cap is reached."""

    def __init__(self, caps: BudgetConfig) -> None:
        self._caps = caps
        self.calls = 0
        self.usd = 0.0
        """Cost of the replies, and of broken calls at their highest: those may have been billed."""
        self._broken_usd = 0.0
        self._reserved_usd = 0.0
        self._in_flight = 0
        self._dearest_usd: float | None = None
        self._unpriced = False

    def reserve(self, most_usd: float | None) -> float | None:
        """Book one request before it is sent.

        Args:
            most_usd: What it costs at most; None when no price is known: then what the dearest reply so far did,
                and before there is one, only one request at a time.

        Returns:
            The sum reserved; None where it must wait for requests in flight to land.

        Raises:
            BudgetExceeded: It would pass a cap even then.
        """
        if self._caps.calls is not None and self.calls >= self._caps.calls:
            raise BudgetExceeded(
                f"budget of {self._caps.calls} calls reached: raise budget.calls, then run the same command"
            )
        sum_usd = 0.0
        if self._caps.usd is not None:
            sum_usd = self._expected(most_usd)
            if most_usd is None and self._dearest_usd is None and self._in_flight:
                return None
            if self.usd >= self._caps.usd or self.usd + self._reserved_usd + sum_usd > self._caps.usd:
                if self._in_flight:
                    return None
                raise BudgetExceeded(self._reached(self._caps.usd, sum_usd))
        self.calls += 1
        self._in_flight += 1
        self._reserved_usd += sum_usd
        return sum_usd

    def landed(self, reserved_usd: float, usd: float | None) -> None:
        """A reply came; one of unknown price ends a run that has a cap in USD."""
        self._release(reserved_usd)
        self._unpriced |= usd is None
        self.usd += usd or 0.0
        if usd is not None:
            self._dearest_usd = max(usd, self._dearest_usd or 0.0)

    def refused(self, reserved_usd: float) -> None:
        """The endpoint answered with an error, which it does not bill."""
        self._release(reserved_usd)

    def broke(self, reserved_usd: float) -> None:
        """No whole answer came: the endpoint may bill the request all the same."""
        self._release(reserved_usd)
        self.usd += reserved_usd
        self._broken_usd += reserved_usd

    def _release(self, reserved_usd: float) -> None:
        self._in_flight -= 1
        self._reserved_usd -= reserved_usd

    def _expected(self, most_usd: float | None) -> float:
        if self._unpriced:
            raise BudgetExceeded(
                f"budget of ${self._caps.usd:g} cannot be held: a reply came without a cost; set the model's price, "
                "or budget.usd=null with budget.calls=N, then run the same command"
            )
        return most_usd if most_usd is not None else self._dearest_usd or 0.0

    def _reached(self, cap_usd: float, next_usd: float) -> str:
        broken = (
            f", of which ${self._broken_usd:.4f} for calls that broke off and may have been billed"
            if self._broken_usd
            else ""
        )
        return (
            f"budget of ${cap_usd:g} reached (${self.usd:.4f} spent in {self.calls} calls{broken}; the next call "
            f"may cost ${next_usd:.4f}): raise budget.usd, then run the same command"
        )
