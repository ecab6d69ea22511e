"""Files: what comes back, what is refused, and that neither a broken file nor an interrupted save does any harm."""

from __future__ import annotations

import errno
import io
import json
import os
import pickle
import signal
import subprocess
import sys
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st

import minigrad
from minigrad import Tensor, files, nn, optim
from minigrad.nn import Parameter
from minigrad.optim import lr_scheduler
from tests.descents import comparable
from tools.chapters import ROOT


def same(a: Any, b: Any) -> bool:
    """Whether `b` is what `a` was: types, dtypes, shapes, bits, order."""
    if type(a) is not type(b):
        return False
    if isinstance(a, Tensor):
        return same(a.detach().numpy(), b.detach().numpy()) and a.requires_grad == b.requires_grad and b.is_leaf
    if isinstance(a, np.ndarray | np.generic):
        return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
    if isinstance(a, dict):
        return [(type(k), k) for k in a] == [(type(k), k) for k in b] and all(same(a[k], b[k]) for k in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    return a == b or (a != a and b != b)


def round_trip(obj: Any) -> Any:
    file = io.BytesIO()
    minigrad.save(obj, file)
    file.seek(0)
    return minigrad.load(file)


THINGS: list[Any] = [
    minigrad.tensor([[1.5, -2.0], [0.0, np.inf]]),
    minigrad.tensor([1.0, np.nan], dtype=minigrad.float64, requires_grad=True),
    minigrad.tensor(3.0),
    minigrad.tensor([1, 2, 3]),
    minigrad.tensor([True, False]),
    minigrad.zeros(0, 3),
    minigrad.ones(2, 3).T,
    minigrad.from_numpy(np.arange(24.0).reshape(4, 6)[::2, ::-3].copy()),
    Parameter([1.0, 2.0]),
    Parameter([1.0, 2.0], requires_grad=False),
    np.arange(6, dtype=np.int8).reshape(2, 3),
    np.array("text"),
    np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    np.array([], np.float32),
    np.float64(0.1),
    np.float32(0.1),
    np.int64(7),
    np.bool_(True),
    *(None, True, False, 0, 1, -(2**70), 0.1, 1e300, float("inf"), float("nan"), -0.0, "", "Zürich 数\n\x00\\\"'"),
    *([], (), {}, [()], ([],), [None, (1, [2.0, (True,)])]),
    {"a": 1, 1: "a", None: 2, 1.5: 3, "1": 4, True + 1: [5], "": {}},
    {"b": 1, "a": 2},
    {"dict": [["tuple", 1]], "tuple": [1], "tensor": [0, False], "array": [0, 0], "number": [0, 0]},
    [{"tuple": [1, 2]}, {"tensor": [0, True]}],
]


@pytest.mark.parametrize("thing", THINGS, ids=lambda thing: f"{type(thing).__name__}-{str(thing)[:20]!r}")
def test_what_comes_back(thing: Any) -> None:
    found = round_trip(thing)
    assert same(thing, found)
    assert same([thing, {"x": thing}], round_trip([thing, {"x": thing}]))


leaves = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), st.sampled_from(THINGS[:18])
)
nested = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.lists(inner, max_size=3).map(tuple),
        st.dictionaries(st.one_of(st.text(max_size=3), st.integers()), inner, max_size=3),
    ),
    max_leaves=8,
)


@given(nested)
@settings(max_examples=25)
def test_whatever_is_nested_comes_back(thing: Any) -> None:
    assert same(thing, round_trip(thing))


def test_what_comes_back_is_a_copy_that_can_be_written_to() -> None:
    array = np.arange(3.0)
    held = {"a": array, "t": minigrad.from_numpy(array), "p": Parameter(minigrad.ones(2))}
    found = round_trip(held)
    found["a"][0] = found["t"].numpy()[1] = 9.0
    found["p"].detach().fill_(5.0)
    assert array.tolist() == [0.0, 1.0, 2.0] and held["p"].tolist() == [1.0, 1.0]
    assert isinstance(found["p"], Parameter)
    (found["p"] * 2).sum().backward()
    assert found["p"].grad.tolist() == [2.0, 2.0]


def test_an_ordered_dict_comes_back_as_a_dict() -> None:
    """As PyTorch's state_dict is one."""
    assert round_trip(OrderedDict(b=1, a=2)) == {"b": 1, "a": 2} and type(round_trip(OrderedDict())) is dict


@pytest.mark.parametrize("kind", [str, Path, os.fsencode])
def test_paths(kind: Callable[[Any], Any], tmp_path: Path) -> None:
    """The file has exactly the name that was given, whatever its ending."""
    for name in ("state.npz", "state", "state.pt", "Zürich.bin"):
        minigrad.save({"x": 1}, kind(str(tmp_path / name)))
        assert minigrad.load(kind(str(tmp_path / name))) == {"x": 1}
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(["state.npz", "state", "state.pt", "Zürich.bin"])


def test_open_files(tmp_path: Path) -> None:
    with open(tmp_path / "state.npz", "wb") as file:
        minigrad.save([1, minigrad.ones(2)], file)
    with open(tmp_path / "state.npz", "rb") as file:
        assert same(minigrad.load(file), [1, minigrad.ones(2)])
    assert same(minigrad.load(tmp_path / "state.npz"), [1, minigrad.ones(2)])


def test_numpy_reads_it_without_pickle(tmp_path: Path) -> None:
    """It is an .npz archive: the arrays are there for anybody."""
    layer = nn.Linear(3, 2)
    minigrad.save(layer.state_dict(), tmp_path / "layer.npz")
    with np.load(tmp_path / "layer.npz", allow_pickle=False) as arrays:
        shapes = sorted(arrays[name].shape for name in arrays.files if arrays[name].dtype.kind == "f")
    assert shapes == [(2,), (2, 3)] and zipfile.ZipFile(tmp_path / "layer.npz").testzip() is None


# ---------------------------------------------------------------------------------------------------- a training, saved


def training(steps: int, path: Path, stop: int | None = None) -> tuple[list[float], Any, Any]:
    """Losses of a training, its model and optimiser; with `stop`, saved, thrown away and taken up at that step."""

    def fresh() -> tuple[Any, Any, Any]:
        net = nn.Sequential(nn.Linear(3, 5), nn.BatchNorm1d(5), nn.Tanh(), nn.Linear(5, 1))
        optimizer = optim.AdamW(net.parameters(), lr=0.05, amsgrad=True)
        return net, optimizer, lr_scheduler.StepLR(optimizer, 3, gamma=0.5)

    minigrad.manual_seed(0)
    net, optimizer, schedule = fresh()
    rng, losses = np.random.default_rng(0), []
    for step in range(steps):
        if step == stop:
            parts = {"net": net.state_dict(), "optimizer": optimizer.state_dict(), "schedule": schedule.state_dict()}
            minigrad.save({**parts, "step": step, "losses": losses}, path)
            net, optimizer, schedule = fresh()  # with other random weights
            saved = minigrad.load(path)
            assert saved["step"] == step and saved["losses"] == losses
            net.load_state_dict(saved["net"])
            optimizer.load_state_dict(saved["optimizer"])
            schedule.load_state_dict(saved["schedule"])
        x = minigrad.tensor(rng.normal(size=(6, 3)).astype(np.float32))
        loss = ((net(x)[:, 0] - x.sum(1)) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
    return losses, net, optimizer


def test_a_training_goes_on_where_it_was_saved(tmp_path: Path) -> None:
    """Model with running statistics, optimiser with three buffers, schedule: bit by bit as without a break."""
    whole, net, optimizer = training(12, tmp_path / "unused")
    halves, again, resumed = training(12, tmp_path / "state.npz", stop=7)
    assert whole == halves and not (tmp_path / "unused").exists()
    assert same(net.state_dict(), again.state_dict())
    assert comparable(optimizer.state_dict()) == comparable(resumed.state_dict())


def test_weights_that_pytorch_wrote_and_the_reverse(tmp_path: Path) -> None:
    """By way of NumPy: PyTorch's state_dict as arrays, saved with numpy.savez or with minigrad."""
    theirs, ours = torch.nn.GRU(3, 4, num_layers=2), nn.GRU(3, 4, num_layers=2)
    np.savez(tmp_path / "theirs.npz", **{key: value.numpy() for key, value in theirs.state_dict().items()})
    with np.load(tmp_path / "theirs.npz") as arrays:
        ours.load_state_dict(arrays)
    x = np.random.default_rng(0).normal(size=(5, 2, 3)).astype(np.float32)
    expected = theirs(torch.from_numpy(x))[0].detach().numpy()
    assert np.allclose(ours(minigrad.from_numpy(x))[0].detach().numpy(), expected, atol=1e-6)
    minigrad.save(ours.state_dict(), tmp_path / "ours.npz")
    other = torch.nn.GRU(3, 4, num_layers=2)
    other.load_state_dict({k: torch.from_numpy(v.numpy()) for k, v in minigrad.load(tmp_path / "ours.npz").items()})
    assert np.allclose(other(torch.from_numpy(x))[0].detach().numpy(), expected, atol=1e-6)


# ------------------------------------------------------------------------------------------------------ what is no file


def model_and_optimizer() -> tuple[Any, Any]:
    """Both after a step, so that there is state."""
    minigrad.manual_seed(3)
    net = nn.Sequential(nn.Linear(2, 1), nn.BatchNorm1d(1))
    optimizer = optim.Adam(net.parameters(), lr=0.1)
    net(minigrad.randn(4, 2)).sum().backward()
    optimizer.step()
    return net, optimizer


def resume(path: Any, net: Any, optimizer: Any) -> None:
    """What a script does."""
    saved = minigrad.load(path)
    net.load_state_dict(saved["net"])
    optimizer.load_state_dict(saved["optimizer"])


def written(tmp_path: Path) -> tuple[Path, bytes, Any, Any]:
    net, optimizer = model_and_optimizer()
    path = tmp_path / "state.npz"
    minigrad.save({"net": net.state_dict(), "optimizer": optimizer.state_dict()}, path)
    return path, path.read_bytes(), net, optimizer


CLEAR = r"^load: .*found .*, expected a file that minigrad\.save wrote; "


def test_cut_short_at_any_byte(tmp_path: Path) -> None:
    path, data, net, optimizer = written(tmp_path)
    before = round_trip([net.state_dict(), optimizer.state_dict()])
    resume(io.BytesIO(data), net, optimizer)  # whole, it loads
    for size in range(len(data)):
        with pytest.raises(OSError, match=CLEAR) as caught:
            resume(io.BytesIO(data[:size]), net, optimizer)
        words = str(caught.value)
        assert "empty" in words if not size else "cut short" in words, size
    for size in (0, 1, 100, len(data) // 2, len(data) - 1):
        path.write_bytes(data[:size])
        with pytest.raises(OSError, match=CLEAR) as caught:
            resume(path, net, optimizer)
        assert str(path) in str(caught.value)
    assert same([net.state_dict(), optimizer.state_dict()], before)


def test_any_bit_changed(tmp_path: Path) -> None:
    """One bit of every byte; and bytes in the place of others, at the end, at the start."""
    net, optimizer = model_and_optimizer()
    before = round_trip([net.state_dict(), optimizer.state_dict()])
    minigrad.save({"net": net.state_dict()}, tmp_path / "state.npz")
    data = (tmp_path / "state.npz").read_bytes()
    for place in range(len(data)):
        spoilt = bytearray(data)
        spoilt[place] ^= 1 << place % 8
        with pytest.raises(OSError, match=CLEAR):
            resume(io.BytesIO(bytes(spoilt)), net, optimizer)
    for spoilt in (data + b"\0", data + data, b"\0" + data, data[1:], data[:500] + data[501:], data[::-1]):
        with pytest.raises(OSError, match=CLEAR):
            resume(io.BytesIO(spoilt), net, optimizer)
    assert same([net.state_dict(), optimizer.state_dict()], before)


class Trap:
    """A pickle of it, opened, would leave a file behind."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return (Path.write_text, (self.path, "sprung"))


def trapped_npz(path: Path, trap: Trap) -> None:
    array = np.empty(1, object)
    array[0] = trap
    np.savez(path, structure=array, weight=array)


def sealed(structure: Any, **arrays: Any) -> bytes:
    """A file with a right seal over anything: what somebody could make who means harm."""
    file = io.BytesIO()
    np.savez(file, structure=structure, **arrays)
    with zipfile.ZipFile(file, "a") as zipped:
        zipped.comment = files.SEAL + b"0" * 64
    data = file.getvalue()[:-64]
    return data + files.digest(data)


FOREIGN: list[tuple[str, Callable[[Path, Trap], object], str]] = [
    ("pickle", lambda path, trap: path.write_bytes(pickle.dumps({"net": trap})), "pickle"),
    ("old pickle", lambda path, trap: path.write_bytes(pickle.dumps({"net": trap}, protocol=2)), "pickle"),
    ("oldest pickle", lambda path, trap: path.write_bytes(pickle.dumps({"net": trap}, protocol=0)), "something else"),
    ("pt", lambda path, trap: torch.save({"net": torch.ones(2)}, path), "pickle"),
    ("pt with a trap", lambda path, trap: torch.save({"net": trap}, path), "pickle"),
    ("old pt", lambda path, trap: torch.save([1], path, _use_new_zipfile_serialization=False), "pickle"),
    ("npz", lambda path, trap: np.savez(path, net=np.ones(2), other=np.zeros(3)), "numpy.load"),
    ("npz with our name", lambda path, trap: np.savez(path, structure=np.ones(2)), "cut short or was changed|archive"),
    ("npz of objects", lambda path, trap: trapped_npz(path, trap), "cut short or was changed|archive"),
    ("npy", lambda path, trap: np.save(path, np.ones(2)), "something else"),
    ("npy of objects", lambda path, trap: np.save(path, np.array([trap]), allow_pickle=True), "something else"),
    ("empty", lambda path, trap: path.write_bytes(b""), "an empty file"),
    ("text", lambda path, trap: path.write_text("weight = 1\n"), "something else"),
    ("json", lambda path, trap: path.write_text('{"minigrad": 1, "object": null}'), "something else"),
    ("zip", lambda path, trap: zipfile.ZipFile(path, "w").close(), "something else"),
    ("zip of text", lambda path, trap: zipfile.ZipFile(path, "w").writestr("a.txt", "a"), "archive|cut short"),
    ("noise", lambda path, trap: path.write_bytes(np.random.default_rng(0).bytes(3000)), "something else"),
]  # fmt: skip


@pytest.mark.parametrize(("make", "word"), [case[1:] for case in FOREIGN], ids=[case[0] for case in FOREIGN])
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_foreign_files_are_named_and_never_unpickled(
    make: Callable[[Path, Trap], object], word: str, tmp_path: Path
) -> None:
    net, optimizer = model_and_optimizer()
    before = round_trip([net.state_dict(), optimizer.state_dict()])
    path, trap = tmp_path / "state.npz", Trap(tmp_path / "sprung")
    if make.__code__.co_names[:1] == ("np",):
        path = path.with_suffix(".npy") if "save" in make.__code__.co_names else path
    make(path, trap)
    with pytest.raises(OSError, match=CLEAR) as caught:
        resume(path, net, optimizer)
    assert any(w in str(caught.value) for w in word.split("|")), str(caught.value)
    assert not (tmp_path / "sprung").exists()
    assert same([net.state_dict(), optimizer.state_dict()], before)


@pytest.mark.parametrize(
    "structure",
    [
        "no json",
        "{}",
        "[]",
        "null",
        '{"minigrad": 2, "object": null}',
        '{"minigrad": 1}',
        '{"minigrad": 1, "object": {"tensor": [7, false]}}',
        '{"minigrad": 1, "object": {"tensor": ["structure"]}}',
        '{"minigrad": 1, "object": {"tensor": ["structure", true]}}',
        '{"minigrad": 1, "object": {"module": [0, false]}}',
        '{"minigrad": 1, "object": {"tensor": [0, false], "array": [0, false]}}',
        '{"minigrad": 1, "object": {"dict": [["a"]]}}',
        '{"minigrad": 1, "object": {"dict": [[["list"], 1]]}}',
        '{"minigrad": 1, "object": {}}',
        '{"minigrad": 1, "object": ' + "[" * 100_000 + "]" * 100_000 + "}",
    ],
    ids=lambda s: s[:60],
)
def test_a_sealed_file_that_makes_no_sense(structure: str) -> None:
    with pytest.raises(OSError, match=CLEAR):
        minigrad.load(io.BytesIO(sealed(np.array(structure), **{"0": np.ones(2)})))


def test_a_sealed_pickle_is_not_opened(tmp_path: Path) -> None:
    trap = np.empty(1, object)
    trap[0] = Trap(tmp_path / "sprung")
    inside = np.array(json.dumps({"minigrad": 1, "object": {"array": [0, False]}}))
    for data in (sealed(trap), sealed(inside, **{"0": trap})):
        with pytest.raises(OSError, match=CLEAR):
            minigrad.load(io.BytesIO(data))
    assert not (tmp_path / "sprung").exists()


def test_no_file_and_no_path(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"nothing\.h5: found nothing.*check the path"):
        minigrad.load(tmp_path / "nothing.h5")
    with pytest.raises(IsADirectoryError, match="found a folder"):
        minigrad.load(tmp_path)
    for wrong in (None, 3.5, ["state.npz"], {"net": 1}):
        with pytest.raises(TypeError):
            minigrad.load(wrong)
        with pytest.raises(TypeError):
            minigrad.save({}, wrong)


# ------------------------------------------------------------------------------------------ what does not fit the model


def spoilt_states(net: Any) -> dict[str, dict[str, Any]]:
    state = {key: value.numpy().copy() for key, value in net.state_dict().items()}
    return {
        "a wrong shape": {**state, "0.weight": np.ones((2, 1), np.float32)},
        "a key less": {key: value for key, value in state.items() if key != "1.running_var"},
        "a key more": {**state, "2.weight": np.ones(1)},
        "another key": {key.replace("0.bias", "0.offset"): value for key, value in state.items()},
        "text": {**state, "0.bias": np.array(["a"])},
        "complex numbers": {**state, "0.bias": np.array([1j])},
        "nothing": {},
    }


@pytest.mark.parametrize("how", sorted(spoilt_states(model_and_optimizer()[0])))
def test_a_state_that_does_not_fit_leaves_model_and_optimizer_as_they_are(how: str, tmp_path: Path) -> None:
    net, optimizer = model_and_optimizer()
    before = round_trip([net.state_dict(), optimizer.state_dict()])
    spoilt = {
        key: value * 0 + 7 if value.dtype.kind == "f" else value for key, value in spoilt_states(net)[how].items()
    }
    minigrad.save({"net": spoilt, "optimizer": optimizer.state_dict()}, tmp_path / "state.npz")
    with pytest.raises((ValueError, TypeError), match=r"load_state_dict|expected real numbers"):
        resume(tmp_path / "state.npz", net, optimizer)
    assert same([net.state_dict(), optimizer.state_dict()], before)


def test_an_optimizer_state_of_another_model(tmp_path: Path) -> None:
    _, optimizer = model_and_optimizer()
    other = optim.Adam(nn.Linear(3, 3).parameters())
    minigrad.save(other.state_dict(), tmp_path / "state.npz")
    before = round_trip(optimizer.state_dict())
    with pytest.raises(ValueError, match="nothing was loaded"):
        optimizer.load_state_dict(minigrad.load(tmp_path / "state.npz"))
    assert same(optimizer.state_dict(), before)


# --------------------------------------------------------------------------------------------------- a save that fails


def old_file(tmp_path: Path) -> tuple[Path, bytes]:
    path = tmp_path / "state.npz"
    minigrad.save({"old": minigrad.ones(3)}, path)
    return path, path.read_bytes()


def assert_untouched(path: Path, data: bytes) -> None:
    assert path.read_bytes() == data and [p.name for p in path.parent.iterdir()] == [path.name]


UNSAVABLE: list[tuple[str, Any, str]] = [
    ("a module", {"net": nn.Linear(2, 2)}, r"net is a minigrad\.nn\.layers\.Linear.*state_dict"),
    ("an optimiser", [optim.SGD([minigrad.ones(1, requires_grad=True)])], r"\[0\] is a minigrad\.optim.*state_dict"),
    ("a function", {"a": [1, {"b": len}]}, r"a\[1\]\.b is a .*builtin_function_or_method"),
    ("a set", {1, 2}, "the object is a .*set"),
    ("bytes", {"a": b"x"}, "a is a .*bytes"),
    ("a complex number", 1j, "complex"),
    ("a path", Path("x"), "pathlib"),
    ("a PyTorch tensor", {"w": torch.ones(2)}, r"w is a torch\.Tensor"),
    ("an array of objects", {"w": np.array([None])}, "w is a numpy.ndarray"),
    ("a tuple as key", {(1, 2): 3}, r"key \(1, 2\)"),
    ("a tensor as key", {"a": {minigrad.tensor(1.0): 3}}, "a has the key"),
    ("a class of its own", {"a": type("Settings", (), {})()}, "Settings"),
    ("a subclass of int", {"a": signal.SIGINT}, "Signals"),
]


@pytest.mark.parametrize(("thing", "message"), [case[1:] for case in UNSAVABLE], ids=[case[0] for case in UNSAVABLE])
def test_what_cannot_be_saved_is_named_and_nothing_is_written(thing: Any, message: str, tmp_path: Path) -> None:
    path, data = old_file(tmp_path)
    with pytest.raises(TypeError, match=f"^save: .*{message}"):
        minigrad.save(thing, path)
    assert_untouched(path, data)
    file = io.BytesIO()
    with pytest.raises(TypeError, match=r"^save: "):
        minigrad.save({"good": minigrad.ones(100), "bad": thing}, file)
    assert file.getvalue() == b""


@pytest.mark.parametrize("wrap", [lambda x: [x], lambda x: (x,), lambda x: {"a": x}], ids=["list", "tuple", "dict"])
def test_what_is_nested_too_deeply_to_load_is_not_saved(wrap: Callable[[Any], Any]) -> None:
    """Whatever `save` takes, `load` gives back; 50 levels are fine."""
    thing: Any = 1
    for depth in range(1, 1001):
        thing = wrap(thing)
        if depth == 50 or depth % 40 == 0:
            try:
                found = round_trip(thing)
            except TypeError as error:
                assert depth > 50 and "nested too deeply" in str(error)
                break
            assert found == thing
    else:
        raise AssertionError("1,000 levels were saved")


def test_a_list_that_contains_itself(tmp_path: Path) -> None:
    endless: list[Any] = [1]
    endless.append(endless)
    with pytest.raises((TypeError, ValueError, RecursionError), match=r"^save: "):
        minigrad.save(endless, tmp_path / "state.npz")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "error", [KeyboardInterrupt(), MemoryError(), OSError(errno.ENOSPC, "No space left on device")]
)
@pytest.mark.parametrize("place", ["os.fsync", "os.replace", "numpy.savez", "zipfile.ZipFile.close", "json.dumps"])
def test_an_interruption_anywhere_leaves_the_old_file(
    place: str, error: BaseException, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, data = old_file(tmp_path)

    def fail(*args: Any, **kwargs: Any) -> None:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(place, fail)
        with pytest.raises(type(error)):
            minigrad.save({"new": minigrad.ones(5)}, path)
    assert_untouched(path, data)
    minigrad.save({"new": 1}, path)
    assert minigrad.load(path) == {"new": 1} and len(list(tmp_path.iterdir())) == 1


def test_a_disk_that_is_full_half_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file's own `write` fails after some bytes."""
    path, data = old_file(tmp_path)

    class Full(io.FileIO):
        def write(self, data: Any) -> int:
            super().write(bytes(data)[:100])
            raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("builtins.open", lambda path, mode, **options: Full(path, mode.replace("b", "")))
        with pytest.raises(OSError, match="No space left"):
            minigrad.save({"new": minigrad.ones(500)}, path)
    assert_untouched(path, data)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL on this system")
def test_killed_half_way(tmp_path: Path) -> None:
    """Without a chance to clean up: the old file is whole."""
    path, data = old_file(tmp_path)
    program = (
        "import os, signal, minigrad\n"
        "os.fsync = lambda file: os.kill(os.getpid(), signal.SIGKILL)\n"
        f"minigrad.save({{'new': minigrad.ones(5)}}, {str(path)!r})"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT)
    assert done.returncode == -signal.SIGKILL and path.read_bytes() == data
    assert minigrad.load(path)["old"].tolist() == [1.0] * 3


def test_links_and_permissions_stay(tmp_path: Path) -> None:
    """A link to the file goes on pointing to it; who may read it may read the new one."""
    (tmp_path / "runs").mkdir()
    target, link = tmp_path / "runs" / "state.npz", tmp_path / "latest.npz"
    minigrad.save(1, target)
    link.symlink_to(target)
    os.chmod(target, 0o640)
    minigrad.save(2, link)
    assert link.is_symlink() and minigrad.load(target) == minigrad.load(link) == 2
    assert target.stat().st_mode & 0o777 == 0o640


def test_places_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"there is no folder .*no/such; make it first"):
        minigrad.save(1, tmp_path / "no" / "such" / "state.npz")
    with pytest.raises(IsADirectoryError, match="expected the path of a file"):
        minigrad.save(1, tmp_path)
    if Path("/dev/full").exists():
        with pytest.raises(OSError):
            minigrad.save(1, "/dev/full")
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_in_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    minigrad.save([1], "state.npz")
    assert minigrad.load("state.npz") == [1] and [p.name for p in tmp_path.iterdir()] == ["state.npz"]


def test_the_same_object_gives_the_same_bytes() -> None:
    """No clock in it: what did not change can be compared."""

    def data() -> bytes:
        file = io.BytesIO()
        minigrad.save({"a": minigrad.ones(3), "b": [1, 2.5]}, file)
        return file.getvalue()

    assert data() == data()


def test_public_names() -> None:
    assert minigrad.save is files.save and minigrad.load is files.load
