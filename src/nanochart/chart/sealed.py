"""Sealed files: tensors and JSON metadata in one safetensors file, with a SHA-256 over both.

The chart file and the training checkpoint are such files. The same content gives the same bytes,
a damaged byte is found on reading, and nothing is ever unpickled.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from nanochart.errors import NanochartError
from nanochart.files import replacing


def write_sealed(
    path: str | os.PathLike[str], kind: str, tensors: dict[str, Tensor], metadata: dict[str, Any]
) -> None:
    """Write tensors and metadata, atomically.

    Parameters
    ----------
    path
        The file to write or to replace.
    kind
        What the file is, in one word: the key under which the metadata lies in the header.
    tensors
        By name.
    metadata
        Anything JSON can hold; a ``format_version`` among it.

    Raises
    ------
    NanochartError
        The file cannot be written.
    """
    tensors = {name: tensor.detach().contiguous() for name, tensor in tensors.items()}
    text = json.dumps(metadata, sort_keys=True, ensure_ascii=False)
    header = json.dumps({"sha256": _digest(kind, text, tensors), "metadata": text})
    with replacing(path) as temporary:
        # Not save_file: its error on a full disk is no OSError, and only the owner could read on.
        temporary.write_bytes(save(tensors, metadata={f"nanochart.{kind}": header}))


def read_sealed(
    path: str | os.PathLike[str], kind: str, *, format_version: int, remedy: str
) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read what `write_sealed` wrote, and check that it is whole.

    Parameters
    ----------
    path
        The file.
    kind
        What it must be.
    format_version
        The newest version of the metadata that the caller understands.
    remedy
        What a person should do about a file that cannot be used, for the error.

    Returns
    -------
    tensors : dict of str to Tensor
    metadata : dict

    Raises
    ------
    NanochartError
        There is no such file, it is something else, of an unknown version, or damaged.
    """
    path = Path(path)
    if not path.is_file():
        raise NanochartError(f"{path}: there is no such file; {remedy}")
    try:
        with safe_open(path, framework="pt") as file:
            header = (file.metadata() or {}).get(f"nanochart.{kind}")
            if header is None:
                raise NanochartError(f"{path}: is not a nanochart {kind}; {remedy}")
            sealed = json.loads(header)
            digest, text = str(sealed["sha256"]), str(sealed["metadata"])
            metadata: dict[str, Any] = json.loads(text)
            version = metadata["format_version"]
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, ValueError, KeyError, TypeError) as error:
        raise NanochartError(
            f"{path}: is not a nanochart {kind}, or is damaged or cut short ({error}); {remedy}"
        ) from None
    if _digest(kind, text, tensors) != digest:
        raise NanochartError(f"{path}: is damaged (its checksum does not match); {remedy}")
    if not isinstance(version, int) or not 1 <= version <= format_version:
        raise NanochartError(
            f"{path}: {kind} format version {version!r} is not known here (this nanochart reads "
            f"up to {format_version}); update nanochart, or {remedy}"
        )
    return tensors, metadata


def _digest(kind: str, text: str, tensors: dict[str, Tensor]) -> str:
    """Return the SHA-256 of the metadata's text and of every tensor's name, type, shape, bytes."""
    digest = hashlib.sha256(f"{kind}\n{text}\n".encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.numpy().tobytes())
    return digest.hexdigest()
