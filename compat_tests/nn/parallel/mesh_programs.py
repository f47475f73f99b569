"""Programs for eight devices; run by test_devices.py in a process that simulates them."""

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding
from jax.sharding import PartitionSpec as P

import jtorch as torch
from jtorch import nn
from jtorch.nn.parallel import data_parallel, gather, parallel_apply, replicate, scatter
from jtorch.nn.parallel.scatter_gather import scatter_kwargs
from jtorch.nn.utils.stateless import _functional_call as functional_call

X = np.random.RandomState(0).randn(16, 3, 2).astype(np.float32)
DEVICES = [f"xla:{i}" for i in range(4)]


def close(a, b):
    np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol=1e-5, atol=1e-5)


def model_of(kind):
    torch.manual_seed(0)
    layers = nn.Sequential(nn.Conv1d(3, 4, 1), kind(4), nn.ReLU(), nn.Conv1d(4, 2, 1), kind(2))
    with torch.no_grad():
        for i, p in enumerate(layers.parameters()):
            p.copy_(torch.arange(float(p.numel())).add(i).sin().view(p.shape))
    return layers


def trained(model, x):
    """Output, gradients and statistics after one step of a sum of squares."""
    params = {k: v.detach().requires_grad_() for k, v in model.named_parameters()}
    buffers = {k: v.clone() for k, v in model.named_buffers()}
    out = functional_call(model, {**params, **buffers}, (x,))
    out.pow(2).mul(0.5).sum().backward()
    return out.detach(), {k: p.grad for k, p in params.items()}, buffers


def whole_batch():
    return trained(model_of(nn.BatchNorm1d), torch.from_numpy(X))


def mapped(model, mesh, spec):
    """`trained` with the batch spread over a mesh; gradients are summed over the devices."""

    def part(x):
        out, grads, buffers = torch.to_jax(lambda x: trained(model, x))(x)
        return out, jax.tree.map(lambda g: jax.lax.psum(g, mesh.axis_names), grads), buffers

    f = jax.shard_map(part, mesh=mesh, in_specs=spec, out_specs=(spec, P(), P()), check_vma=False)
    return jax.jit(f)(X)


def agree(got, want):
    close(got[0], want[0].numpy())
    for a, b in zip(got[1:], want[1:], strict=True):
        assert a.keys() == b.keys()
        for k in b:
            close(a[k], b[k].numpy())


def sync_batch_norm_over_a_mapped_mesh():
    """Results, gradients and running statistics are those of the whole batch on one device."""
    devices = np.array(jax.devices())
    for mesh, spec in (
        (Mesh(devices, ("data",)), P("data")),
        (Mesh(devices.reshape(2, 4), ("host", "chip")), P(("host", "chip"))),
        (Mesh(devices[:2], ("data",)), P("data")),
    ):
        agree(mapped(model_of(nn.SyncBatchNorm), mesh, spec), whole_batch())


def sync_batch_norm_over_one_axis():
    """A process group names the axis along which the batch lies."""
    mesh = Mesh(np.array(jax.devices()).reshape(2, 4), ("model", "data"))
    norm = nn.SyncBatchNorm(3, process_group="data")
    f = jax.shard_map(
        torch.to_jax(lambda x: functional_call(norm, dict(norm.named_buffers()), (x,))),
        mesh=mesh,
        in_specs=P(("model", "data")),
        out_specs=P(("model", "data")),
        check_vma=False,
    )
    halves = [nn.BatchNorm1d(3)(torch.from_numpy(half)).detach().numpy() for half in
              (X[:8], X[8:])]  # fmt: skip
    close(f(X), np.concatenate(halves))
    try:
        norm.process_group = "nothing"
        f(X)
    except ValueError as error:
        assert "nothing" in str(error)
    else:
        raise AssertionError("an unknown axis was taken")


def sync_batch_norm_without_a_map():
    """In one process the input is the whole batch, be it spread over devices or not."""
    want = nn.BatchNorm1d(3)(torch.from_numpy(X)).detach().numpy()
    norm = nn.SyncBatchNorm(3, process_group="data")
    close(norm(torch.from_numpy(X)).detach(), want)
    mesh = Mesh(np.array(jax.devices()), ("data",))
    spread = jax.device_put(X, NamedSharding(mesh, P("data")))
    close(jax.jit(torch.to_jax(lambda x: norm(x).detach()))(spread), want)


def scattering_and_gathering():
    """Nested structures are cut and joined; gradients flow back."""
    x = torch.arange(10.0, requires_grad=True)
    parts = scatter({"x": [x, 3], "n": None}, DEVICES)
    assert [p["x"][0].device for p in parts] == [torch.device(d) for d in DEVICES]
    assert [p["x"][0].shape[0] for p in parts] == [3, 3, 3, 1]
    assert all(p["x"][1] == 3 and p["n"] is None for p in parts)
    joined = gather([p["x"][0] for p in parts], "cpu")
    assert joined.tolist() == x.tolist()
    (joined * torch.arange(10.0)).sum().backward()
    assert x.grad.tolist() == list(range(10))
    inputs, kwargs = scatter_kwargs((torch.ones(2),), {"a": torch.ones(4)}, DEVICES)
    assert len(inputs) == len(kwargs) == 4 and inputs[3] == () and kwargs[3]["a"].shape == (1,)
    rows = gather([(torch.ones(1, 2), None), (torch.zeros(1, 2), None)], "xla:1")
    assert rows[0].tolist() == [[1, 1], [0, 0]] and rows[0].device.index == 1 and rows[1] is None


def replicas():
    """Copies on devices; their gradients add up in the original."""
    layer = nn.Linear(2, 1).to("xla:0")
    copies = replicate(nn.Sequential(layer, nn.BatchNorm1d(1).to("xla:0")), DEVICES)
    assert [c[0].weight.device for c in copies] == [torch.device(d) for d in DEVICES]
    assert not list(copies[1].parameters())
    assert copies[0][1].running_mean is not copies[1][1].running_mean
    outs = parallel_apply([c[0] for c in copies], [torch.ones(3, 2, device=d) for d in DEVICES])
    gather(outs, "xla:0").sum().backward()
    assert layer.weight.grad.tolist() == [[12.0, 12.0]]
    assert layer.weight.grad.device == torch.device("xla:0")


def data_parallel_training():
    """The same losses on four devices as on one."""

    def losses(wrap, place):
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 1)).to(place)
        run = wrap(model)
        optimizer = torch.optim.SGD(model.parameters(), 0.1, momentum=0.9)
        x = torch.from_numpy(X[:10, 0]).to(place)
        found = []
        for _ in range(3):
            optimizer.zero_grad()
            loss = (run(x) - 1).pow(2).mean()
            loss.backward()
            optimizer.step()
            found.append(loss.item())
        return found

    one = losses(lambda model: model, "cpu")
    close(losses(lambda m: nn.DataParallel(m, device_ids=DEVICES), "xla:0"), one)
    close(losses(lambda m: lambda x: data_parallel(m, x, DEVICES[:2]), "xla:0"), one)
    # Numbers mean GPUs, of which there are none.
    close(losses(lambda m: nn.DataParallel(m, device_ids=[0, 1]), "cpu"), one)


def data_parallel_checks_where_the_module_is():
    """The module has to be on the first device."""
    try:
        nn.DataParallel(nn.Linear(2, 1), device_ids=DEVICES)(torch.ones(4, 2))
    except RuntimeError as error:
        assert "device_ids[0]" in str(error)
    else:
        raise AssertionError("no error")


if __name__ == "__main__":
    assert len(jax.devices()) == 8
    for name, program in list(globals().items()):
        if getattr(program, "__doc__", None) and getattr(program, "__module__", "") == "__main__":
            if program.__code__.co_argcount == 0:
                program()
                print("passed", name)
