"""`state_dict` and `load_state_dict`: strictness, assignment, old versions, prefixes, hooks."""

import io
import warnings
from collections import OrderedDict

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


def strict_false_lists_the_keys(torch):
    state = _net(torch).state_dict()
    del state["0.weight"]
    state["x.y"] = torch.ones(1)
    found = _net(torch).load_state_dict(state, strict=False)
    return repr(found), found.missing_keys, found.unexpected_keys, type(found).__name__


def all_keys_matched(torch):
    return repr(_net(torch).load_state_dict(_net(torch).state_dict()))


def everything_that_does_not_fit_is_said(torch):
    state = _net(torch).state_dict()
    del state["0.weight"]
    state["x.y"] = torch.ones(1)
    state["2.weight"] = torch.ones(3, 3)
    state["2.bias"] = 3
    return _text(attempt(_net(torch).load_state_dict, state))


def strict_false_still_checks_sizes(torch):
    state = _net(torch).state_dict()
    state["2.weight"] = torch.ones(3, 3)
    return _text(attempt(_net(torch).load_state_dict, state, strict=False))


def state_must_be_a_mapping(torch):
    return _text(attempt(_net(torch).load_state_dict, [1]))


def data_parallel_prefix(torch):
    state = torch.nn.DataParallel(_net(torch)).state_dict()
    before = list(state), list(state._metadata.items())
    stripped = {k.removeprefix("module."): v for k, v in state.items()}
    matched = repr(_net(torch).load_state_dict(stripped))
    wrong = _text(attempt(_net(torch).load_state_dict, state))
    torch.nn.modules.utils.consume_prefix_in_state_dict_if_present(state, "module.")
    after = list(state), list(state._metadata.items())
    return before, matched, wrong, after, repr(_net(torch).load_state_dict(state))


def plain_state_into_data_parallel(torch):
    model = torch.nn.DataParallel(_net(torch))
    state = {f"module.{k}": v for k, v in _net(torch).state_dict().items()}
    return repr(model.load_state_dict(state)), model(torch.ones(2, 3)).shape


def batch_norm_of_version_1(torch):
    state = OrderedDict((k, v) for k, v in _net(torch).state_dict().items() if "tracked" not in k)
    without_versions = repr(_net(torch).load_state_dict(state))
    state._metadata = {"": {"version": 1}, "1": {"version": 1}}
    version_1 = repr(_net(torch).load_state_dict(state))
    state._metadata = {"": {"version": 1}, "1": {"version": 2}}
    return without_versions, version_1, _text(attempt(_net(torch).load_state_dict, state))


def scalars_from_before_scalars(torch):
    model = _net(torch)
    state = model.state_dict()
    state["1.num_batches_tracked"] = torch.tensor([7])
    model.load_state_dict(state)
    return model[1].num_batches_tracked


def assign_takes_the_tensors(torch):
    state = {
        k: v.double() if v.is_floating_point() else v for k, v in _net(torch).state_dict().items()
    }
    model = _net(torch)
    weight = model[0].weight
    model.load_state_dict(state, assign=True)
    taken = model[0].weight
    return (
        taken,
        taken is weight,
        type(taken).__name__,
        taken.requires_grad,
        model[1].running_mean,
        taken.data_ptr() == state["0.weight"].data_ptr(),
    )


def assign_to_a_model_without_memory(torch):
    with torch.device("meta"):
        model = _net(torch)
    model.load_state_dict(_net(torch).state_dict(), assign=True)
    return model(torch.ones(2, 3)), [p.device for p in model.parameters()]


def assign_keeps_frozen_parameters_frozen(torch):
    model = _net(torch).requires_grad_(False)
    model.load_state_dict(
        {k: torch.nn.Parameter(v) if v.is_floating_point() else v
         for k, v in _net(torch).state_dict().items()},
        assign=True,
    )  # fmt: skip
    return [p.requires_grad for p in model.parameters()], type(model[1].running_mean).__name__


def copying_into_a_model_without_memory_warns(torch):
    with torch.device("meta"):
        model = _net(torch)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.load_state_dict(_net(torch).state_dict())
    return [str(w.message) for w in caught], model[0].weight.device


def half_precision_into_float32(torch):
    results = []
    for dtype in (torch.float16, torch.bfloat16):
        state = torch.load(_saved(torch, _net(torch).to(dtype).state_dict()))
        model = _net(torch)
        model.load_state_dict(state)
        results += [state, model[0].weight, model[1].running_var]
    return results


def optimizer_state_follows_the_parameters(torch):
    model = _net(torch).bfloat16()
    optimizer = torch.optim.Adam(model.parameters())
    model(torch.arange(6.0).view(2, 3).bfloat16()).pow(2).sum().backward()
    optimizer.step()
    state = torch.load(_saved(torch, optimizer.state_dict()))
    again = torch.optim.Adam(_net(torch).parameters())
    again.load_state_dict(state)
    kept = again.state_dict()["state"]
    return [(k, v["step"], v["exp_avg"].dtype) for k, v in kept.items()], state["param_groups"]


def buffers_that_are_not_saved(torch):
    class Model(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("a", torch.ones(1))
            self.register_buffer("b", torch.ones(1), persistent=False)
            self.c = torch.nn.Buffer(torch.ones(2))
            self.d = torch.nn.Buffer(torch.ones(2), persistent=False)

    model = Model()
    state = {"a": torch.zeros(1), "b": torch.zeros(1), "c": torch.zeros(2)}
    wrong = _text(attempt(model.load_state_dict, state))
    loose = repr(model.load_state_dict(state, strict=False))
    return model.state_dict(), wrong, loose, dict(model.named_buffers())


def extra_state(torch):
    class Model(torch.nn.Linear):
        def get_extra_state(self):
            return {"k": 3}

        def set_extra_state(self, state):
            self.k = state

    state = torch.load(_saved(torch, Model(1, 1).state_dict()))
    model = Model(1, 1)
    model.load_state_dict(state)
    wrong = attempt(torch.nn.Linear(1, 1).load_state_dict, state)
    return list(state), model.k, _text(wrong)


def hooks_around_saving_and_loading(torch):
    log = []
    model = _net(torch)
    model.register_state_dict_post_hook(
        lambda module, state, prefix, metadata: state.update({f"{prefix}z": torch.ones(1)})
    )
    model[0].register_load_state_dict_pre_hook(
        lambda module, state, prefix, *rest: log.append(("pre", prefix, sorted(state)))
    )

    def after(module, keys):
        log.append(("post", list(keys.missing_keys), list(keys.unexpected_keys)))
        keys.unexpected_keys.clear()

    model.register_load_state_dict_post_hook(after)
    state = model.state_dict()
    return repr(model.load_state_dict(state)), log


def tied_weights(torch):
    model = torch.nn.Sequential(
        torch.nn.Linear(2, 2, bias=False), torch.nn.Linear(2, 2, bias=False)
    )
    model[1].weight = model[0].weight
    state = torch.load(_saved(torch, model.state_dict()))
    shared = state["0.weight"].data_ptr() == state["1.weight"].data_ptr()
    model.load_state_dict(state, assign=True)
    return shared, model[0].weight is model[1].weight, len(list(model.parameters()))


def destination_and_prefix(torch):
    model = _net(torch)
    destination = OrderedDict()
    model.state_dict(destination=destination, prefix="a.")
    kept = model.state_dict(keep_vars=True)["0.weight"]
    return list(destination), kept is model[0].weight, model.state_dict()["0.weight"].requires_grad


def state_shares_the_models_memory(torch):
    model = _net(torch)
    model.state_dict()["0.weight"].zero_()
    return model[0].weight


def versions_in_the_metadata(torch):
    nn = torch.nn
    model = nn.ModuleDict(
        {
            "norm": nn.BatchNorm2d(2),
            "attention": nn.MultiheadAttention(4, 2),
            "instance": nn.InstanceNorm1d(2),
            "lstm": nn.LSTM(2, 2),
            "embedding": nn.Embedding(2, 2),
            "parameters": nn.ParameterList([nn.Parameter(torch.ones(1))]),
            "conv": nn.ConvTranspose2d(1, 1, 1),
        }
    )
    return {k: dict(v) for k, v in model.state_dict()._metadata.items()}


def parameter_containers(torch):
    nn = torch.nn
    model = nn.ModuleList(
        [
            nn.ParameterList([nn.Parameter(torch.ones(1)), nn.Parameter(torch.zeros(2))]),
            nn.ParameterDict({"a": nn.Parameter(torch.ones(3)), "b": nn.Parameter(torch.ones(1))}),
        ]
    )
    state = torch.load(_saved(torch, model.state_dict()))
    return state, repr(model.load_state_dict(state))


def averaged_model(torch):
    averaged = torch.optim.swa_utils.AveragedModel(_net(torch))
    averaged.update_parameters(_net(torch))
    state = torch.load(_saved(torch, averaged.state_dict()))
    return list(state), state["n_averaged"], repr(averaged.load_state_dict(state))


def random_state_in_a_checkpoint(torch):
    torch.manual_seed(3)
    state = torch.load(_saved(torch, {"rng": torch.get_rng_state()}))["rng"]
    first = torch.rand(2)
    torch.set_rng_state(state)
    return first, torch.rand(2), state.dtype, state.shape


def lazy_modules_take_their_shapes_from_a_checkpoint(torch):
    torch.manual_seed(0)
    state = torch.load(_saved(torch, torch.nn.Linear(3, 2).state_dict()))
    lazy = torch.nn.LazyLinear(2)
    before = list(lazy.state_dict())
    lazy.load_state_dict(state)
    return before, lazy(torch.ones(1, 3))
