"""What agents read and wrote, packed into a page and shown by a browser."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlencode

import pytest
from browser import ask, open_page
from dsl import play
from playing import Played, played
from test_report import report

import acausal.report
from acausal.records import Decision, Status, StrategyRecord
from acausal.report.document import write_report
from acausal.report.figure_files import COLOURS
from acausal.report.transcripts import Written, pack, unpack
from acausal.running.process import Process
from acausal.settings.schema import Config

HOSTILE = "</script><script>document.title='taken'</script><img src=x onerror=alert(1)>"


def wrote(words: str, agent: int = 1) -> StrategyRecord:
    return StrategyRecord(1, 1, agent, "a", "a", False, Status.LEGIBLE, words, "Because.", "k", None)


def ten_thousand() -> list[Decision]:
    """500 replicates of ten rounds: of the first model 4,500 cooperate, and one decision in twenty is illegible."""
    return [d for r in range(1, 501) for d in play("CCCCCCCCC?", "DDDDDDDDDD", replicate=r)]


def page(directory: Path, decisions: list[Decision], strategies: list[StrategyRecord]) -> Path:
    packed = pack([Written("control", decisions, strategies, directory)])
    write_report(directory, replace(report(decisions, directory), transcripts=packed))
    return directory / "report.html"


@pytest.fixture
def cell(tmp_path: Path, scripted: Callable[..., Config]) -> Iterator[Played]:
    """A round of two personas, with strategies and a ledger."""
    config = scripted("scenario=mixed_5_5", "num_agents=4", "scenario.model_distribution={a: 2, b: 2}")
    with Process() as process:
        yield played(config, tmp_path / "cell", process)


def test_a_decision_stands_beside_its_co_players_side() -> None:
    content = unpack(pack([Written("x", play("CD", "DC"), [wrote("Be kind.")], Path("nowhere"))]))
    columns = content["columns"]
    for row, partner in enumerate(columns["partner"]):
        assert columns["partner"][partner] == row
        assert (columns["round"][row], columns["agent"][row]) == (
            columns["round"][partner],
            columns["coplayer"][partner],
        )
    assert [content["texts"][n] for n in columns["strategy"] if n >= 0] == ["Be kind."]


def test_partners_stay_within_their_cell() -> None:
    one = Written("x", play("C", "D"), [], Path("nowhere"))
    columns = unpack(pack([one, replace(one, title="y")]))["columns"]
    assert columns["cell"] == [0, 0, 1, 1]
    assert columns["partner"] == [1, 0, 3, 2]


def test_the_same_records_give_the_same_letters_in_any_order() -> None:
    decisions = play("CCD", "CD?")
    packed = [pack([Written("x", own, [], Path("nowhere"))]) for own in (decisions, decisions[::-1])]
    assert packed[0] == packed[1]


def test_ten_thousand_decisions_are_a_light_page() -> None:
    assert len(pack([Written("x", ten_thousand(), [], Path("nowhere"))])) < 300_000


def test_the_exact_prompt_and_reply_are_those_of_the_ledger(cell: Played) -> None:
    import json

    lines = [json.loads(line) for line in (cell.directory / "calls.jsonl").read_text().splitlines()]
    requests = {line["key"]: line for line in lines}
    html = (cell.directory / "report.html").read_text()
    letters = html.partition('id="records">')[2].partition("<")[0]
    content = unpack(letters)
    keys = cell.decisions.sort_values(["replicate", "round", "match", "turn", "agent"]).call_key
    assert len(keys) == 12
    for row, key in enumerate(keys):
        shown = "\n".join(content["texts"][n] for n in content["prompts"][content["columns"]["prompt"][row]])
        for message in requests[key]["request"]["messages"]:
            assert message["content"] in shown
        assert content["texts"][content["columns"]["reply"][row]] == requests[key]["reply"]


@pytest.mark.slow
def test_a_cells_page_loads_without_a_complaint_and_shows_both_sides(cell: Played, tmp_path: Path) -> None:
    seen = open_page(cell.directory / "report.html", tmp_path / "profile")
    assert seen.complaints == []
    assert seen.found == "12 of 12 decisions"
    assert seen.markup.count("<svg role=") >= 3
    for words in ("The agent", "Its co-player", "Prompt", "Strategy", "Reply", "COOPERATE", "points"):
        assert words in seen.detail


@pytest.mark.slow
@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ({}, "10,000 of 10,000 decisions"),
        ({"model": "b"}, "5,000 of 10,000 decisions"),
        ({"status": "illegible"}, "500 of 10,000 decisions"),
        ({"replicate": "17", "round": "3"}, "2 of 10,000 decisions"),
        ({"agent": "1", "action": "COOPERATE"}, "4,500 of 10,000 decisions"),
        ({"words": "be KIND"}, "1 of 10,000 decisions"),
        ({"agent": "2", "status": "illegible"}, "0 of 10,000 decisions"),
        ({"model": "unheard of"}, "10,000 of 10,000 decisions"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_filters_work_on_ten_thousand_decisions(
    big_page: Path, tmp_path: Path, filters: dict[str, str], found: str
) -> None:
    seen = open_page(big_page, tmp_path / "profile", fragment=urlencode(filters))
    assert seen.complaints == []
    assert seen.found == found
    # Whatever the number of decisions, the document holds those in sight and a few beside them.
    assert seen.rows <= int(found.split()[0].replace(",", ""))
    assert (seen.rows > 0) == (not found.startswith("0 "))
    assert seen.rows < 60


@pytest.fixture(scope="module")
def big_page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return page(tmp_path_factory.mktemp("big"), ten_thousand(), [wrote("Be kind.")])


@pytest.mark.slow
def test_what_a_model_wrote_is_shown_and_never_run(tmp_path: Path) -> None:
    path = page(tmp_path, play("C", "D"), [wrote(HOSTILE)])
    assert HOSTILE not in path.read_text()
    seen = open_page(path, tmp_path / "profile")
    assert seen.complaints == []
    assert "<title>taken" not in seen.markup
    assert HOSTILE in seen.detail


@pytest.mark.slow
def test_what_an_interaction_costs_does_not_grow_with_the_decisions(big_page: Path, tmp_path: Path) -> None:
    small = page(tmp_path, [d for r in range(1, 6) for d in play("CCCCCCCCC?", "DDDDDDDDDD", replicate=r)], [])
    script = """
      const made = [];
      let count = 0;
      new MutationObserver((all) => all.forEach((each) => { count += each.addedNodes.length; }))
        .observe(document.body, { childList: true, subtree: true });
      const list = document.getElementById("list"), model = document.querySelector("select[name=model]");
      const act = async (action) => {
        const drawn = new Promise((done) => {
          new MutationObserver(done).observe(document.getElementById("rows"), { childList: true });
        });
        count = 0;
        action();
        await drawn;
        await settled();
        made.push(count);
      };
      await act(() => { list.scrollTop = 0.5 * list.scrollHeight; });
      await act(() => { model.value = "1"; model.dispatchEvent(new Event("input", { bubbles: true })); });
      await act(() => list.dispatchEvent(new KeyboardEvent("keydown", { key: "End" })));
      const chosen = document.getElementById(list.getAttribute("aria-activedescendant"));
      return { made, nodes: document.querySelectorAll("*").length, last: chosen.textContent,
               found: document.getElementById("found").textContent };
    """
    few, many = ask(small, tmp_path / "one", script), ask(big_page, tmp_path / "two", script)
    assert (few["found"], many["found"]) == ("50 of 100 decisions", "5,000 of 10,000 decisions")
    assert (few["last"], many["last"]) == ("5.10.12 → 1bDEFECT", "500.10.12 → 1bDEFECT"), "End leads to the last"
    assert all(0 < cost < 200 for cost in many["made"])
    assert max(many["made"]) < 1.5 * max(few["made"]), "nodes made by scrolling, filtering and a key"
    # Only the filter by replicate names each of them.
    assert many["nodes"] - few["nodes"] < 600


@pytest.mark.slow
@pytest.mark.parametrize("width", [500, 1600])
def test_a_page_never_scrolls_sideways_and_its_figures_are_seen(cell: Played, tmp_path: Path, width: int) -> None:
    seen = ask(
        cell.directory / "report.html",
        tmp_path / "profile",
        """
        const page = document.documentElement, drawn = [...document.querySelectorAll("figure svg")];
        const jumps = [...document.querySelectorAll("nav a")].map((each) => each.getAttribute("href").slice(1));
        return { wide: page.scrollWidth, window: innerWidth,
                 lost: jumps.filter((each) => !document.getElementById(each)),
                 order: [...document.querySelectorAll("h1, h2")].map((each) => each.id || each.tagName),
                 sizes: drawn.map((each) => each.getBoundingClientRect().width),
                 names: drawn.map((each) => each.getAttribute("aria-label")),
                 captions: drawn.map((each) => each.closest("figure").querySelector("figcaption").textContent) };
        """,
        width=width,
    )
    assert seen["wide"] <= seen["window"] == width
    assert all(size > 300 for size in seen["sizes"])
    assert all(text.startswith(name) for name, text in zip(seen["names"], seen["captions"], strict=True))
    assert seen["lost"] == []
    ordered = [name for name in seen["order"] if name in ("gates", "figures", "told", "methods", "origin")]
    assert ordered == ["gates", "figures", "told", "methods", "origin"]
    assert seen["order"][-1] == "transcripts"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_colour_of_a_figure_stands_out_from_the_page(scheme: str) -> None:
    css = (Path(acausal.report.__file__).parent / "templates" / "page.css").read_text()
    paper = {"light": "#ffffff", "dark": "#15191d"}[scheme]
    dark = dict(re.findall(r"--mark-(\d): (#[0-9a-f]{6});", css))
    assert len(dark) == len(COLOURS)
    for number, colour in enumerate(COLOURS):
        shown = colour if scheme == "light" else dark[str(number)]
        # WCAG asks 3 of graphics; Okabe and Ito's yellow and light colours have less on white, and marks of their own.
        assert contrast(shown, paper) > (2.2 if scheme == "light" else 5)


def contrast(one: str, other: str) -> float:
    """WCAG's ratio of luminances, at least 1."""
    bright = sorted(_luminance(colour) for colour in (one, other))
    return (bright[1] + 0.05) / (bright[0] + 0.05)


def _luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
