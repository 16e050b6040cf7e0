"""A headless Chromium: what a page becomes once its JavaScript has run."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from typing import Any

import pytest

_NAMES = ("chromium", "chromium-browser", "google-chrome")
_PATIENCE_S = 240


@dataclass(frozen=True, slots=True)
class Seen:
    """A page as a browser shows it."""

    markup: str
    complaints: list[str]
    """Lines of its console."""

    @property
    def found(self) -> str:
        """What the transcripts say of their filters."""
        match = re.search(r'id="found"[^>]*>([^<]*)<', self.markup)
        assert match is not None, "the page has no transcripts"
        return match.group(1)

    @property
    def rows(self) -> int:
        """Lines of the list that are in the document."""
        return len(re.findall(r'<div class="row(?: on)?"', self.markup))

    @property
    def detail(self) -> str:
        """The decision shown, as text."""
        text = self.markup.partition('id="detail">')[2].partition("</div></div>")[0]
        return unescape(re.sub(r"<[^>]+>", "\n", text))


_ASK = """
<script>
(async () => {
  const answer = document.createElement("template"), found = document.getElementById("found");
  const settled = () => new Promise((done) => setTimeout(done, 200));
  // Not by asking again and again: the browser's time is virtual, and polling would use it up.
  const ready = new Promise((done) => new MutationObserver(done).observe(found, { childList: true }));
  if (found.textContent.includes("JavaScript")) await ready;
  answer.id = "answer";
  answer.innerHTML = JSON.stringify(await (async () => { %s })());
  document.body.append(answer);
})();
</script>
"""


def ask(page: Path, profile: Path, script: str, *, width: int = 1200) -> Any:
    """What a script returns that runs in a copy of the page, once its transcripts are there.

    Args:
        script: Body of an asynchronous function; `await settled()` lets the page draw.
    """
    copy = page.with_name("asked.html")
    copy.write_text(page.read_text(encoding="utf-8") + _ASK % script, encoding="utf-8")
    seen = open_page(copy, profile, width=width)
    assert seen.complaints == []
    return json.loads(unescape(seen.markup.partition('<template id="answer">')[2].partition("</template>")[0]))


def open_page(page: Path, profile: Path, *, fragment: str = "", width: int = 1200) -> Seen:
    """Load a page from its file, with no server and no network.

    Args:
        profile: A directory for the browser's own files.
        fragment: What follows # in the address.
    """
    browser = next((path for name in _NAMES if (path := shutil.which(name)) is not None), None)
    if browser is None:
        pytest.skip("no Chromium is installed")
    words = [
        *(browser, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={profile}", "--no-first-run"),
        *("--disable-background-networking", "--enable-logging=stderr", "--virtual-time-budget=60000"),
        *(f"--window-size={width},900", "--dump-dom", f"{page.as_uri()}{'#' if fragment else ''}{fragment}"),
    ]
    done = subprocess.run(words, capture_output=True, text=True, timeout=_PATIENCE_S, check=True)
    return Seen(done.stdout, [line for line in done.stderr.splitlines() if "CONSOLE" in line])
