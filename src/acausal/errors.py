"""Every error this program raises on purpose.

AcausalError
├── ConfigError            the user's: conf/ says something impossible
├── ModelError             the provider's; carries model, endpoint, status
│   ├── ModelUnavailable   retried, still failing
│   └── ModelRejected      not worth retrying: bad id, key, request, no credit
├── BudgetExceeded         stop, keep the ledger
├── Interrupted            the user stopped the run; keep the ledger
└── LedgerError            a ledger that is not this cell's, or is damaged
"""

from __future__ import annotations

from collections.abc import Mapping


class AcausalError(Exception):
    """The root: its message is one line that names rule, value and cure."""


class ConfigError(AcausalError):
    """The configuration says something impossible; nothing has been asked yet."""


class ModelError(AcausalError):
    """A model gave no reply. Plain data only, so that it pickles and holds no key.

    Args:
        message: One line for people.
        model: The provider's id of the model that was asked.
        endpoint: Its base URL.
        status: HTTP status or the code of an error body; None for a broken connection.
        cause: One word for counting, e.g. `timeout`; by default the status.
    """

    def __init__(
        self, message: str, *, model: str = "", endpoint: str = "", status: int | None = None, cause: str = ""
    ) -> None:
        super().__init__(message)
        self.model = model
        self.endpoint = endpoint
        self.status = status
        self.cause = cause or (str(status) if status is not None else "error")

    def about(self, message: str) -> ModelError:
        """The same error, said in other words."""
        return _model_error(type(self), message, self.__dict__)

    def __reduce__(self) -> tuple[object, ...]:
        return (_model_error, (type(self), str(self), self.__dict__))


class ModelUnavailable(ModelError):
    """Retried and still failing, or a temporary fault that is worth another attempt."""

    retry_after_s: float | None = None
    """Seconds the endpoint asked to wait; None when it named none."""


class ModelRejected(ModelError):
    """Another attempt would fail alike: unknown model, bad key, bad request, no credit."""


class BudgetExceeded(AcausalError):
    """The budget allows no further call; everything paid for is in the ledger."""


class Interrupted(AcausalError):
    """The user stopped the run; everything paid for is in the ledger."""


class LedgerError(AcausalError):
    """The ledger belongs to another cell, is in use, or is damaged."""


def _model_error(kind: type[ModelError], message: str, fields: Mapping[str, object]) -> ModelError:
    error = kind(message)
    error.__dict__.update(fields)
    return error
