"""Checkpoint files: what either library saves the other loads, aliasing included; damaged and
hostile files are refused.
"""

import collections
import copy
import importlib
import io
import os
import pickle
import pickletools
import random
import struct
import warnings
import zipfile

import numpy as np
import pytest
import torch

import jtorch

DTYPES = (
    "float32 float64 float16 bfloat16 int64 int32 int16 int8 uint8 bool complex64 complex128 "
    "uint16 uint32 uint64 "
    "float8_e4m3fn float8_e5m2"
).split()


def saved(lib, obj, **options):
    file = io.BytesIO()
    lib.save(obj, file, **options)
    return file.getvalue()


def loaded(lib, data, **options):
    return lib.load(io.BytesIO(data), **options)


def seen(t):
    """Everything about a tensor but its contents."""
    return (
        type(t).__name__, str(t.dtype), tuple(t.shape), tuple(t.stride()), t.storage_offset(),
        t.requires_grad, str(t.device)
    )  # fmt: skip


def many_tensors(lib):
    """Tensors with all kinds of geometry; several share memory."""
    x = lib.arange(24.0)
    grid = x.view(4, 6)
    return {
        "whole": x,
        "grid": grid,
        "part": grid[1:, ::2],
        "transposed": grid.t(),
        "expanded": x[3:4].expand(5),
        "channels_last": lib.arange(48.0)
        .view(2, 3, 2, 4)
        .contiguous(memory_format=lib.channels_last),
        "scalar": lib.tensor(3.5),
        "empty": lib.zeros(0, 3),
        "parameter": lib.nn.Parameter(lib.ones(2)),
        "frozen": lib.nn.Parameter(lib.ones(2), requires_grad=False),
        "wants": lib.ones(2, requires_grad=True),
        "bools": lib.tensor([True, False]),
    }


# ---- both directions ----


@pytest.mark.parametrize(
    "writer, reader",
    [(torch, jtorch), (jtorch, torch), (jtorch, jtorch)],
    ids=["from", "to", "own"],
)
class TestBothWays:
    @pytest.mark.parametrize("weights_only", [True, False])
    def test_tensors(self, writer, reader, weights_only):
        before = many_tensors(writer)
        after = loaded(reader, saved(writer, before), weights_only=weights_only)
        assert list(after) == list(before)
        for name, t in before.items():
            assert seen(after[name]) == seen(t), name
            np.testing.assert_array_equal(after[name].detach().numpy(), t.detach().numpy())

    @pytest.mark.parametrize("name", DTYPES)
    def test_dtypes(self, writer, reader, name):
        before = writer.arange(6).to(getattr(writer, name))
        after = loaded(reader, saved(writer, before))
        assert str(after.dtype) == f"torch.{name}"
        assert after.to(reader.complex128).tolist() == before.to(writer.complex128).tolist()

    def test_shared_memory_stays_shared(self, writer, reader):
        after = loaded(reader, saved(writer, many_tensors(writer)))
        after["whole"][6] = 99
        assert (
            after["grid"][1, 0].item()
            == after["part"][0, 0].item()
            == after["transposed"][0, 1].item()
            == 99
        )
        after["part"][0, 1] = -1
        assert after["whole"][8].item() == -1
        assert after["whole"].data_ptr() == after["grid"].data_ptr()

    def test_the_whole_storage_of_a_view_is_kept(self, writer, reader):
        after = loaded(reader, saved(writer, writer.arange(10)[4:6]))
        assert after.storage_offset() == 4
        assert reader.as_strided(after, (10,), (1,), 0).tolist() == list(range(10))

    def test_plain_things(self, writer, reader):
        before = {
            "int": 3,
            "long": 1 << 70,
            "negative": -5,
            "float": 2.5,
            "inf": float("inf"),
            "none": None,
            "true": True,
            "text": "h\u00e9llo \U0001f525",
            "bytes": b"\x00\xff",
            "tuple": (1, (2, 3, 4, 5)),
            "list": [1, [2]],
            "set": {1, 2},
            "complex": 1 + 2j,
            "ordered": collections.OrderedDict(a=1),
            "counter": collections.Counter("aab"),
            7: "int key",
            ("a", 1): "tuple key",
            "bytearray": bytearray(b"ab"),
        }
        for weights_only in (True, False):
            after = loaded(reader, saved(writer, before), weights_only=weights_only)
            assert after == before
            assert [type(v) for v in after.values()] == [type(v) for v in before.values()]

    def test_torch_things(self, writer, reader):
        def things(lib):
            return [
                lib.float32,
                lib.bfloat16,
                lib.Size([1, 2]),
                lib.device("cpu"),
                lib.device("cuda", 1),
            ]

        after = loaded(reader, saved(writer, things(writer)))
        assert after == things(reader)
        assert [type(v) for v in after] == [type(v) for v in things(reader)]

    def test_meta_tensors(self, writer, reader):
        after = loaded(reader, saved(writer, writer.empty(2, 3, device="meta")))
        assert seen(after) == ("Tensor", "torch.float32", (2, 3), (3, 1), 0, False, "meta")

    def test_training_state(self, writer, reader):
        def training(lib):
            lib.manual_seed(0)
            model = lib.nn.Sequential(
                lib.nn.Linear(3, 4, bias=False), lib.nn.BatchNorm1d(4), lib.nn.Linear(4, 1)
            )
            optimizer = lib.optim.Adam(model.parameters(), lr=0.01)
            return model, optimizer

        def step(lib, model, optimizer):
            optimizer.zero_grad()
            model(lib.arange(15.0).view(5, 3) / 10).pow(2).mean().backward()
            optimizer.step()

        model, optimizer = training(writer)
        for _ in range(3):
            step(writer, model, optimizer)
        data = saved(writer, {"model": model.state_dict(), "optimizer": optimizer.state_dict()})
        again, its_optimizer = training(reader)
        state = loaded(reader, data)
        assert state["model"]._metadata == model.state_dict()._metadata
        again.load_state_dict(state["model"])
        its_optimizer.load_state_dict(state["optimizer"])
        for _ in range(2):
            step(writer, model, optimizer)
            step(reader, again, its_optimizer)
        for a, b in zip(model.parameters(), again.parameters()):
            np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=1e-5, atol=1e-6)

    def test_whole_modules(self, writer, reader):
        model = writer.nn.Sequential(writer.nn.Linear(2, 3), writer.nn.ReLU())
        after = loaded(reader, saved(writer, model), weights_only=False)
        assert repr(after) == repr(model)
        x = [[1.0, -2.0]]
        np.testing.assert_allclose(
            after(reader.tensor(x)).detach().numpy(),
            model(writer.tensor(x)).detach().numpy(),
            rtol=1e-6,
        )

    @pytest.mark.parametrize("protocol", [2, 3, 4])
    def test_pickle_protocols(self, writer, reader, protocol):
        before = {"x": writer.arange(3.0), "b": b"bytes"}
        after = loaded(reader, saved(writer, before, pickle_protocol=protocol), weights_only=False)
        assert after["x"].tolist() == [0, 1, 2] and after["b"] == b"bytes"

    def test_paths_and_mmap(self, writer, reader, tmp_path):
        path = tmp_path / "some.name.pt"
        writer.save(many_tensors(writer), path)
        writer.save([1], str(tmp_path / "plain"))
        assert reader.load(tmp_path / "plain") == [1]
        for options in ({}, {"mmap": True}):
            after = reader.load(str(path), **options)
            assert after["part"].tolist() == many_tensors(writer)["part"].tolist()
        after["whole"].zero_()
        assert reader.load(path)["whole"].sum().item() == 276  # a mapped file is never written to

    def test_tensors_with_attributes(self, writer, reader):
        t = writer.ones(2)
        t.note = "mine"
        after = loaded(reader, saved(writer, t))
        assert after.note == "mine" and after.tolist() == [1, 1]
        p = writer.nn.Parameter(writer.ones(2))
        p.note = "mine"
        assert loaded(reader, saved(writer, p)).note == "mine"


def public_classes(lib):
    """{place: class} of what may stand in pickles of modules, optimizers and schedulers."""
    places = {
        "nn": lib.nn, "nn.modules.module": lib.nn.modules.module, "optim": lib.optim,
        "optim.lr_scheduler": lib.optim.lr_scheduler, "utils.data": lib.utils.data,
        "nn.utils.rnn": lib.nn.utils.rnn, "utils.hooks": lib.utils.hooks,
        "return_types": lib.return_types,
    }  # fmt: skip
    return {
        f"{place}.{name}": value
        for place, module in places.items()
        for name, value in vars(module).items()
        if isinstance(value, type) and value.__module__.split(".")[0] in ("torch", "jtorch")
    }


def test_classes_have_the_same_names_in_files():
    ours, theirs = public_classes(jtorch), public_classes(torch)
    common = [place for place in ours if place in theirs]
    assert len(common) > 200
    for writer, reader, found in ((jtorch, torch, theirs), (torch, jtorch, ours)):
        given = public_classes(writer)
        data = saved(writer, [given[place] for place in common])
        for place, cls in zip(common, loaded(reader, data, weights_only=False), strict=True):
            assert cls is found[place], place


def modules_with_hooks(lib):
    """Modules whose pickles hold hooks, or others' modules."""
    linear, utils = lib.nn.Linear, lib.nn.utils
    prune = importlib.import_module(f"{lib.__name__}.nn.utils.prune")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        return [
            lib.nn.DataParallel(linear(2, 1)),
            prune.l1_unstructured(linear(2, 2), "weight", 1),
            utils.spectral_norm(linear(2, 2)).eval(),
            utils.weight_norm(linear(2, 2)),
            lib.nn.SyncBatchNorm(2).eval(),
        ]


@pytest.mark.parametrize("writer, reader", [(torch, jtorch), (jtorch, torch)])
def test_modules_with_hooks(writer, reader):
    for module in modules_with_hooks(writer):
        after = loaded(reader, saved(writer, module), weights_only=False)
        np.testing.assert_allclose(
            after(reader.ones(1, 2)).detach().numpy(),
            module(writer.ones(1, 2)).detach().numpy(),
            rtol=1e-5,
        )


def test_memory_formats():
    # PyTorch 2.13 reads these but cannot write them.
    for reader in (torch, jtorch):
        assert loaded(reader, saved(jtorch, [jtorch.channels_last]), weights_only=False) == [
            reader.channels_last
        ]


def test_what_torch_keeps_lazily():
    before = torch.tensor([1 + 2j, 3 - 1j])
    assert loaded(jtorch, saved(torch, before.conj())).tolist() == before.conj().tolist()
    assert loaded(jtorch, saved(torch, before.conj().imag)).tolist() == before.conj().imag.tolist()


@pytest.mark.parametrize("weights_only", [True, False])
@pytest.mark.parametrize("writer, reader", [(torch, jtorch), (jtorch, torch), (jtorch, jtorch)])
def test_the_format_before_the_zip(writer, reader, weights_only):
    before = many_tensors(writer)
    if reader is jtorch:  # torch stumbles over its own files of these
        before["bits"] = writer.arange(5).to(writer.uint16)
    data = saved(writer, before, _use_new_zipfile_serialization=False)
    after = loaded(reader, data, weights_only=weights_only)
    for name, t in before.items():
        assert seen(after[name]) == seen(t), name
        np.testing.assert_array_equal(after[name].detach().numpy(), t.detach().numpy())
    after["whole"][6] = 99
    assert after["part"][0, 0].item() == 99


def test_files_of_the_other_byte_order():
    with zipfile.ZipFile(io.BytesIO(saved(torch, torch.arange(3.0)))) as z:
        records = {n: z.read(n) for n in z.namelist()}
    records["archive/byteorder"] = b"big"
    records["archive/data/0"] = np.arange(3.0, dtype=">f4").tobytes()
    assert (
        loaded(jtorch, rezipped(records)).tolist()
        == loaded(torch, rezipped(records)).tolist()
        == [0, 1, 2]
    )


# ---- the container ----


def test_records_are_those_of_torch_and_aligned():
    def layout(data):
        with zipfile.ZipFile(io.BytesIO(data)) as z:
            return {
                i.filename: (i.file_size, i.compress_type)
                for i in z.infolist()
                if "serialization_id" not in i.filename
            }

    ours, theirs = (saved(lib, [lib.arange(5.0), lib.ones(2)]) for lib in (jtorch, torch))
    assert layout(ours).keys() == layout(theirs).keys()
    assert {k: v for k, v in layout(ours).items() if "pkl" not in k} == {
        k: v for k, v in layout(theirs).items() if "pkl" not in k
    }
    with zipfile.ZipFile(io.BytesIO(ours)) as z:
        for info in z.infolist():
            name, extra = struct.unpack(
                "<HH", ours[info.header_offset + 26 : info.header_offset + 30]
            )
            assert (info.header_offset + 30 + name + extra) % 64 == 0


def test_pickles_are_those_of_torch():
    """The globals, storages and strings, in order. (Which equal tuples are one object differs.)"""

    def essence(lib):
        with zipfile.ZipFile(io.BytesIO(saved(lib, many_tensors(lib)))) as z:
            instructions = pickletools.genops(z.read("archive/data.pkl"))
        return [
            (op.name, arg)
            for op, arg, _ in instructions
            if op.name in ("GLOBAL", "BINPERSID", "BINUNICODE")
        ]

    assert essence(jtorch) == essence(torch)


def test_saving_twice_gives_the_same_bytes():
    assert saved(jtorch, many_tensors(jtorch)) == saved(jtorch, many_tensors(jtorch))


def test_saving_to_what_cannot_seek():
    class Pipe(io.RawIOBase):
        def __init__(self):
            self.data = bytearray()

        def writable(self):
            return True

        def write(self, b):
            self.data += bytes(b)
            return len(b)

    pipe = Pipe()
    jtorch.save({"x": jtorch.arange(4)}, pipe)
    for lib in (jtorch, torch):
        assert loaded(lib, bytes(pipe.data))["x"].tolist() == [0, 1, 2, 3]


def test_a_failed_save_leaves_the_older_file_alone(tmp_path):
    path = tmp_path / "kept.pt"
    jtorch.save([1], path)
    with pytest.raises((pickle.PicklingError, AttributeError)):
        jtorch.save([lambda: 1], path)
    assert jtorch.load(path) == [1]


# ---- pickle and copy ----


def test_pickle_keeps_aliasing():
    x = jtorch.arange(6.0)
    a, b = pickle.loads(pickle.dumps([x, x.view(2, 3)[1]]))
    a[3] = 50
    assert b.tolist() == [50, 4, 5]
    p = pickle.loads(pickle.dumps(jtorch.nn.Parameter(jtorch.ones(2))))
    assert isinstance(p, jtorch.nn.Parameter) and p.requires_grad
    for name in ("bfloat16", "complex64", "uint16"):
        t = jtorch.ones(2).to(getattr(jtorch, name))
        assert pickle.loads(pickle.dumps(t)).dtype is t.dtype


def test_deepcopy_of_a_model():
    model = jtorch.nn.Linear(2, 2)
    twin = copy.deepcopy(model)
    with jtorch.no_grad():
        twin.weight.zero_()
    assert model.weight.abs().sum().item() > 0
    assert twin.weight.requires_grad


# ---- where tensors go ----

PLACES = {
    "none": lambda lib: None,
    "name": lambda lib: "cpu",
    "device": lambda lib: lib.device("cpu"),
    "dict": lambda lib: {"cpu": "cpu"},
    "other dict": lambda lib: {"cuda:0": "cpu"},
    "function": lambda lib: lambda storage, location: storage,
    "function of the storage": lambda lib: lambda storage, location: storage.cpu(),
    "function without an answer": lambda lib: lambda storage, location: None,
    "meta": lambda lib: "meta",
    "cuda": lambda lib: "cuda",
    "cuda dict": lambda lib: {"cpu": "cuda:0"},
    "nonsense": lambda lib: "nonsense",
}


@pytest.mark.parametrize("name", PLACES)
def test_map_location(name):
    if name.startswith("cuda") and jtorch.cuda.is_available():
        pytest.skip("is about machines without a GPU")
    results = []
    for lib in (torch, jtorch):
        data = saved(torch, torch.arange(3.0))
        try:
            t = loaded(lib, data, map_location=PLACES[name](lib))
            results.append(
                (str(t.device), tuple(t.shape), None if t.device.type == "meta" else t.tolist())
            )
        except Exception as e:
            results.append(type(e).__name__)
    if name == "meta":
        results = [r[:2] if r[0] == "meta" else ("meta", r[1]) for r in results]
    assert results[0] == results[1]


def test_locations_are_saved():
    with zipfile.ZipFile(io.BytesIO(saved(torch, torch.ones(1)))) as z:
        records = {n: z.read(n) for n in z.namelist()}
    records["archive/data.pkl"] = records["archive/data.pkl"].replace(
        b"X\x03\x00\x00\x00cpu", b"X\x06\x00\x00\x00cuda:3"
    )
    for lib in (torch, jtorch):
        with pytest.raises(RuntimeError, match="Attempting to deserialize object on"):
            loaded(lib, rezipped(records))
        assert loaded(lib, rezipped(records), map_location="cpu").tolist() == [1]


# ---- what weights_only allows ----


class Mine:
    def __init__(self, value):
        self.value = value


class Evil:
    def __reduce__(self):
        return os.system, ("exit 3",)


def test_weights_only_refuses_classes_and_functions():
    for obj in (Mine(1), Evil(), [print], Mine):
        with pytest.raises(pickle.UnpicklingError, match="Weights only load failed"):
            loaded(jtorch, saved(jtorch, obj))
    with pytest.raises(pickle.UnpicklingError, match=r"add_safe_globals\(\[.*Mine\]\)"):
        loaded(jtorch, saved(jtorch, Mine(1)))
    with pytest.raises(RuntimeError, match="explicit pickle_module"):
        loaded(jtorch, saved(jtorch, 1), weights_only=True, pickle_module=pickle)
    assert loaded(jtorch, saved(jtorch, Mine(1)), weights_only=False).value == 1


def test_safe_globals():
    data = saved(jtorch, Mine(5))
    with jtorch.serialization.safe_globals([Mine]):
        assert loaded(jtorch, data).value == 5
    with pytest.raises(pickle.UnpicklingError):
        loaded(jtorch, data)
    jtorch.serialization.add_safe_globals([Mine])
    try:
        assert jtorch.serialization.get_safe_globals() == [Mine]
        assert loaded(jtorch, data).value == 5
    finally:
        jtorch.serialization.clear_safe_globals()
    with (
        jtorch.serialization.safe_globals([(dict, f"{Mine.__module__}.Mine")]),
        pytest.raises(pickle.UnpicklingError),
    ):
        loaded(jtorch, data)


def test_numpy_arrays_can_be_allowed():
    data = saved(torch, np.arange(3))
    names = jtorch.serialization.get_unsafe_globals_in_checkpoint(io.BytesIO(data))
    assert names == sorted(torch.serialization.get_unsafe_globals_in_checkpoint(io.BytesIO(data)))
    reconstruct = np._core.multiarray._reconstruct
    allowed = [
        (reconstruct, "numpy._core.multiarray._reconstruct"),
        np.ndarray,
        np.dtype,
        np.dtypes.Int64DType,
    ]
    with jtorch.serialization.safe_globals(allowed):
        assert loaded(jtorch, data).tolist() == [0, 1, 2]


def pickled_program(*instructions):
    return pickle.PROTO + b"\x02" + b"".join(instructions) + pickle.STOP


def with_pickle(data):
    with zipfile.ZipFile(io.BytesIO(saved(torch, torch.ones(1)))) as z:
        records = {n: z.read(n) for n in z.namelist()}
    records["archive/data.pkl"] = data
    return rezipped(records)


def rezipped(records):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as z:
        for name, data in records.items():
            z.writestr(name, data)
    return file.getvalue()


def a_global(path):
    module, _, name = path.rpartition(".")
    return pickle.GLOBAL + f"{module}\n{name}\n".encode()


def text(s):
    return pickle.BINUNICODE + struct.pack("<I", len(s)) + s.encode()


HOSTILE = {
    "a call of os.system": pickled_program(
        a_global("posix.system"), text("true"), pickle.TUPLE1, pickle.REDUCE
    ),
    "eval": pickled_program(a_global("builtins.eval"), text("1"), pickle.TUPLE1, pickle.REDUCE),
    "eval of Python 2": pickled_program(
        a_global("__builtin__.eval"), text("1"), pickle.TUPLE1, pickle.REDUCE
    ),
    "getattr": pickled_program(a_global("builtins.getattr")),
    "a submodule": pickled_program(a_global("torch.serialization.os.system")),
    "load itself": pickled_program(a_global("torch.load")),
    "attributes for a class": pickled_program(
        a_global("torch.nn.parameter.Parameter"),
        pickle.NONE,
        pickle.EMPTY_DICT,
        text("evil"),
        pickle.BININT1,
        b"\x01",
        pickle.SETITEM,
        pickle.TUPLE2,
        pickle.BUILD,
    ),
    "attributes for a dtype": pickled_program(
        a_global("torch.float32"),
        pickle.NONE,
        pickle.EMPTY_DICT,
        text("name"),
        text("evil"),
        pickle.SETITEM,
        pickle.TUPLE2,
        pickle.BUILD,
    ),
    "attributes for what is no tensor": pickled_program(
        a_global("torch._tensor._rebuild_from_type_v2"),
        pickle.MARK,
        a_global("torch.device"),
        a_global("torch.device"),
        text("cpu"),
        pickle.TUPLE1,
        pickle.EMPTY_DICT,
        text("type"),
        text("evil"),
        pickle.SETITEM,
        pickle.TUPLE,
        pickle.REDUCE,
    ),
    "items for a string": pickled_program(text("s"), text("k"), text("v"), pickle.SETITEM),
    "appending to a dict": pickled_program(pickle.EMPTY_DICT, text("v"), pickle.APPEND),
    "a strange persistent id": pickled_program(text("module"), pickle.TUPLE1, pickle.BINPERSID),
    "a persistent id of numbers": pickled_program(
        pickle.MARK,
        text("storage"),
        *[pickle.BININT1 + b"\x01"] * 4,
        pickle.TUPLE,
        pickle.BINPERSID,
    ),
    "an unknown instruction": pickled_program(b"\xff"),
    "an empty stack": pickled_program(pickle.TUPLE2),
    "a missing memo": pickled_program(pickle.BINGET, b"\x09"),
    "an unmatched mark": pickled_program(pickle.TUPLE),
    "a text that is too long": pickled_program(pickle.BINUNICODE, b"\xff\xff\xff\x7f"),
    "an instruction for instances": pickled_program(pickle.MARK, pickle.INST + b"os\nsystem\n"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_pickles_are_refused(name):
    with pytest.raises((pickle.UnpicklingError, EOFError)):
        loaded(jtorch, with_pickle(HOSTILE[name]))
    assert jtorch.float32.name == "float32"
    assert jtorch.device("cpu").type == "cpu"
    assert not hasattr(jtorch.nn.Parameter, "evil")


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_pickles_are_refused_in_the_words_of_torch(name):
    words = []
    for lib in (torch, jtorch):
        with pytest.raises(Exception) as caught:
            loaded(lib, with_pickle(HOSTILE[name]))
        words.append((caught.type, str(caught.value).split("error: ")[-1]))
    # Where torch stumbles over a pickle without seeing what is wrong, jtorch refuses it.
    if words[0][0] is pickle.UnpicklingError:
        assert words[1] == (words[0][0], words[0][1].replace("'torch.nn", "'jtorch.nn"))


def storage_reaching(size, stride, offset):
    """A tensor whose geometry is not covered by its storage of one element."""
    ints = [pickle.BININT + struct.pack("<i", n) for n in (offset, size, stride)]
    storage = b"".join(
        [pickle.MARK, text("storage"), a_global("torch.FloatStorage"), text("0"), text("cpu"),
        pickle.BININT1, b"\x01",
         pickle.TUPLE, pickle.BINPERSID]
    )  # fmt: skip
    arguments = [
        storage,
        ints[0],
        ints[1],
        pickle.TUPLE1,
        ints[2],
        pickle.TUPLE1,
        pickle.NEWFALSE,
        pickle.EMPTY_DICT,
    ]
    return pickled_program(
        a_global("torch._utils._rebuild_tensor_v2"),
        pickle.MARK,
        *arguments,
        pickle.TUPLE,
        pickle.REDUCE,
    )


@pytest.mark.parametrize(
    "geometry", [(2, 1, 0), (1, 1, 1), (1 << 30, 1 << 20, 0), (2, -1, 0), (-2, 1, 0), (1, 1, -1)]
)
def test_tensors_cannot_reach_beyond_their_storage(geometry):
    for lib in (torch, jtorch):
        with pytest.raises(RuntimeError):
            loaded(lib, with_pickle(storage_reaching(*geometry)))


# ---- damaged files ----

DAMAGE = {
    "empty": lambda data: b"",
    "four bytes": lambda data: data[:4],
    "fifty bytes": lambda data: data[:50],
    "half": lambda data: data[: len(data) // 2],
    "all but ten bytes": lambda data: data[:-10],
    "zeros": lambda data: bytes(100),
    "not a checkpoint": lambda data: b"\x01this is no checkpoint at all",
    "another pickle": lambda data: pickle.dumps(1, 2),
    "a missing pickle": lambda data: without(data, "data.pkl"),
    "a missing record": lambda data: without(data, "data/0"),
    "a missing version": lambda data: without(data, "version"),
    "a short record": lambda data: without(data, **{"data/0": b"abc"}),
    "a long record": lambda data: without(data, **{"data/0": bytes(5000)}),
    "half a pickle": lambda data: without(data, **{"data.pkl": b"\x80\x02}q\x00("}),
    "no pickle": lambda data: without(data, **{"data.pkl": b""}),
    "a later version": lambda data: without(data, version=b"99\n"),
    "no version number": lambda data: without(data, version=b"x"),
    "a strange byte order": lambda data: without(data, byteorder=b"mid"),
}


def without(data, *missing, **replaced):
    with zipfile.ZipFile(io.BytesIO(data)) as z:
        records = {n: replaced.get(n.partition("/")[2], z.read(n)) for n in z.namelist()}
    return rezipped({n: d for n, d in records.items() if n.partition("/")[2] not in missing})


@pytest.mark.parametrize("weights_only", [True, False])
@pytest.mark.parametrize("name", DAMAGE)
def test_damaged_files_raise_what_torch_raises(name, weights_only):
    data = DAMAGE[name](saved(torch, {"a": torch.arange(300.0), "b": [1, "x"]}))
    errors = []
    for lib in (torch, jtorch):
        with pytest.raises(Exception) as caught:
            loaded(lib, data, weights_only=weights_only)
        errors.append(caught.type)
    assert errors[1] is errors[0]


def test_flipped_bits_are_noticed():
    data = saved(
        torch,
        {"a": torch.arange(300.0), "b": [1, "x", (2, 3)], "m": torch.nn.Linear(3, 3).state_dict()},
    )
    good = repr(loaded(jtorch, data))
    rng = random.Random(0)
    refused = 0
    for _ in range(300):
        damaged = bytearray(data)
        damaged[rng.randrange(len(damaged))] ^= 1 << rng.randrange(8)
        try:
            # Either the flip hit padding, or the file is refused: never other numbers, never
            # another exception.
            assert repr(loaded(jtorch, bytes(damaged))) == good
        except (RuntimeError, pickle.UnpicklingError, EOFError):
            refused += 1
    assert refused > 100


def test_bad_arguments(tmp_path):
    for lib in (torch, jtorch):
        with pytest.raises(FileNotFoundError):
            lib.load(tmp_path / "missing.pt")
        with pytest.raises(AttributeError):
            lib.load(5)
        with pytest.raises(AttributeError):
            lib.save(1, 5)
        with pytest.raises(RuntimeError, match=r"Parent directory .* does not exist"):
            lib.save(1, tmp_path / "no" / "such" / "x.pt")
        with pytest.raises(IsADirectoryError):
            lib.load(tmp_path)
        with pytest.raises(ValueError, match="must be a file path"):
            lib.load(io.BytesIO(saved(lib, 1)), mmap=True)


def test_no_half_loaded_state_after_an_error():
    model = jtorch.nn.Linear(2, 2)
    before = model.weight.tolist()
    data = saved(jtorch, model.state_dict())
    with pytest.raises(RuntimeError):
        model.load_state_dict(loaded(jtorch, data[:-20]))
    assert model.weight.tolist() == before
