"""The questions of a cell as its agents will read them, before anybody is asked: one set for each wording."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from acausal.design.counterbalance import Variant, variants
from acausal.design.prompts import PastMatch, PastRound, Prompts, anonymous_id, messages_hash
from acausal.game import Action
from acausal.records import Message
from acausal.settings.disclosure import paraphrase_count
from acausal.settings.encounters import matches_by_slot
from acausal.settings.schema import Config
from acausal.settings.treatment import Claims

STRATEGY = "[the strategy that the agent wrote]"
"""Stands for an agent's own words."""
_LATER_MATCH = 3
_LATER_TURN = 3


@dataclass(frozen=True, slots=True)
class Question:
    """One question of a cell."""

    title: str
    round: int
    asks_for_action: bool
    messages: tuple[Message, ...]
    past: tuple[PastRound, ...]
    """The earlier rounds that it may show, made up."""
    variant: Variant
    """The words and orders that it is asked in."""
    ask: str
    """Its words on the form of the answer; empty where it asks for a strategy."""
    is_check: bool = False
    """Whether it is asked beside the game; `ask` then is the whole of a question for a percentage."""

    @property
    def hash(self) -> str:
        """Of its exact messages."""
        return messages_hash(self.messages)


def used_paraphrases(config: Config) -> range:
    """The wordings that the replicates of a cell will use, from 1."""
    return range(1, min(paraphrase_count(config), config.replicates) + 1)


def variants_to_read(config: Config) -> list[tuple[int, Variant]]:
    """(wording, variant) of the prompts that stand for all: each wording in the words of conf/, then each variant."""
    first, *others = variants(config)
    return [(wording, first) for wording in used_paraphrases(config)] + [(1, variant) for variant in others]


def questions(config: Config, paraphrase: int, variant: Variant | None = None) -> list[Question]:
    """What agents are asked in one wording, with a made-up past: round 1 and, where one is played, round 2.

    Args:
        variant: Words and orders of the agent; None: as conf/ writes them.

    Raises:
        ConfigError: A template does not render.
    """
    prompts = Prompts(config, paraphrase, variant)
    most = max(high for _, high in matches_by_slot(config).values())
    asked = []
    for round_ in range(1, min(config.num_rounds, 2) + 1):
        past = () if round_ == 1 else (_made_up(config),)
        place = f"round {round_}"
        strategy = None
        if config.protocol.strategy is not None:
            strategy = STRATEGY
            messages = prompts.strategy(past)
            asked.append(Question(f"strategy, {place}", round_, False, messages, past, prompts.variant, ""))
        if config.protocol.is_compiled:
            continue
        for match in (match for match in (1, _LATER_MATCH) if match <= most):
            own = _history(config, match) if config.condition.shows.own_matches else []
            for turn in sorted({1, _later_turn(config)}):
                turns, coplayer = _turns(match, turn - 1), anonymous_id(match)
                messages = prompts.decision(strategy=strategy, history=own, coplayer=coplayer, past=past, turns=turns)
                title = f"decision, {place}, match {match}" + (f", turn {turn}" if turn > 1 else "")
                asked.append(Question(title, round_, True, messages, past, prompts.variant, prompts.ask))
    return asked


def differing(asked: Sequence[Question]) -> list[Question]:
    """The questions without those that repeat the words of an earlier one."""
    return list({question.hash: question for question in reversed(asked)}.values())[::-1]


def alike(cells: Sequence[Config]) -> tuple[int, int] | None:
    """Two cells whose treatments differ and whose agents would read exactly the same; None where there are none.

    Cells that differ in models, scenario or seed are no arms of one prompt. A rule of the game that nobody is told
    changes no word either; its payoffs and labels must. They are compared in the words of the first variant.
    """
    seen: dict[tuple[str, ...], int] = {}
    for number, config in enumerate(cells):
        asked = tuple(question.hash for wording in used_paraphrases(config) for question in questions(config, wording))
        first = seen.setdefault(asked, number)
        if _treatment(cells[first]) != _treatment(config):
            return first, number
    return None


def _treatment(config: Config) -> tuple[object, ...]:
    """What a cell means to tell; whether it is true stands elsewhere."""
    condition = replace(config.condition, claims=Claims.as_stated)
    return condition, config.wording, config.protocol, config.payoffs, config.label_pairs[0]


def _history(config: Config, match: int) -> list[PastMatch]:
    return [turn for met in range(1, match) for turn in _turns(met, _later_turn(config))]


def _later_turn(config: Config) -> int:
    """A turn that a match may have, past the first where there are several."""
    horizon = config.game.horizon
    return _LATER_TURN if horizon.varies else min(_LATER_TURN, horizon.turns)


def _turns(match: int, turns: int) -> list[PastMatch]:
    """A match in which both choose otherwise from turn to turn."""
    actions = (Action.COOPERATE, Action.DEFECT)
    return [
        PastMatch(anonymous_id(match), actions[(match + turn - 1) % 2], actions[turn % 2], turn)
        for turn in range(1, turns + 1)
    ]


def _made_up(config: Config) -> PastRound:
    """A round in which every second decision cooperated."""
    decisions = config.num_agents * (config.num_agents - 1) * config.game.horizon.turns
    return PastRound(1, decisions // 2, decisions, tuple(float(agent) for agent in range(1, config.num_agents + 1)))
