"""Collective communication among the processes of a group: with one process, every result is what
this process puts in.
"""

import enum
import pickle

from .._engine.tensor import Tensor
from .._engine.trace import synchronize
from ..autograd import no_grad
from . import _groups

__all__ = [
    "P2POp",
    "ReduceOp",
    "Work",
    "all_gather",
    "all_gather_into_tensor",
    "all_gather_object",
    "all_gather_single",
    "all_reduce",
    "all_reduce_coalesced",
    "all_to_all",
    "all_to_all_single",
    "barrier",
    "broadcast",
    "broadcast_object_list",
    "gather",
    "gather_object",
    "irecv",
    "isend",
    "monitored_barrier",
    "recv",
    "reduce",
    "reduce_scatter",
    "reduce_scatter_single",
    "reduce_scatter_tensor",
    "scatter",
    "scatter_object_list",
    "send",
]


class _RedOpType(enum.IntEnum):
    SUM = 0
    AVG = 1
    PRODUCT = 2
    MIN = 3
    MAX = 4
    BAND = 5
    BOR = 6
    BXOR = 7
    PREMUL_SUM = 8

    def __repr__(self):
        return f"<RedOpType.{self.name}: {self.value}>"


class ReduceOp:
    """The reductions that collectives can make."""

    RedOpType = _RedOpType
    SUM, AVG, PRODUCT, MIN, MAX, BAND, BOR, BXOR, PREMUL_SUM = _RedOpType


class Work:
    """A collective that was asked for with `async_op=True`. It is done already."""

    __module__ = "torch.distributed"

    def __init__(self, tensors=()):
        self._tensors = list(tensors)

    def wait(self, timeout=None):
        """True: there is nothing to wait for."""
        return True

    def is_completed(self):
        """True."""
        return True

    is_success = is_completed

    def result(self):
        """The tensors of the result."""
        return self._tensors

    def exception(self):
        """None: nothing went wrong."""

    def synchronize(self):
        """Nothing to wait for."""


class P2POp:
    """One sending or receiving of `batch_isend_irecv`."""

    def __init__(self, op, tensor, peer=None, group=None, tag=0, group_peer=None):
        self.op = op
        self.tensor = tensor
        self.peer = peer
        self.group = group
        self.tag = tag
        self.group_peer = group_peer


# ---- checks ----


def _check_tensor(value, name):
    if not isinstance(value, Tensor):
        raise TypeError(
            f"Invalid function argument. Expected parameter `{name}` of type torch.Tensor\n"
            f"             but got {type(value)} instead."
        )


def _check_tensors(value, name):
    if not isinstance(value, list) or not all(isinstance(t, Tensor) for t in value):
        raise TypeError(
            f"Invalid function argument. Expected parameter `{name}` of type List[torch.Tensor]\n"
            f"             but got {type(value)} instead."
        )


def _check_dtypes(*tensors):
    for t in tensors:
        if t.dtype != tensors[0].dtype:
            raise ValueError(
                "Invalid usage of tensors with different dtypes"
                f"Found {tensors[0].dtype} and  {t.dtype}"
            )


def _check_op(op, tensor):
    if op in (ReduceOp.BAND, ReduceOp.BOR, ReduceOp.BXOR) and (
        tensor.is_floating_point() or tensor.is_complex()
    ):
        raise RuntimeError(f"Cannot use ReduceOp.{_RedOpType(op).name} with non-integral dtype")


def _check_list(tensors, tensor, what):
    """One tensor for each process, of the shape and dtype of this process's own."""
    if len(tensors) != 1:
        raise RuntimeError(
            f"{what}: invalid tensor list (expected length 1, the size of the process group, got "
            f"{len(tensors)})"
        )
    _check_size(tensors[0], tensor, what)


def _check_size(out, tensor, what):
    if out.shape != tensor.shape:
        raise RuntimeError(
            f"{what}: invalid tensor size at index 0 (expected {tuple(tensor.shape)}, got "
            f"{tuple(out.shape)})"
        )


def _root(rank, group_rank, what):
    """A peer given by either of its ranks, which must be that of this process."""
    if rank is None and group_rank is None:
        raise ValueError("Must specify global_rank or group_rank")
    if rank is not None and group_rank is not None:
        raise ValueError("Can't specify both group_rank and global_rank")
    found = group_rank if rank is None else rank
    if found != 0:
        raise RuntimeError(f"{what}: invalid root rank: {found}")


def _optional_root(rank, group_rank, what):
    if rank is not None or group_rank is not None:
        _root(rank, group_rank, what)


def _fill(out, tensor):
    with no_grad():
        out.detach().copy_(tensor)


def _done(async_op, *tensors):
    return Work(tensors) if async_op else None


# ---- tensors ----


def all_reduce(tensor, op=ReduceOp.SUM, group=None, async_op=False):
    """Reduce `tensor` over all processes, in place."""
    _check_tensor(tensor, "tensor")
    if _groups._member(group) is None:
        return None
    _check_op(op, tensor)
    return _done(async_op, tensor)


def all_reduce_coalesced(tensors, op=ReduceOp.SUM, group=None, async_op=False):
    """Reduce each of several tensors over all processes, in place."""
    tensors = [tensors] if isinstance(tensors, Tensor) else tensors
    _check_tensors(tensors, "tensor")
    _check_dtypes(*tensors)
    if _groups._member(group) is None:
        return None
    for t in tensors:
        _check_op(op, t)
    return _done(async_op, *tensors)


def broadcast(tensor, src=None, group=None, async_op=False, group_src=None):
    """Give every process the tensor of process `src`."""
    _check_tensor(tensor, "tensor")
    if _groups._member(group) is None:
        return None
    _root(src, group_src, "broadcast")
    return _done(async_op, tensor)


def reduce(tensor, dst=None, op=ReduceOp.SUM, group=None, async_op=False, group_dst=None):
    """Reduce over all processes; the result goes to process `dst`."""
    _check_tensor(tensor, "tensor")
    if _groups._member(group) is None:
        return None
    _root(dst, group_dst, "reduce")
    _check_op(op, tensor)
    return _done(async_op, tensor)


def all_gather(tensor_list, tensor, group=None, async_op=False):
    """Give every process the tensors of all, in `tensor_list`."""
    _check_tensors(tensor_list, "tensor_list")
    _check_tensor(tensor, "tensor")
    _check_dtypes(*tensor_list, tensor)
    if _groups._member(group) is None:
        return None
    _check_list(tensor_list, tensor, "allgather")
    _fill(tensor_list[0], tensor)
    return _done(async_op, tensor_list)


def all_gather_into_tensor(output_tensor, input_tensor, group=None, async_op=False):
    """Give every process the tensors of all, one after the other in one tensor."""
    _check_tensor(input_tensor, "input_tensor")
    _check_tensor(output_tensor, "output_tensor")
    _check_dtypes(output_tensor, input_tensor)
    if _groups._member(group) is None:
        return None
    _check_size(output_tensor, input_tensor, "allgather")
    _fill(output_tensor, input_tensor)
    return _done(async_op, output_tensor)


all_gather_single = all_gather_into_tensor


def gather(tensor, gather_list=None, dst=None, group=None, async_op=False, group_dst=None):
    """Collect the tensors of all processes in `gather_list` of process `dst` (by default 0)."""
    _check_tensor(tensor, "tensor")
    if gather_list:
        _check_tensors(gather_list, "gather_list")
        _check_dtypes(*gather_list, tensor)
    if _groups._member(group) is None:
        return None
    _optional_root(dst, group_dst, "gather")
    if not gather_list:
        raise ValueError("Argument ``gather_list`` must be specified on destination rank.")
    _check_list(gather_list, tensor, "gather")
    _fill(gather_list[0], tensor)
    return _done(async_op, gather_list)


def scatter(tensor, scatter_list=None, src=None, group=None, async_op=False, group_src=None):
    """Put into `tensor` this process's part of `scatter_list` of process `src` (by default 0)."""
    _check_tensor(tensor, "tensor")
    if scatter_list:
        _check_tensors(scatter_list, "scatter_list")
        _check_dtypes(*scatter_list, tensor)
    if _groups._member(group) is None:
        return None
    _optional_root(src, group_src, "scatter")
    if not scatter_list:
        raise ValueError("Argument ``scatter_list`` must be specified on source rank.")
    _check_list(scatter_list, tensor, "scatter")
    _fill(tensor, scatter_list[0])
    return _done(async_op, tensor)


def reduce_scatter(output, input_list, op=ReduceOp.SUM, group=None, async_op=False):
    """Reduce a list of tensors over all processes; each gets its own part."""
    _check_tensor(output, "output")
    _check_tensors(input_list, "input_list")
    _check_dtypes(output, *input_list)
    if _groups._member(group) is None:
        return None
    _check_list(input_list, output, "reduce_scatter")
    _check_op(op, output)
    _fill(output, input_list[0])
    return _done(async_op, output)


def reduce_scatter_tensor(output, input, op=ReduceOp.SUM, group=None, async_op=False):
    """The same with all parts in one tensor."""
    _check_tensor(output, "output")
    _check_tensor(input, "input")
    _check_dtypes(output, input)
    if _groups._member(group) is None:
        return None
    _check_size(output, input, "reduce_scatter")
    _check_op(op, output)
    _fill(output, input)
    return _done(async_op, output)


reduce_scatter_single = reduce_scatter_tensor


def all_to_all(output_tensor_list, input_tensor_list, group=None, async_op=False):
    """Send the k-th tensor to process k; receive one from each."""
    _check_tensors(output_tensor_list, "output_tensor_list")
    _check_tensors(input_tensor_list, "input_tensor_list")
    _check_dtypes(*output_tensor_list, *input_tensor_list)
    if _groups._member(group) is None:
        return None
    _check_list(input_tensor_list, output_tensor_list[0], "all_to_all")
    _fill(output_tensor_list[0], input_tensor_list[0])
    return _done(async_op, *output_tensor_list)


def all_to_all_single(
    output, input, output_split_sizes=None, input_split_sizes=None, group=None, async_op=False
):
    """The same with all parts in one tensor."""
    _check_tensor(output, "output")
    _check_tensor(input, "input")
    _check_dtypes(output, input)
    if _groups._member(group) is None:
        return None
    _check_size(output, input, "all_to_all")
    _fill(output, input)
    return _done(async_op, output)


# ---- objects ----


def _copied(obj):
    """What arrives at a process: never the object itself."""
    return pickle.loads(pickle.dumps(obj))


def all_gather_object(object_list, obj, group=None):
    """Give every process the objects of all, in `object_list`."""
    if _groups._member(group) is not None:
        object_list[0] = _copied(obj)


def gather_object(obj, object_gather_list=None, dst=None, group=None, group_dst=None):
    """Collect the objects of all processes in the list of process `dst` (by default 0)."""
    if _groups._member(group) is None:
        return
    _optional_root(dst, group_dst, "gather_object")
    if not object_gather_list:
        raise ValueError("Argument ``object_gather_list`` must be specified on destination rank.")
    object_gather_list[0] = _copied(obj)


def broadcast_object_list(object_list, src=None, group=None, device=None, group_src=None):
    """Give every process the objects of process `src`."""
    if _groups._member(group) is not None:
        _root(src, group_src, "broadcast")


def scatter_object_list(
    scatter_object_output_list, scatter_object_input_list=None, src=None, group=None, group_src=None
):
    """Put into the first list this process's part of the second one of process `src`."""
    if not isinstance(scatter_object_output_list, list) or not scatter_object_output_list:
        raise ValueError(
            "Expected argument scatter_object_output_list to be a list of size at least 1."
        )
    if _groups._member(group) is None:
        return
    _optional_root(src, group_src, "scatter")
    if scatter_object_input_list is None:
        raise ValueError("source rank must provide non-None scatter_object_input_list")
    scatter_object_output_list[0] = _copied(scatter_object_input_list[0])


# ---- waiting, and one process to another ----


def barrier(group=None, async_op=False, device_ids=None, timeout=None):
    """Wait for all processes: for this one's own work."""
    if _groups._member(group) is None:
        return None
    synchronize()
    return _done(async_op)


def monitored_barrier(group=None, timeout=None, wait_all_ranks=False):
    """Wait for all processes."""
    if _groups._member(group) is not None:
        synchronize()


def _to_itself(kind):
    raise ValueError(
        f"Invalid {kind} rank: {kind} rank should not be the same as the rank of the current "
        "process."
    )


def send(tensor, dst=None, group=None, tag=0, group_dst=None):
    """Send a tensor to another process. Raises ValueError: there is no other."""
    _check_tensor(tensor, "tensor")
    if _groups._member(group) is not None:
        _root(dst, group_dst, "send")
        _to_itself("destination")


def recv(tensor, src=None, group=None, tag=0, group_src=None):
    """Receive a tensor from another process. Raises ValueError: there is no other."""
    _check_tensor(tensor, "tensor")
    if _groups._member(group) is None:
        return -1
    _optional_root(src, group_src, "recv")
    _to_itself("source")


isend = send
irecv = recv
