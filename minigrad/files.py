"""Save and load tensors, arrays, and what holds them, as `.npz` archives without pickle.

Made from chapter 8, Generalise beyond the training set.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import zipfile
from collections.abc import Callable
from contextlib import suppress
from secrets import token_hex
from typing import Any

import numpy as np

from minigrad.nn.module import Parameter
from minigrad.tensor import Tensor


def save(obj: Any, f: Any) -> None:
    """Write `obj` to `f`: a path, or a file opened for writing bytes.

    `obj` is a tensor, a parameter, a NumPy array or number, a str, bool, int, float or None, or a dict, list or tuple
    of such things. The file is a `.npz` archive of the arrays and of the structure, as JSON, and ends in its own
    SHA-256. A file at that path is replaced once all is on the disk: whoever interrupts leaves the old one whole.
    Raises TypeError for anything else, naming its place in `obj`, and writes nothing.
    """
    data = archive(obj)
    if hasattr(f, "write"):
        f.write(data)
    else:
        replace_file(f, data)


def replace_file(path: Any, data: bytes) -> None:
    """Put a file with `data` at `path`. The old file stays as it is until the new one is on the disk."""
    target = os.path.realpath(os.fsdecode(path))
    folder = os.path.dirname(target)
    if not os.path.isdir(folder):
        raise FileNotFoundError(f"save: {path}: there is no folder {folder}; make it first")
    if os.path.exists(target) and not os.path.isfile(target):
        raise IsADirectoryError(f"save: {path}: found a folder or a device, expected the path of a file; add a name")
    temporary = os.path.join(folder, f".{token_hex(8)}.tmp")
    try:
        with open(temporary, "xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if os.path.exists(target):
            shutil.copymode(target, temporary)
        os.replace(temporary, target)
    finally:
        with suppress(FileNotFoundError):
            os.remove(temporary)


PLAIN = (bool, int, float, str, type(None))
KINDS: dict[type, str] = {Tensor: "tensor", Parameter: "parameter", np.ndarray: "array"}
DEEPEST = 100  # levels of nesting; far fewer than Python's limit of recursion, so that `load` can follow


def describe(obj: Any, where: str, arrays: list[Any], depth: int = 0) -> Any:
    """`obj` as JSON. Its arrays are appended to `arrays`, and JSON holds their numbers."""
    if type(obj) in PLAIN:
        return obj
    if depth > DEEPEST:
        raise TypeError("save: the object is nested too deeply, or contains itself; save its parts")
    if type(obj) in (list, tuple):
        parts = [describe(part, f"{where}[{i}]", arrays, depth + 1) for i, part in enumerate(obj)]
        return parts if type(obj) is list else {"tuple": parts}
    if isinstance(obj, dict):
        return {"dict": [[key, describe(obj[key], place(where, key), arrays, depth + 1)] for key in obj]}
    array = obj.array if type(obj) in (Tensor, Parameter) else obj
    if (type(array) is np.ndarray or isinstance(array, np.generic)) and not array.dtype.hasobject:
        arrays.append(array)
        return {KINDS.get(type(obj), "number"): [len(arrays) - 1, getattr(obj, "requires_grad", False)]}
    kind = f"{type(obj).__module__}.{type(obj).__qualname__}".removeprefix("builtins.")
    raise TypeError(
        f"save: {where or 'the object'} is a {kind}, expected a tensor, an array without objects, a number, a string, "
        "None, or a dict, list or tuple of them; of a module or an optimiser, save its state_dict()"
    )


def place(where: str, key: Any) -> str:
    """How an error names the entry `key` of the dict at `where`. Raises TypeError for a key that JSON cannot keep."""
    if type(key) not in PLAIN:
        raise TypeError(
            f"save: {where or 'the object'} has the key {key!r:.40} ({type(key).__name__}), expected a string, a "
            "number or None"
        )
    return f"{where}[{key!r}]" if not isinstance(key, str) else f"{where}.{key}" if where else key


SEAL = b"minigrad, SHA-256 "


def digest(data: bytes) -> bytes:
    """64 hexadecimal digits that change with every bit of `data`."""
    return hashlib.sha256(data).hexdigest().encode()


def archive(obj: Any) -> bytes:
    """The bytes of the file."""
    arrays: list[Any] = []
    structure = json.dumps({"minigrad": 1, "object": describe(obj, "", arrays)})
    file = io.BytesIO()
    named: dict[str, Any] = {str(i): array for i, array in enumerate(arrays)}
    np.savez(file, structure=np.array(structure), **named)
    with zipfile.ZipFile(file, "a") as zipped:
        zipped.comment = SEAL + b"0" * 64
    data = file.getvalue()[:-64]
    return data + digest(data)


def load(f: Any) -> Any:
    """Read what `save` wrote to `f`, a path or a file opened for reading bytes. Nothing is ever unpickled.

    Raises OSError for any other file, and for one that is cut short or changed: found, expected, what to do. For a path
    where nothing is, it is a FileNotFoundError, for a folder an IsADirectoryError.
    """
    data, name = read(f)
    if data[-64:] != digest(data[:-64]):
        raise refusal(name, *what_else(data))
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
            content = json.loads(arrays["structure"].item())
            if content["minigrad"] == 1:
                return rebuild(content["object"], arrays)
    except Exception as error:
        raise refusal(name, f"an archive that does not fit together ({error})", "save again") from None
    raise refusal(name, "a file of a later version", "use that version of minigrad to read it")


def rebuild(node: Any, arrays: Any) -> Any:
    """What `describe` made `node` from."""
    if isinstance(node, list):
        return [rebuild(part, arrays) for part in node]
    if not isinstance(node, dict):
        return node
    [(kind, held)] = node.items()
    if kind == "tuple":
        return tuple(rebuild(held, arrays))
    if kind == "dict":
        return {key: rebuild(part, arrays) for key, part in held}
    return MAKERS[kind](arrays[str(held[0])], held[1])


MAKERS: dict[str, Callable[[Any, bool], Any]] = {
    "tensor": Tensor,
    "parameter": Parameter,
    "array": lambda array, _: array,
    "number": lambda array, _: array[()],
}


def read(f: Any) -> tuple[bytes, str]:
    """All bytes of `f`, and what to call it."""
    if hasattr(f, "read"):
        return f.read(), "the open file"
    path = os.fsdecode(f)
    if os.path.isdir(path):
        raise refusal(path, "a folder", "add the file's name", IsADirectoryError)
    if not os.path.exists(path):
        raise refusal(path, "nothing", "check the path", FileNotFoundError)
    with open(path, "rb") as file:
        return file.read(), path


def refusal(name: str, found: str, advice: str, kind: type[OSError] = OSError) -> OSError:
    """The one error of `load`: found, expected, what to do."""
    return kind(f"load: {name}: found {found}, expected a file that minigrad.save wrote; {advice}")


def what_else(data: bytes) -> tuple[str, str]:
    """What `data` is instead of a whole file of ours, and what to do about it."""
    names: list[str] = []
    with suppress(Exception):
        names = zipfile.ZipFile(io.BytesIO(data)).namelist()
    if not data:
        return "an empty file", "take an older copy"
    if data[:1] == b"\x80" or any(name.endswith(".pkl") for name in names):
        advice = "where it was written, save the arrays (tensor.numpy()) with numpy.savez; read them with numpy.load"
        return "a pickle, which can run any program when it is opened", advice
    if names and SEAL not in data and "structure.npy" not in names:
        advice = "arrays by name are read by numpy.load, and load_state_dict accepts them"
        return f"an archive of something else ({', '.join(names[:3])} ...)", advice
    if SEAL in data or b"PK\x03\x04".startswith(data[:4]):
        return "a file that is cut short or was changed", "take an older copy"
    return f"something else, beginning with {data[:8]!r}", "check the path"
