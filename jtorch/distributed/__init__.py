"""`torch.distributed`: not available yet; code that asks before it uses it works."""

import datetime


def is_available():
    """False: process groups are not supported yet."""
    return False


def is_initialized():
    """False."""
    return False


def is_torchelastic_launched():
    """False."""
    return False


def is_nccl_available():
    """False."""
    return False


is_gloo_available = is_mpi_available = is_nccl_available


def _unsupported(name):
    def function(*args, **kwargs):
        raise NotImplementedError(
            f"torch.distributed.{name} is not supported by jtorch; one process uses all of its "
            "devices through JAX"
        )

    function.__name__ = name
    function.__doc__ = "Not supported."
    return function


_NAMES = """
    init_process_group destroy_process_group new_group barrier broadcast all_reduce reduce
    all_gather gather scatter reduce_scatter all_to_all send recv isend irecv all_gather_object
    broadcast_object_list all_gather_into_tensor reduce_scatter_tensor gather_object
    scatter_object_list all_to_all_single get_backend monitored_barrier
"""

for _name in _NAMES.split():
    globals()[_name] = _unsupported(_name)


def get_rank(group=None):
    """Not initialised: torch's ValueError."""
    raise ValueError(
        "Default process group has not been initialized, please make sure to call "
        "init_process_group."
    )


get_world_size = get_rank


class ProcessGroup:
    """A group of processes; there are none."""


class ReduceOp:
    """Names of reductions."""

    SUM, AVG, PRODUCT, MIN, MAX, BAND, BOR, BXOR = range(8)


class group:
    """The default group."""

    WORLD = None


GroupMember = group
default_pg_timeout = datetime.timedelta(minutes=30)
