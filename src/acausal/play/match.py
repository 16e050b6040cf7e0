"""Two choices become a turn, and turns a match."""

from __future__ import annotations

from collections.abc import Sequence

from acausal.design.population import Agent
from acausal.design.schedule import Fixture
from acausal.game import Action, factor
from acausal.play.agent import Asker, Choice
from acausal.records import Decision, MatchRecord
from acausal.settings.disclosure import claim_is_true
from acausal.settings.game_schema import PowerMode
from acausal.settings.schema import Config


class Scorer:
    """Turns the choices of a turn into its record, under the payoffs of one cell."""

    def __init__(self, config: Config, asker: Asker) -> None:
        self._config = config
        self._payoffs = config.payoffs
        self._public_goods = config.public_goods
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
        place = replicate, round_, fixture.matchday, fixture.match
        decisions = []
        for turn, choices in enumerate(turns, start=1):
            for (agent, coplayer), (own, other) in ((agents, choices), (agents[::-1], choices[::-1])):
                action, answer = own.reading.action, other.reading.action
                points = None
                if action is not None and answer is not None:
                    points = self._payoffs.payoff(action, answer) * self._factor(agent, coplayer)
                decisions.append(self._decision(place, agent, coplayer, own, points, turn))
        return MatchRecord(*place, tuple(decisions))

    def assembly(self, replicate: int, round_: int, agents: Sequence[Agent], choices: Sequence[Choice]) -> MatchRecord:
        """The one match of an n-player round; void when any action is missing, since all payoffs depend on it."""
        game, place = self._public_goods, (replicate, round_, 1, 1)
        assert game is not None  # nobody assembles for a game of pairs
        actions = [choice.reading.action for choice in choices]
        contributions = actions.count(Action.COOPERATE)
        decisions = []
        for agent, own in zip(agents, choices, strict=True):
            action, points = own.reading.action, None
            if action is not None and None not in actions:
                others = contributions - (action is Action.COOPERATE)
                points = game.payoff(action, others) * self._factor(agent, agent)
            decisions.append(self._decision(place, agent, None, own, points))
        return MatchRecord(*place, tuple(decisions))

    def _factor(self, agent: Agent, coplayer: Agent) -> float:
        power = self._config.game.power
        return 1.0 if power.mode is PowerMode.off else factor(power.rule, agent.power, coplayer.power)

    def _decision(
        self,
        place: tuple[int, int, int, int],
        agent: Agent,
        coplayer: Agent | None,
        own: Choice,
        points: float | None,
        turn: int = 1,
    ) -> Decision:
        replicate, round_, matchday, match = place
        variant = own.variant
        return Decision(
            replicate=replicate,
            round=round_,
            matchday=matchday,
            match=match,
            agent=agent.id,
            coplayer=None if coplayer is None else coplayer.id,
            model=self._model_type(self._asker.deciding_slot(agent)),
            coplayer_model=None if coplayer is None else self._model_type(self._asker.deciding_slot(coplayer)),
            agent_model=self._model_type(agent.model),
            coplayer_agent_model=None if coplayer is None else self._model_type(coplayer.model),
            served_by=own.served_by,
            substituted=own.substituted,
            condition=self._config.condition.name,
            scenario=self._config.scenario.name,
            action=own.reading.action,
            status=own.reading.status,
            p_cooperate=own.reading.p_cooperate,
            payoff=points,
            power=agent.power,
            call_key=own.call_key,
            reason=own.reading.reason,
            messages_hash=own.messages_hash,
            paraphrase=None if variant is None else self._asker.paraphrase,
            claim_is_true=self._claim_is_true(agent, coplayer),
            outcome=own.reading.outcome,
            label=None if variant is None else variant.label,
            first_option=None if variant is None else variant.first_option,
            payoff_order=None if variant is None else variant.payoff_order,
            reasks=own.reasks,
            samples_agree=own.samples_agree,
            turn=turn,
        )

    def _claim_is_true(self, agent: Agent, coplayer: Agent | None) -> bool | None:
        """Of the co-player; where everybody plays with everybody, of each of the others."""
        if coplayer is not None:
            return claim_is_true(self._config, agent.model, coplayer.model)
        seats = self._config.seats
        others = [slot for slot, count in seats.items() if count > (slot == agent.model)]
        found = [claim_is_true(self._config, agent.model, slot) for slot in others]
        return None if None in found else all(found)

    def _model_type(self, slot: str) -> str:
        return self._config.models[slot].model_type
