"""Two choices become a match."""

from __future__ import annotations

from acausal.design.population import Agent
from acausal.design.schedule import Fixture
from acausal.play.agent import Asker, Choice
from acausal.records import Decision, MatchRecord
from acausal.schema import Config


class Scorer:
    """Turns the choices of a match into its record, under the payoffs of one cell."""

    def __init__(self, config: Config, asker: Asker) -> None:
        self._config = config
        self._payoffs = config.payoffs
        self._asker = asker

    def record(
        self, replicate: int, round_: int, fixture: Fixture, agents: tuple[Agent, Agent], choices: tuple[Choice, Choice]
    ) -> MatchRecord:
        """The match; void, with nobody scoring, when an action is missing."""
        first = self._decision(replicate, round_, fixture, agents, choices)
        second = self._decision(replicate, round_, fixture, agents[::-1], choices[::-1])
        return MatchRecord(replicate, round_, fixture.matchday, fixture.match, (first, second))

    def _decision(
        self, replicate: int, round_: int, fixture: Fixture, agents: tuple[Agent, ...], choices: tuple[Choice, ...]
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
            p_cooperate=own.p_cooperate,
            payoff=self._payoffs.payoff(action, answer) if action is not None and answer is not None else None,
            power=agent.power,
            call_key=own.call_key,
            reason=own.reading.reason,
        )

    def _model_type(self, slot: str) -> str:
        return self._config.models[slot].model_type
