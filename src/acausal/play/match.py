"""Two choices become a turn, and turns a match."""

from __future__ import annotations

from collections.abc import Sequence

from acausal.design.population import Agent
from acausal.design.schedule import Fixture
from acausal.play.agent import Asker, Choice
from acausal.records import Decision, MatchRecord
from acausal.schema import Config


class Scorer:
    """Turns the choices of a turn into its record, under the payoffs of one cell."""

    def __init__(self, config: Config, asker: Asker) -> None:
        self._config = config
        self._payoffs = config.payoffs
        self._asker = asker

    def record(
        self,
        replicate: int,
        round_: int,
        fixture: Fixture,
        agents: tuple[Agent, Agent],
        turns: Sequence[tuple[Choice, Choice]],
    ) -> MatchRecord:
        """The match; a turn is void, with nobody scoring, when an action is missing."""
        decisions: list[Decision] = []
        for turn, choices in enumerate(turns, start=1):
            decisions.append(self._decision(replicate, round_, fixture, turn, agents, choices))
            decisions.append(self._decision(replicate, round_, fixture, turn, agents[::-1], choices[::-1]))
        return MatchRecord(replicate, round_, fixture.matchday, fixture.match, tuple(decisions))

    def _decision(
        self,
        replicate: int,
        round_: int,
        fixture: Fixture,
        turn: int,
        agents: tuple[Agent, ...],
        choices: tuple[Choice, ...],
    ) -> Decision:
        (agent, coplayer), (own, other) = agents, choices
        action, answer = own.reading.action, other.reading.action
        return Decision(
            replicate=replicate,
            round=round_,
            matchday=fixture.matchday,
            match=fixture.match,
            agent=agent.id,
            coplayer=coplayer.id,
            model=self._model_type(self._asker.deciding_slot(agent)),
            coplayer_model=self._model_type(self._asker.deciding_slot(coplayer)),
            agent_model=self._model_type(agent.model),
            coplayer_agent_model=self._model_type(coplayer.model),
            served_by=own.served_by,
            substituted=own.substituted,
            condition=self._config.condition.name,
            scenario=self._config.scenario.name,
            action=action,
            status=own.reading.status,
            p_cooperate=None,
            payoff=self._payoffs.payoff(action, answer) if action is not None and answer is not None else None,
            power=agent.power,
            call_key=own.call_key,
            reason=own.reading.reason,
            turn=turn,
        )

    def _model_type(self, slot: str) -> str:
        return self._config.models[slot].model_type
