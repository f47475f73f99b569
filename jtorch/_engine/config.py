"""Settings, read once from the environment, and JAX's own configuration."""

import os
import pathlib

import jax

from .memory import keep_freed_memory

TIERS = ("auto", "cold", "hot")


def _cache_directory():
    chosen = os.environ.get("JTORCH_CACHE_DIR")
    if chosen is not None:
        return chosen or None
    base = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    return str(pathlib.Path(base) / "jtorch" / "xla")


class Settings:
    """What can be tuned. Attributes may be set at run time.

    tier: "auto" compiles what repeats, "cold" never compiles whole traces, "hot" always does.
    max_nodes: pending nodes at which a trace is executed though nobody looked.
    max_bytes: bytes of inputs a pending trace may hold before it is executed.
    cache_dir: where compiled executables are kept across processes; None (or JTORCH_CACHE_DIR="")
    turns it off.
    log: "trace" prints the account of what was recorded and compiled at exit.
    """

    def __init__(self):
        self.tier = os.environ.get("JTORCH_TIER", "auto")
        if self.tier not in TIERS:
            raise ValueError(f"JTORCH_TIER must be one of {', '.join(TIERS)}, got {self.tier!r}")
        self.max_nodes = int(os.environ.get("JTORCH_MAX_NODES", "2000"))
        self.max_bytes = int(os.environ.get("JTORCH_MAX_BYTES", str(1 << 30)))
        self.cache_dir = _cache_directory()
        self.log = os.environ.get("JTORCH_LOG", "")


settings = Settings()


def configure_jax():
    """Set the JAX options jtorch relies on: 64-bit types, and the persistent compilation cache
    unless turned off.
    """
    jax.config.update("jax_enable_x64", True)
    if settings.cache_dir and not jax.config.jax_compilation_cache_dir:
        jax.config.update("jax_compilation_cache_dir", settings.cache_dir)
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.2)
        jax.config.update("jax_persistent_cache_min_entry_size_bytes", 0)


configure_jax()
keep_freed_memory()
