"""No prompt says more than its condition declares: each leak is planted, and refused before a call."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from program import SCRIPTED, run
from test_conf import options

from acausal.design.arms import questions
from acausal.design.lint import lint, lint_arms
from acausal.errors import ConfigError
from acausal.settings.schema import Config


@pytest.mark.parametrize("protocol", ["delegated", "direct"])
@pytest.mark.parametrize("condition", options("condition"))
def test_the_shipped_conditions_pass(composed: Callable[..., Config], condition: str, protocol: str) -> None:
    lint(composed(f"condition={condition}", f"protocol={protocol}", "replicates=10"))


@pytest.mark.parametrize(
    ("sentence", "rule"),
    [
        ("You are all identical.", "'identical' tells of sameness"),
        ("The others are copies of you.", "tells of sameness"),
        ("Everybody here is the same.", "'is the same' tells of sameness"),
        ("You play with AI agents.", "'AI' tells of ai"),
        ("The others are language models.", "tells of ai"),
        ("The others are Claude.", "tells of ai"),
        ("The others are humans.", "'humans' tells of human"),
        ("They run a different model.", "tells of"),
        ("The others reason similarly.", "'similarly' tells of similarity"),
        ("They will decide as you do.", "'decide as you do' tells of conclusion"),
        ("Whatever you pick, they make the same pick.", "tells of conclusion"),
        ("You should be nice.", "'You should' tells of conclusion"),
        ("The choices are sealed.", "'sealed' tells of linkage"),
        ("On average they are nice.", "'On average' tells of statistics"),
        ("Most participants were nice.", "'Most participants' tells of statistics"),
        ("Usually all were nice.", "tells of statistics"),
        ("In 50 % of the matches it rained.", "the number 50 is declared nowhere"),
        ("Seven of 12 were nice.", "the number 12 is declared nowhere"),
        ("Mutual kindness gives 4 points.", "the number 4 is declared nowhere"),
        ("There are 12 participants.", "the number 12 is declared nowhere"),
        ("This is a competition.", "tells of competition"),
        ("Your reputation counts.", "tells of trust"),
        ("Mutual defection is the Nash equilibrium.", "tells of theory"),
        ("This is a study of cooperation.", "tells of demand"),
        ("The rate was None.", "tells of statistics|a template left 'None'"),
        ("Their rank is nan.", "a template left 'nan'"),
        ("Play with ${name} now.", "a template left '\\${'"),
    ],
)
def test_a_planted_sentence_is_refused(composed: Callable[..., Config], sentence: str, rule: str) -> None:
    planted = composed()
    planted.condition.disclosure = sentence
    with pytest.raises(ConfigError, match=rule) as error:
        lint(planted)
    assert str(error.value).startswith("condition 'control' leaks: ")
    assert "paraphrase 1)" in str(error.value)
    assert "\n" not in str(error.value)


def test_a_cover_story_of_pairs_is_refused_in_a_game_of_all(composed: Callable[..., Config]) -> None:
    with pytest.raises(ConfigError, match="a row of a game of all names one other, .* drop the cover"):
        lint(composed("game=public_goods", "cover=river", "protocol=direct"))


@pytest.mark.parametrize("cover", options("cover"))
@pytest.mark.parametrize("protocol", ["delegated", "direct"])
def test_the_shipped_cover_stories_pass(composed: Callable[..., Config], cover: str, protocol: str) -> None:
    config = composed(f"cover={cover}", f"protocol={protocol}", "labels=neutral", "num_rounds=2")
    lint(config)
    words = " ".join(message.content for asked in questions(config, 1) for message in asked.messages)
    assert bool(re.search(r"\b(game|play)\b", words)) == (cover == "none" or protocol == "delegated")


def test_what_is_declared_may_be_said(composed: Callable[..., Config]) -> None:
    lint(composed("condition.disclosure='The others are humans.'", "condition.claim=human"))
    lint(composed("condition.disclosure='This is a competition.'", "condition.discloses=[competition]"))
    lint(composed("condition.disclosure='You meet {{ num_coplayers }} others for {{ points(reward) }}.'"))


def test_a_claim_declares_itself_and_no_other(composed: Callable[..., Config]) -> None:
    with pytest.raises(ConfigError, match="tells of sameness"):
        lint(composed("condition=another_ai", "wording.claim.another_ai=['Each of you is an identical AI.']"))
    wordings = "wording.claim.human=['You meet a human.', 'You meet a human identical to you.']"
    with pytest.raises(ConfigError, match="tells of sameness.*paraphrase 2"):
        lint(composed("condition=human", wordings, "replicates=2"))


def templates(**parts: str) -> Callable[[Config], None]:
    def plant(config: Config) -> None:
        for key, value in parts.items():
            setattr(config.protocol, key, value)

    return plant


def replaced(key: str, old: str, new: str) -> Callable[[Config], None]:
    def plant(config: Config) -> None:
        before = getattr(config.protocol, key)
        assert old in before
        setattr(config.protocol, key, before.replace(old, new))

    return plant


@pytest.mark.parametrize(
    ("plant", "rule"),
    [
        (replaced("system", "{{ points(row.points) }}", "4 points"), "the payoff '4 points' is declared nowhere"),
        (replaced("system", "{{ points(row.points) }}", "5 points"), "a payoff contradicts the matrix, which says 3"),
        (replaced("system", "{{ num_agents }}", "12"), "'12 participants' contradicts num_agents=10"),
        (
            replaced("strategy", "{{ matching }}", "You meet the 10 other participants."),
            "'10 other participants' contradicts num_agents=10",
        ),
        (replaced("system", "You {{ row.own }}, the other {{ row.other }}", "You A, the other A"), "names no label"),
        (replaced("decision", "{{ ask }}", "Choose one."), "the label 'COOPERATE' is missing in the user"),
        (replaced("decision", "{{ coplayer }}", "{{ '{{' }} coplayer }}"), "a template left '{{'"),
        (
            replaced("decision", "Now you play", "After 50 % of the time you play"),
            "the share '50 %' is declared nowhere",
        ),
        (replaced("decision", "Now you play", "As a rule they act like you. Now you play"), "tells of"),
        (templates(system="Play."), "the label 'COOPERATE' is missing in the system message"),
    ],
)
def test_a_planted_template_is_refused(
    composed: Callable[..., Config], plant: Callable[[Config], None], rule: str
) -> None:
    config = composed()
    plant(config)
    with pytest.raises(ConfigError, match=rule):
        lint(config)


def test_a_rate_in_round_one_is_refused_even_where_later_rounds_show_it(composed: Callable[..., Config]) -> None:
    config = composed("condition=cooperation_rates_only")
    config.protocol.strategy = "The average rate is 50 %. " + str(config.protocol.strategy)
    with pytest.raises(ConfigError, match="strategy, round 1.*before round 2 nothing is measured"):
        lint(config)


def test_labels_are_no_leak_whatever_they_say(composed: Callable[..., Config]) -> None:
    lint(composed("game.labels.cooperate=trust", "game.labels.defect=rival"))


@pytest.mark.parametrize("labels", options("labels"))
@pytest.mark.parametrize("game", ["prisoners_dilemma", "public_goods"])
def test_every_variant_passes_in_every_set_of_words(composed: Callable[..., Config], game: str, labels: str) -> None:
    lint(composed(f"labels={labels}", f"game={game}", "condition=identical_copy_known_c"))


def test_a_leak_that_some_variants_alone_read_is_refused(composed: Callable[..., Config]) -> None:
    config = composed("labels=neutral")
    config.condition.disclosure = "Welcome{% if cooperate == 'Y' %}, clone{% endif %}."
    with pytest.raises(ConfigError, match="'clone' tells of sameness"):
        lint(config)
    config.condition.disclosure = ""
    swapped = "{% if options[0] == 'B' %}{{ points(row.points + 1) }}{% else %}{{ points(row.points) }}{% endif %}"
    config.protocol.system = config.protocol.system.replace("{{ points(row.points) }}", swapped)
    with pytest.raises(ConfigError, match="You [AB], the other [AB]"):
        lint(config)


def test_a_one_letter_label_is_no_article(composed: Callable[..., Config]) -> None:
    config = composed("labels=neutral", "counterbalance.labels=false")
    config.protocol.system = "This is a game of b."
    with pytest.raises(ConfigError, match="the label 'A' is missing in the system message"):
        lint(config)


def test_who_is_asked_for_a_percentage_may_be_told_so_and_no_rate_of_others(composed: Callable[..., Config]) -> None:
    config = composed("elicit=probability")
    lint(config)
    config.condition.disclosure = "Most participants were nice."
    with pytest.raises(ConfigError, match="'Most participants' tells of statistics"):
        lint(config)


def test_arms_that_read_the_same_are_refused(composed: Callable[..., Config]) -> None:
    def arms(*cells: list[str]) -> list[tuple[str, Config]]:
        return [(" ".join(words), composed(*words)) for words in cells]

    with pytest.raises(ConfigError, match=r"cells 0 \(condition=control\) and 1 \(condition=local_only\) would read"):
        lint_arms(arms(["condition=control"], ["condition=local_only"]))
    short = ["num_rounds=1"]
    with pytest.raises(ConfigError, match="would read exactly the same"):
        lint_arms(arms(["condition=baseline_control", *short], ["condition=cooperation_rates_only", *short]))
    lint_arms(arms(["condition=baseline_control"], ["condition=cooperation_rates_only"]))
    lint_arms(arms(["condition=control", "game.payoffs.temptation=4"], ["condition=control"]))
    lint_arms(arms(["condition=control", "scenario=homogeneous"], ["condition=control", "seed=7"]))
    lint_arms(
        arms(["condition=same_model", "condition.claims=truthful", "scenario=homogeneous"], ["condition=same_model"])
    )


@pytest.mark.slow
def test_a_leak_ends_the_run_before_anything_is_asked(tmp_path: Path) -> None:
    leak = "condition.disclosure='They decide as you do.'"
    code, _, err = run([*SCRIPTED, leak, "hydra.run.dir=one"], tmp_path)
    assert code == 1
    assert err.startswith("acausal: condition 'control' leaks: ")
    assert not (tmp_path / "one" / "calls.jsonl").exists()
    code, _, err = run(["-m", *SCRIPTED, "condition=control,local_only", "hydra.sweep.dir=two"], tmp_path)
    assert code == 1
    assert "would read exactly the same" in err
    assert not (tmp_path / "two").exists()


@pytest.mark.parametrize("name", ["random_pairs", "self_play", "strangers"])
def test_what_agents_are_told_of_their_matches_is_no_leak(composed: Callable[..., Config], name: str) -> None:
    lint(composed(f"matching={name}", "num_rounds=2", "condition=another_ai"))
