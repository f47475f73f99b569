"""What goes into files and comes out: storages, pickled modules, odd files, the older format."""

import argparse
import collections
import gzip
import io
import tempfile

from compat_tests.semantics.observe import attempt


def _saved(torch, obj, **options):
    file = io.BytesIO()
    torch.save(obj, file, **options)
    file.seek(0)
    return file


def _net(torch):
    torch.manual_seed(0)
    return torch.nn.Sequential(
        torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4), torch.nn.Linear(4, 2)
    )


def _text(error):
    return type(error).__name__, str(error)


def the_older_format(torch):
    x = torch.arange(6.0)
    parts = {"x": x, "view": x.view(2, 3)[:, 1:], "half": torch.ones(2).half(), "n": 3}
    return torch.load(_saved(torch, parts, _use_new_zipfile_serialization=False))


def several_objects_of_the_older_format_in_one_file(torch):
    file = io.BytesIO()
    torch.save(1, file, _use_new_zipfile_serialization=False)
    torch.save(torch.ones(2), file, _use_new_zipfile_serialization=False)
    file.seek(0)
    return torch.load(file), torch.load(file)


def whole_module_in_the_older_format(torch):
    file = _saved(torch, _net(torch), _use_new_zipfile_serialization=False)
    return repr(torch.load(file, weights_only=False))


def whole_modules(torch):
    nn = torch.nn
    modules = [
        nn.Conv2d(1, 1, 3, padding_mode="reflect"),
        nn.LSTM(2, 2, 2),
        nn.GRU(2, 2, bidirectional=True),
        nn.MultiheadAttention(4, 2),
        nn.TransformerEncoderLayer(4, 2, 8),
        nn.TransformerEncoderLayer(4, 2, 8, activation="gelu"),
        nn.Transformer(4, 2, 1, 1, 8, batch_first=True),
        nn.Embedding(3, 4, padding_idx=0),
        nn.ModuleDict({"a": nn.ReLU()}),
        nn.ParameterList([nn.Parameter(torch.ones(1))]),
        nn.ParameterDict({"a": nn.Parameter(torch.ones(1))}),
        nn.Upsample(scale_factor=2),
        nn.CrossEntropyLoss(weight=torch.ones(3)),
        nn.LazyLinear(3),
        nn.AdaptiveLogSoftmaxWithLoss(4, 6, [2]),
        nn.RNNCell(2, 3),
        nn.TripletMarginWithDistanceLoss(),
    ]
    return [repr(torch.load(_saved(torch, m), weights_only=False)) for m in modules]


def functions_in_files(torch):
    functions = [
        torch.nn.functional.relu, torch.nn.functional.gelu, torch.relu, torch.tanh,
        torch.linalg.norm, torch.nn.functional.pairwise_distance, torch.nn.init.zeros_,
    ]  # fmt: skip
    loaded = torch.load(_saved(torch, functions), weights_only=False)
    return [a is b or a == b for a, b in zip(loaded, functions)]


def optimizer_objects(torch):
    model = _net(torch)
    optimizer = torch.optim.SGD(model.parameters(), 0.1, momentum=0.9)
    model(torch.arange(6.0).view(2, 3)).pow(2).sum().backward()
    optimizer.step()
    again = torch.load(_saved(torch, optimizer), weights_only=False)
    return repr(again), again.state_dict()


def storages(torch):
    loaded = torch.load(_saved(torch, [torch.ones(2).untyped_storage(), torch.ones(3).storage()]))
    return [(len(s), s.tolist(), s.dtype) for s in loaded]


def storages_share_memory_with_tensors(torch):
    x = torch.arange(4.0)
    loaded = torch.load(_saved(torch, [x, x.storage()]))
    both = attempt(_saved, torch, [x, x.untyped_storage()])
    return loaded[1].tolist(), type(both).__name__


def map_location_functions(torch):
    log = []

    def place(storage, location):
        log.append((location, len(storage), storage.nbytes(), storage.device))
        return storage

    loaded = torch.load(
        _saved(torch, {"a": torch.ones(3), "b": torch.ones(2).double()}), map_location=place
    )
    return log, loaded


def map_location_mistakes(torch):
    def refuse(storage, location):
        raise KeyError(location)

    file = _saved(torch, torch.ones(3)).getvalue()
    return [
        type(attempt(torch.load, io.BytesIO(file), map_location=place)).__name__
        for place in ("nope", 3, lambda storage, location: 3, refuse)
    ]


def default_locations(torch):
    memory = torch.ones(2).untyped_storage()
    restored = torch.serialization.default_restore_location(memory, "cpu")
    return torch.serialization.location_tag(memory), restored.device


def refusals_say_how_to_allow(torch):
    things = [frozenset([1]), slice(1, 2), collections.defaultdict(int, a=1), _net(torch),
              argparse.Namespace(a=1), print]  # fmt: skip
    return [_text(attempt(torch.load, _saved(torch, thing))) for thing in things]


def trusted_things(torch):
    things = [frozenset([1]), collections.defaultdict(int, a=1), argparse.Namespace(a=1)]
    loaded = torch.load(_saved(torch, things), weights_only=False)
    return loaded[1:2], vars(loaded[2]), loaded[0] == things[0]


def gradients_are_not_saved(torch):
    x = torch.ones(2, requires_grad=True)
    x.grad = torch.ones(2)
    y = torch.load(_saved(torch, x * 2))
    return torch.load(_saved(torch, x)).grad, y, y.is_leaf


def compressed_files(torch):
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/x.pt.gz"
        with gzip.open(path, "wb") as file:
            torch.save({"x": torch.arange(3)}, file)
        with gzip.open(path, "rb") as file:
            return torch.load(file)


def open_files(torch):
    with tempfile.NamedTemporaryFile() as file, tempfile.TemporaryFile() as plain:
        for f in (file, plain):
            torch.save(torch.arange(3), f)
            f.flush()
            f.seek(0)
        return torch.load(file), torch.load(file.name), torch.load(plain)


def mapped_files(torch):
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/model"
        torch.save(_net(torch).state_dict(), path)
        state = torch.load(path, mmap=True)
        model = _net(torch)
        model.load_state_dict(state, assign=True)
        out = model(torch.arange(6.0).view(2, 3))
        model[0].weight.data.zero_()
        return out, torch.load(path)["0.weight"]


def files_with_room_for_data(torch):
    with torch.serialization.skip_data():
        file = _saved(torch, {"x": torch.ones(3), "n": 1})
    return torch.load(file)["x"].shape, torch.load(_saved(torch, torch.ones(3)))


def settings(torch):
    s = torch.serialization
    before = s.get_default_load_endianness(), s.get_crc32_options()
    s.set_crc32_options(False)
    changed = s.get_crc32_options(), torch.load(_saved(torch, torch.ones(2)))
    s.set_crc32_options(True)
    wrong = attempt(s.set_default_load_endianness, 3), attempt(s.set_default_mmap_options, 12345)
    return before, changed, wrong, [m.name for m in s.LoadEndianness]


def versions_of_other_modules(torch):
    class Module:
        __version__ = "0.3.1"
        __name__ = "other"

    check = torch.serialization.check_module_version_greater_or_equal
    return check(Module, (0, 3, 0)), check(Module, (0, 4)), attempt(check, Module, ("a", 1, 1, 1))


def devices_of_other_packages(torch):
    asked = []
    registry = torch.serialization._package_registry
    before = list(registry)

    def tagger(storage):
        asked.append("tag")

    def restorer(storage, location):
        asked.append(location)

    torch.serialization.register_package(1, tagger, restorer)
    try:
        torch.load(_saved(torch, torch.ones(2)))
    finally:
        registry[:] = before
    return asked
