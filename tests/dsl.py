"""Words for writing down what happened: `play("CCD", "CDD")` is two agents over three rounds."""

from __future__ import annotations

from dataclasses import replace

from acausal.game import Action, Payoffs
from acausal.records import Decision, MatchRecord, Status

_READ = {
    "C": (Action.COOPERATE, Status.LEGIBLE, None),
    "D": (Action.DEFECT, Status.LEGIBLE, None),
    "?": (None, Status.ILLEGIBLE, "not exactly one label"),
    "r": (None, Status.REFUSED, "the model refused"),
    "x": (None, Status.FAILED, "503 overloaded"),
}


def play(first: str, second: str, *, models: tuple[str, str] = ("a", "b"), replicate: int = 1) -> list[Decision]:
    """The decisions of two agents who meet once a round.

    Args:
        first: A letter a round for agent 1: C, D, ? (illegible), r (refused), x (failed).
        second: The same for agent 2.
        models: What sits in the two seats.
    """
    decisions = []
    for round_, letters in enumerate(zip(first, second, strict=True), start=1):
        actions = [_READ[letter][0] for letter in letters]
        for seat in (0, 1):
            own, other = actions[seat], actions[1 - seat]
            action, status, reason = _READ[letters[seat]]
            decisions.append(
                Decision(
                    replicate=replicate,
                    round=round_,
                    matchday=1,
                    match=1,
                    agent=seat + 1,
                    coplayer=2 - seat,
                    model=models[seat],
                    coplayer_model=models[1 - seat],
                    agent_model=models[seat],
                    coplayer_agent_model=models[1 - seat],
                    served_by=models[seat] if action else None,
                    substituted=False,
                    condition="control",
                    scenario="pair",
                    action=action,
                    status=status,
                    p_cooperate=None,
                    payoff=Payoffs().payoff(own, other) if own and other else None,
                    power=100.0,
                    call_key=f"{replicate}.{round_}.{seat}",
                    reason=reason,
                )
            )
    return decisions


def actions(letters: str) -> list[Action]:
    """`CD` → cooperate, defect."""
    return [Action.COOPERATE if letter == "C" else Action.DEFECT for letter in letters]


def letters(match: MatchRecord, agent: int) -> str:
    """What an agent did in a match, turn by turn: `CCD`, `?` where no action was read."""
    played = [decision.action for decision in match.decisions if decision.agent == agent]
    return "".join("?" if action is None else action.value[0] for action in played)


def seated(**agents: int) -> list[str]:
    """The overrides of a population: file in conf/model → how many agents, each in a slot of the same name."""
    slots = [f"+model@models.{name}={name}" for name in agents]
    counts = ", ".join(f"{slot}: {count}" for slot, count in ({"a": 0, "b": 0} | agents).items())
    return [*slots, f"num_agents={sum(agents.values())}", f"++scenario.model_distribution={{{counts}}}"]


def substituted(decisions: list[Decision]) -> list[Decision]:
    """The same decisions, served by a substitute."""
    return [replace(decision, substituted=True, served_by="fallback") for decision in decisions]
