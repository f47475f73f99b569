"""The zip container of PyTorch's checkpoint files: records in one folder, uncompressed, aligned to
64 bytes.
"""

import io
import os
import struct
import zipfile

import numpy as np

ALIGNMENT = 64
_LOCAL_HEADER = 30  # bytes before the name in a zip's local file header
_EXTRA_HEADER = struct.Struct("<2sH")
_MAGIC = b"PK\x03\x04"
# Records this large get a zip64 field, which Python's zipfile puts in front of ours.
_ZIP64_LIMIT = 1 << 31
_ZIP64_FIELD = 20
_NEWEST_VERSION = 10


# Files in which an earlier place can surely be written to again. Others may say they can seek and
# mean reading (gzip), or count from somewhere else.
_REWRITABLE = (io.BytesIO, io.BufferedWriter, io.BufferedRandom, io.FileIO)


class _Forward:
    """A file that is only written to, from here on; records then carry their sizes behind them."""

    def __init__(self, file):
        self.write = file.write
        self.flush = getattr(file, "flush", lambda: None)


class ArchiveWriter:
    """Writes records; `name` is the folder they are in."""

    def __init__(self, file, name):
        if not isinstance(file, _REWRITABLE):
            file = _Forward(file)
        self._zip = zipfile.ZipFile(file, "w", zipfile.ZIP_STORED, allowZip64=True)
        self._name = name

    def write(self, record, data):
        """Add a record of bytes, or of a NumPy array's memory."""
        view = memoryview(data).cast("B") if isinstance(data, bytes) else _bytes_of(data)
        info = zipfile.ZipInfo(f"{self._name}/{record}")
        info.file_size = len(view)
        info.extra = self._padding(info)
        with self._zip.open(info, "w", force_zip64=len(view) >= _ZIP64_LIMIT) as out:
            out.write(view)

    def _padding(self, info):
        """An extra field that moves the data to a multiple of the alignment."""
        start = (
            self._zip.fp.tell() + _LOCAL_HEADER + len(info.filename.encode()) + _EXTRA_HEADER.size
        )
        if info.file_size >= _ZIP64_LIMIT:
            start += _ZIP64_FIELD
        fill = -start % ALIGNMENT
        return _EXTRA_HEADER.pack(b"FB", fill) + b"Z" * fill

    def close(self):
        """Write the directory."""
        self._zip.close()


def _bytes_of(array):
    return memoryview(np.ascontiguousarray(array).reshape(-1).view(np.uint8))


def _damaged(what, why):
    return RuntimeError(
        f"PytorchStreamReader failed {what}: {why}. The file is damaged, or was not written by "
        "torch.save."
    )


class ArchiveReader:
    """Reads records. Raises RuntimeError for whatever is wrong with the file."""

    def __init__(self, file):
        self._file = file
        try:
            self._zip = zipfile.ZipFile(file)
            entries = self._zip.infolist()
        except (
            zipfile.BadZipFile,
            NotImplementedError,
            ValueError,
            struct.error,
            OSError,
            EOFError,
        ) as e:
            raise _damaged("reading zip archive", "failed finding central directory") from e
        if not entries:
            raise _damaged("reading zip archive", "the archive is empty")
        self._name, slash, _ = entries[0].filename.partition("/")
        if not slash:
            raise RuntimeError(f"file in archive is not in a subdirectory: {entries[0].filename}")
        self._check_version()

    def _check_version(self):
        if not self.has("version"):
            raise RuntimeError('Expected hasRecord("version") to be true, but got false.')
        text = self.read("version").decode("ascii", "replace").strip()
        if not text.isdigit():
            raise RuntimeError(f"Couldn't parse the version {text} as Long Long.")
        if int(text) > _NEWEST_VERSION:
            raise RuntimeError(
                f"Attempted to read a PyTorch file with version {text}, but the maximum supported "
                "version for reading is "
                f"{_NEWEST_VERSION}."
            )

    def has(self, record):
        """True when there is such a record."""
        return f"{self._name}/{record}" in self._zip.NameToInfo

    def read(self, record):
        """The bytes of a record, checked against their checksum."""
        info = self._info(record)
        try:
            return self._zip.read(info)
        except (
            zipfile.BadZipFile,
            NotImplementedError,
            ValueError,
            struct.error,
            OSError,
            EOFError,
            RuntimeError,
        ) as e:
            raise _damaged(f"reading file {record}", str(e) or "file read failed") from e
        except MemoryError as e:
            raise _damaged(f"reading file {record}", "not enough memory") from e

    def _info(self, record):
        try:
            return self._zip.getinfo(f"{self._name}/{record}")
        except KeyError:
            raise _damaged(f"locating file {record}", "file not found") from None

    def map(self, record, path):
        """The bytes of a record of the file at `path` as an array that reads the file when looked
        at.
        """
        info = self._info(record)
        with open(path, "rb") as f:
            f.seek(info.header_offset)
            header = f.read(_LOCAL_HEADER)
        if (
            len(header) < _LOCAL_HEADER
            or header[:4] != _MAGIC
            or info.compress_type != zipfile.ZIP_STORED
        ):
            raise _damaged(f"reading file {record}", "invalid header")
        name, extra = struct.unpack("<HH", header[26:])
        start = info.header_offset + _LOCAL_HEADER + name + extra
        if start + info.file_size > os.path.getsize(path):
            raise _damaged(f"reading file {record}", "the file is too short")
        if info.file_size == 0:
            return np.zeros(0, np.uint8)
        return np.memmap(path, np.uint8, "c", start, (info.file_size,))


def is_archive(file):
    """True when the open file begins as a zip does; the position stays."""
    at = file.tell()
    start = file.read(len(_MAGIC))
    file.seek(at)
    return start == _MAGIC
