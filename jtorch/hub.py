"""`torch.hub`: weights from files; nothing is downloaded."""

import os
import pathlib

from . import serialization

_dir = [None]


def get_dir():
    """The folder in which downloaded files are looked for."""
    home = (
        os.environ.get("TORCH_HOME")
        or pathlib.Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser() / "torch"
    )
    return _dir[0] or str(pathlib.Path(home) / "hub")


def _get_torch_home():
    return os.path.dirname(get_dir())


def set_dir(d):
    """Set that folder."""
    _dir[0] = os.path.expanduser(d)


def load_state_dict_from_url(
    url,
    model_dir=None,
    map_location=None,
    progress=True,
    check_hash=False,
    file_name=None,
    weights_only=True,
):
    """The checkpoint of that name from the checkpoint folder. Raises FileNotFoundError when it is
    not there.
    """
    folder = pathlib.Path(model_dir or pathlib.Path(get_dir()) / "checkpoints")
    path = folder / (file_name or url.split("?")[0].rsplit("/", 1)[-1])
    if not path.exists():
        raise FileNotFoundError(
            f"{path} does not exist, and jtorch downloads nothing: fetch {url} and put it there"
        )
    return serialization.load(path, map_location=map_location, weights_only=weights_only)


def load(repo_or_dir, model, *args, **kwargs):
    """Not supported."""
    raise NotImplementedError(
        "torch.hub.load is not supported by jtorch; install the package that defines the model"
    )


def download_url_to_file(url, dst, hash_prefix=None, progress=True):
    """Not supported."""
    raise NotImplementedError(
        "torch.hub.download_url_to_file is not supported by jtorch; use urllib.request.urlretrieve"
    )
