"""A headless Chromium: what a page becomes once its JavaScript has run."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from html import unescape
from pathlib import Path

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
