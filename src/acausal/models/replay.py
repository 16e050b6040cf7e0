"""A cell's ledger in place of its models: how a finished cell is played again without a network."""

from __future__ import annotations

from pathlib import Path

from acausal.config import identity
from acausal.errors import LedgerError
from acausal.models.calls import Call, calls_for, success_on_record
from acausal.models.ledger import FILE, replies_on_record
from acausal.records import Reply, Request
from acausal.settings.schema import Config


class Replayer:
    """Answers the requests of one cell as its run did; failures on record are final, and nothing is written.

    Args:
        config: The cell.
        directory: Its output directory, which may be on read-only media.

    Raises:
        LedgerError: The directory holds no ledger, one of another configuration, or a damaged one.
    """

    def __init__(self, config: Config, directory: Path) -> None:
        self._config = config
        self._path = directory / FILE
        self._replies = replies_on_record(directory, identity(config))
        self.calls = 0
        """Requests answered."""

    async def complete(self, request: Request) -> Reply:
        """The reply on record, or the failure that its run ended with.

        Raises:
            LedgerError: The call is not on record.
        """
        self.calls += 1
        calls = calls_for(self._config, request)
        if (settled := success_on_record(calls, self._replies.get)) is not None:
            return settled
        return [self._failure(call) for call in calls][-1]

    def _failure(self, call: Call) -> Reply:
        if call.key not in self._replies:
            raise LedgerError(
                f"{self._path} has no call to {self._config.models[call.slot].model_type!r} for "
                f"{call.request.place.in_words}: the cell is unfinished, or its prompts have changed since; "
                "replay=strict asks nobody, so finish the cell without it"
            )
        return self._replies[call.key]
