"""Process groups of one process: the default group, groups made from it, who is in them."""

import os

from .._engine import device as devices

__all__ = [
    "Backend",
    "GroupMember",
    "ProcessGroup",
    "destroy_process_group",
    "get_backend",
    "get_default_backend_for_device",
    "get_global_rank",
    "get_group_rank",
    "get_node_local_rank",
    "get_process_group_ranks",
    "get_rank",
    "get_world_size",
    "group",
    "init_process_group",
    "is_available",
    "is_backend_available",
    "is_gloo_available",
    "is_initialized",
    "is_mpi_available",
    "is_nccl_available",
    "is_torchelastic_launched",
    "is_ucc_available",
    "is_xccl_available",
    "new_group",
]

NOT_INITIALIZED = (
    "Default process group has not been initialized, please make sure to call init_process_group."
)


class Backend(str):
    """The name of a means of communication; always in small letters."""

    UNDEFINED = "undefined"
    GLOO = "gloo"
    NCCL = "nccl"
    UCC = "ucc"
    MPI = "mpi"
    XCCL = "xccl"
    FAKE = "fake"
    backend_list = [UNDEFINED, GLOO, NCCL, XCCL, UCC, MPI, FAKE]

    def __new__(cls, name):
        if not isinstance(name, str):
            raise ValueError("Backend constructor parameter must be string-ish")
        return super().__new__(cls, name.lower())


class ProcessGroup:
    """The processes that communicate with one another; here one, of rank 0."""

    __module__ = "torch.distributed"

    def __init__(self, backend, name, description):
        self._backend = backend
        self.group_name = name
        self.group_desc = description
        self.bound_device_id = None

    def rank(self):
        """The rank of this process in the group."""
        return 0

    def size(self):
        """The number of processes."""
        return 1

    def name(self):
        """The name of the backend."""
        return str(self._backend)


class _GroupMeta(type):
    """`group.WORLD` is the default group, whatever it is at the moment."""

    @property
    def WORLD(cls):
        return _state["default"]

    @WORLD.setter
    def WORLD(cls, value):
        _state["default"] = value


class group(metaclass=_GroupMeta):
    """The default group, as `group.WORLD`."""


class GroupMember(metaclass=_GroupMeta):
    """The default group, and what a process gets that is not in a group."""

    NON_GROUP_MEMBER = -100


_state = {"default": None, "groups": []}


# ---- what is there ----


def is_available():
    """False, though there are groups of one process: a library that sees True goes on to import
    what is for several (DTensor, FSDP, ...), and that is not here.
    """
    return False


def is_initialized():
    """True between `init_process_group` and `destroy_process_group`."""
    return _state["default"] is not None


def is_nccl_available():
    """True when JAX has a GPU: it then does what NCCL does."""
    return bool(devices.platform_devices("cuda"))


def is_gloo_available():
    """True."""
    return True


def is_mpi_available():
    """False."""
    return False


def is_ucc_available():
    """False."""
    return False


def is_xccl_available():
    """False."""
    return False


def is_torchelastic_launched():
    """True when a launcher that restarts processes started this one."""
    return "TORCHELASTIC_RUN_ID" in os.environ


def is_backend_available(backend):
    """True when `init_process_group` takes this backend."""
    known = {"gloo": True, "nccl": is_nccl_available()}
    return known.get(backend.lower(), False)


def get_default_backend_for_device(device):
    """The backend for tensors on a device. Raises ValueError for other devices."""
    kind = devices.device(device).type
    found = {"cpu": "gloo", "cuda": "nccl", "xla": "gloo"}.get(kind)
    if found is None:
        raise ValueError(f"Default backend not registered for device : {device}")
    return found


# ---- making and unmaking groups ----


def init_process_group(
    backend=None,
    init_method=None,
    timeout=None,
    world_size=-1,
    rank=-1,
    store=None,
    group_name="",
    pg_options=None,
    device_id=None,
    _ranks=None,
):
    """Make the default group of this one process.

    world_size and rank come from the arguments, from the query of `init_method`, or, with
    `env://`, from the variables WORLD_SIZE and RANK. Raises ValueError when they are missing or
    the group exists already, RuntimeError for a backend that is not there, NotImplementedError
    for several processes: one process uses all of its devices through JAX.
    """
    if is_initialized():
        raise ValueError("trying to initialize the default process group twice!")
    backend = Backend(backend or "undefined")
    if store is None:
        rank, world_size = _rendezvous(init_method or "env://", rank, world_size)
    elif world_size <= 0 or rank < 0:
        raise ValueError("both world_size and rank must be specified when store is given")
    if world_size > 1:
        raise NotImplementedError(
            f"torch.distributed.init_process_group: {world_size} processes are not supported by "
            "jtorch; one process uses all of its devices through JAX (jax.sharding)"
        )
    _check_backend(backend)
    made = ProcessGroup(backend, group_name or "0", "default_pg")
    made.bound_device_id = device_id
    _state["default"] = made
    _state["groups"] = [made]


def _rendezvous(init_method, rank, world_size):
    scheme, _, rest = init_method.partition("://")
    query = dict(part.split("=", 1) for part in rest.partition("?")[2].split("&") if "=" in part)
    rank = int(query.get("rank", rank))
    world_size = int(query.get("world_size", world_size))
    if scheme == "env":
        return _from_environment(rank, world_size)
    if scheme not in ("tcp", "file"):
        raise RuntimeError(f"No rendezvous handler for {scheme}://")
    for what, value in (("rank", rank), ("world size", world_size)):
        if value < 0:
            raise ValueError(
                f"Error initializing torch.distributed using {scheme}:// rendezvous: "
                f"{what} parameter missing"
            )
    return rank, world_size


def _from_environment(rank, world_size):
    values = {"RANK": rank, "WORLD_SIZE": world_size, "MASTER_ADDR": -1, "MASTER_PORT": -1}
    for name, value in values.items():
        if value != -1:
            continue
        if name not in os.environ:
            raise ValueError(
                "Error initializing torch.distributed using env:// rendezvous: environment "
                f"variable {name} expected, but not set"
            )
        values[name] = os.environ[name]
    return int(values["RANK"]), int(values["WORLD_SIZE"])


def _check_backend(backend):
    # "cpu:gloo,cuda:nccl" names one for each kind of device.
    for part in backend.split(","):
        name = part.rpartition(":")[2]
        if name in ("nccl", "ucc", "xccl", "mpi") and not is_backend_available(name):
            raise RuntimeError(f"Distributed package doesn't have {name.upper()} built in")
        if name not in Backend.backend_list:
            raise AssertionError(f"Unknown backend type {name}")


def destroy_process_group(group=None):
    """Forget a group; the default one with all others."""
    if group is GroupMember.NON_GROUP_MEMBER:
        return
    if group is None or group is _state["default"]:
        if not is_initialized():
            raise AssertionError("Process group cannot be None")
        _state["default"], _state["groups"] = None, []
        return
    _check_registered(group)
    _state["groups"].remove(group)


def new_group(
    ranks=None,
    timeout=None,
    backend=None,
    pg_options=None,
    use_local_synchronization=False,
    group_desc=None,
    device_id=None,
    sort_ranks=True,
):
    """A group of some of the processes: of the one there is.

    Raises ValueError for ranks that do not exist.
    """
    world = _get_default_group()
    ranks = [0] if ranks is None else list(ranks)
    if len(ranks) > 1:
        raise ValueError(
            "the new group's world size should be less or equal to the world size set by "
            "init_process_group"
        )
    if ranks != [0]:
        raise ValueError("The new group's rank should be within the world_size set by "
                         "init_process_group")  # fmt: skip
    chosen = world._backend if backend is None else Backend(backend)
    _check_backend(chosen)
    made = ProcessGroup(chosen, str(len(_state["groups"])), group_desc or "undefined")
    _state["groups"].append(made)
    return made


# ---- looking at groups ----


def _get_default_group():
    """The default group. Raises ValueError when there is none."""
    if not is_initialized():
        raise ValueError(NOT_INITIALIZED)
    return _state["default"]


def _check_registered(group):
    if group not in _state["groups"]:
        raise ValueError(
            f"Group {group} is not registered, please create group with "
            "torch.distributed.new_group API"
        )


def _member(group):
    """The group meant (None: the default one); None when this process is not in it."""
    world = _get_default_group()
    if group is None:
        return world
    if group is GroupMember.NON_GROUP_MEMBER:
        return None
    _check_registered(group)
    return group


def get_rank(group=None):
    """The rank of this process; -1 when it is not in the group."""
    return -1 if _member(group) is None else 0


def get_world_size(group=None):
    """The number of processes; -1 when this one is not in the group."""
    return -1 if _member(group) is None else 1


def get_backend(group=None):
    """The backend of a group."""
    found = _member(group)
    if found is None:
        raise ValueError("Invalid process group specified")
    return found._backend


def get_global_rank(group, group_rank):
    """The rank in the default group of a member of a group."""
    if group is not GroupMember.WORLD:
        _check_registered(group)
    if group_rank != 0:
        raise ValueError(f"Group rank {group_rank} is not part of group {group}")
    return 0


def get_group_rank(group, global_rank):
    """The rank in a group of a process of the default group."""
    if group is not GroupMember.WORLD:
        _check_registered(group)
    if global_rank != 0:
        raise ValueError(f"Global rank {global_rank} is not part of group {group}")
    return 0


def get_process_group_ranks(group):
    """The ranks in the default group of a group's members."""
    _member(group)
    return [0]


def get_node_local_rank(fallback_rank=None):
    """LOCAL_RANK of the environment, or the given number. Raises RuntimeError without either."""
    if "LOCAL_RANK" in os.environ:
        return int(os.environ["LOCAL_RANK"])
    if fallback_rank is not None:
        return int(fallback_rank)
    raise RuntimeError(
        "LOCAL_RANK is not in the environment. Consider passing fallback_rank to allow "
        "`get_node_local_rank` to work, assuming you are not running in a multi-device context "
        "and want the code to run locally instead."
    )
