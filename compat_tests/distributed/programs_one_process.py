"""Process groups of one process: rendezvous, groups, collectives, errors."""

import contextlib
import datetime
import os
import socket

from compat_tests.semantics.observe import attempt


@contextlib.contextmanager
def _group(torch, backend="gloo", **options):
    dist = torch.distributed
    dist.init_process_group(backend, init_method=_address(), rank=0, world_size=1, **options)
    try:
        yield dist
    finally:
        if dist.is_initialized():
            dist.destroy_process_group()


def _address():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return f"tcp://127.0.0.1:{s.getsockname()[1]}"


@contextlib.contextmanager
def _environment(**variables):
    names = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT", "LOCAL_RANK")
    before = {n: os.environ.pop(n) for n in names if n in os.environ}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name in variables:
            del os.environ[name]
        os.environ.update(before)


def before_there_is_a_group(torch):
    dist = torch.distributed
    x = torch.ones(1)
    return [
        dist.is_initialized(),
        attempt(dist.get_rank),
        attempt(dist.get_world_size),
        attempt(dist.get_backend),
        attempt(dist.all_reduce, x),
        attempt(dist.broadcast, x, 0),
        attempt(dist.barrier),
        attempt(dist.new_group),
        attempt(dist.destroy_process_group),
        dist.group.WORLD,
        attempt(torch.nn.parallel.DistributedDataParallel, torch.nn.Linear(1, 1)),
        dist.is_torchelastic_launched(),
        dist.default_pg_timeout,
    ]


def rendezvous_from_the_environment(torch):
    dist = torch.distributed
    found = []
    with _environment():
        found.append(attempt(dist.init_process_group, "gloo"))
        found.append(attempt(dist.init_process_group, "gloo", rank=0))
        found.append(attempt(dist.init_process_group, "gloo", rank=0, world_size=1))
    with _environment(MASTER_ADDR="127.0.0.1"):
        found.append(attempt(dist.init_process_group, "gloo", rank=0, world_size=1))
    port = _address().rpartition(":")[2]
    with _environment(RANK="0", WORLD_SIZE="1", MASTER_ADDR="127.0.0.1", MASTER_PORT=port):
        dist.init_process_group("gloo", timeout=datetime.timedelta(seconds=30))
        found += [dist.get_rank(), dist.get_world_size(), str(dist.get_backend())]
        dist.destroy_process_group()
    return found, dist.is_initialized()


def rendezvous_by_address(torch):
    dist = torch.distributed
    found = [
        attempt(dist.init_process_group, "gloo", init_method=_address()),
        attempt(dist.init_process_group, "gloo", init_method=_address(), rank=0),
        attempt(dist.init_process_group, "mpi2", init_method=_address(), rank=0, world_size=1),
        attempt(dist.init_process_group, "gloo", init_method="nonsense://x", rank=0, world_size=1),
    ]
    if dist.is_initialized():
        dist.destroy_process_group()
    dist.init_process_group("gloo", init_method=_address() + "?rank=0&world_size=1")
    found.append(dist.get_world_size())
    dist.destroy_process_group()
    return [getattr(f, "args", f) and type(f).__name__ for f in found]


def looking_at_the_group(torch):
    with _group(torch) as dist:
        return (
            dist.is_initialized(), dist.get_rank(), dist.get_world_size(),
            str(dist.get_backend()), dist.get_backend() == dist.Backend.GLOO,
            dist.get_process_group_ranks(None), dist.group.WORLD is dist.GroupMember.WORLD,
            dist.group.WORLD.size(), dist.group.WORLD.rank(),
            type(attempt(dist.init_process_group, "gloo", init_method=_address(), rank=0,
                         world_size=1)).__name__,
            type(attempt(dist.get_rank, object())).__name__,
        )  # fmt: skip


def further_groups(torch):
    with _group(torch) as dist:
        made = dist.new_group([0])
        whole = dist.new_group()
        found = (
            dist.get_rank(made), dist.get_world_size(whole), dist.get_global_rank(made, 0),
            dist.get_group_rank(made, 0), attempt(dist.new_group, [0, 1]),
            dist.get_process_group_ranks(made), made is dist.group.WORLD,
        )  # fmt: skip
        x = torch.arange(3.0)
        dist.all_reduce(x, group=made)
        dist.destroy_process_group(made)
        return found, x


def all_reduce(torch):
    with _group(torch) as dist:
        results = []
        for name in ("SUM", "AVG", "MAX", "MIN", "PRODUCT"):
            x = torch.arange(3.0)
            results.append((dist.all_reduce(x, getattr(dist.ReduceOp, name)), x))
        bits = torch.tensor([1, 2])
        dist.all_reduce(bits, op=dist.ReduceOp.BAND)
        wrong = [
            attempt(dist.all_reduce, torch.ones(1), dist.ReduceOp.BOR),
            attempt(dist.all_reduce, 3),
            attempt(dist.all_reduce, [torch.ones(1)]),
        ]
        return results, bits, wrong


def asynchronous(torch):
    with _group(torch) as dist:
        x, out = torch.arange(3.0), [torch.zeros(3)]
        works = [
            dist.all_reduce(x, async_op=True),
            dist.broadcast(x, 0, async_op=True),
            dist.all_gather(out, x, async_op=True),
            dist.barrier(async_op=True),
        ]
        return [(w.wait(), w.is_completed()) for w in works], out, x


def gathering(torch):
    with _group(torch) as dist:
        x = torch.arange(3.0)
        out, flat, collected = [torch.zeros(3)], torch.zeros(3), [torch.zeros(3)]
        dist.all_gather(out, x)
        dist.all_gather_into_tensor(flat, x)
        dist.gather(x, collected, dst=0)
        wrong = [
            attempt(dist.all_gather, [torch.zeros(3)] * 2, x),
            attempt(dist.all_gather, [torch.zeros(2)], x),
            attempt(dist.all_gather, [torch.zeros(3).double()], x),
            attempt(dist.all_gather, torch.zeros(3), x),
            attempt(dist.all_gather_into_tensor, torch.zeros(1, 3), x),
            attempt(dist.gather, x),
            attempt(dist.gather, x, [torch.zeros(3)] * 2),
        ]
        return out, flat, collected, [type(w).__name__ for w in wrong]


def gathered_tensors_have_no_history(torch):
    with _group(torch) as dist:
        x = torch.ones(2, requires_grad=True) * 2
        out = [torch.zeros(2)]
        dist.all_gather(out, x)
        return out[0], out[0].requires_grad


def scattering(torch):
    with _group(torch) as dist:
        x = torch.arange(3.0)
        a, b, c, d = (torch.zeros(3) for _ in range(4))
        dist.scatter(a, [x], src=0)
        dist.reduce_scatter(b, [x])
        dist.all_to_all([c], [x])
        dist.all_to_all_single(d, x)
        wrong = [attempt(dist.scatter, a), attempt(dist.scatter, a, [x, x])]
        return a, b, c, d, [type(w).__name__ for w in wrong]


def one_to_all_and_all_to_one(torch):
    with _group(torch) as dist:
        x = torch.arange(3.0)
        return (
            dist.broadcast(x, src=0), dist.broadcast(x, group_src=0), dist.reduce(x, dst=0),
            attempt(dist.broadcast, x, 1), attempt(dist.broadcast, x), attempt(dist.reduce, x, 2),
            attempt(dist.send, x, 0), x,
        )  # fmt: skip


def objects(torch):
    with _group(torch) as dist:
        given = {"a": [1]}
        gathered, collected, scattered, broadcast = [None], [None], [None], [1, given]
        dist.all_gather_object(gathered, given)
        dist.gather_object(given, collected)
        dist.scatter_object_list(scattered, [given])
        dist.broadcast_object_list(broadcast, src=0)
        return (
            gathered,
            collected,
            scattered,
            broadcast,
            gathered[0] is given,
            broadcast[1] is given,
        )


def barriers(torch):
    with _group(torch) as dist:
        return dist.barrier(), dist.monitored_barrier()


def local_rank(torch):
    with _environment():
        dist = torch.distributed
        found = attempt(dist.get_node_local_rank), dist.get_node_local_rank(3)
    with _environment(LOCAL_RANK="2"):
        return found, dist.get_node_local_rank()


def the_usual_guards(torch):
    dist = torch.distributed

    def reduce_mean(value):
        if not dist.is_available() or not dist.is_initialized() or dist.get_world_size() == 1:
            return value
        raise AssertionError("there is one process")

    found = [reduce_mean(1.0)]
    with _group(torch):
        found.append(reduce_mean(2.0))
    return found


def distributed_sampler(torch):
    sampler = torch.utils.data.distributed.DistributedSampler
    without = attempt(sampler, range(5))
    with _group(torch):
        made = sampler(range(5), shuffle=False)
        return without, list(made), made.num_replicas, made.rank


def data_parallel_training(torch):
    with _group(torch) as dist:
        torch.manual_seed(0)
        model = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.BatchNorm1d(3))
        ddp = torch.nn.parallel.DistributedDataParallel(model, find_unused_parameters=False)
        optimizer = torch.optim.SGD(ddp.parameters(), 0.1)
        losses = []
        for _ in range(3):
            optimizer.zero_grad()
            loss = (ddp(torch.arange(8.0).view(4, 2)) * torch.arange(3.0)).pow(2).mean()
            loss.backward()
            dist.all_reduce(loss.detach())
            optimizer.step()
            losses.append(loss.item())
        with ddp.no_sync():
            quiet = ddp.require_backward_grad_sync
        return (
            losses, list(ddp.state_dict()), repr(ddp), ddp.module is model, ddp.device_ids,
            ddp.device, quiet, ddp.require_backward_grad_sync, ddp.dim,
            repr(ddp.load_state_dict(ddp.state_dict())),
        )  # fmt: skip


def data_parallel_mistakes(torch):
    with _group(torch):
        wrap = torch.nn.parallel.DistributedDataParallel
        return [
            attempt(wrap, torch.nn.ReLU()),
            attempt(wrap, torch.nn.Linear(1, 1).requires_grad_(False)),
            attempt(wrap, torch.nn.Linear(1, 1), device_ids=[0]),
            attempt(wrap, torch.nn.Linear(1, 1), device_ids=[0, 1]),
            attempt(wrap, torch.nn.Linear(1, 1), output_device=1),
            attempt(wrap, torch.nn.LazyLinear(1)),
        ]


def synchronized_batch_norm(torch):
    norm = torch.nn.SyncBatchNorm(2)
    x = torch.arange(12.0).view(3, 2, 2)
    found = [
        norm(x), norm.running_mean, norm.running_var, norm.num_batches_tracked,
        norm.eval()(x), attempt(norm, torch.ones(2)), attempt(norm.train(), torch.ones(1, 2)),
        attempt(torch.nn.SyncBatchNorm(0), torch.ones(2, 0)),
    ]  # fmt: skip
    with _group(torch):
        found += [attempt(norm.train(), x), norm.eval()(x)]
    return found


def converted_batch_norms(torch):
    nn = torch.nn
    model = nn.Sequential(
        nn.Conv2d(1, 2, 1), nn.BatchNorm2d(2, momentum=0.3), nn.Sequential(nn.BatchNorm1d(2)),
        nn.BatchNorm2d(2, affine=False, track_running_stats=False),
    ).eval()  # fmt: skip
    weight = model[1].weight
    made = nn.SyncBatchNorm.convert_sync_batchnorm(model)
    single = nn.SyncBatchNorm.convert_sync_batchnorm(nn.BatchNorm2d(3))
    return (
        repr(made), made is model, made[1].weight is weight, list(made.state_dict()),
        [m.training for m in made.modules()], repr(single), made[1].process_group,
    )  # fmt: skip
