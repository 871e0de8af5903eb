"""A disk that remembers: one file, served through FUSE, whose writes and flushes are recorded.

A loop device on this file turns the requests of a file system into calls: a write becomes a write, and a cache flush
(REQ_FLUSH, and what the block layer makes of REQ_FUA) becomes an fsync. One thread serves the calls, so the recording has
them in the order in which they were done. A call is recorded before it is answered. So when a program continues after a
flush, the flush is in the recording already.

The recording consists of two files. The index has one entry of fixed size for each operation, so the number of operations
follows from its size. The other file contains the written octets, one operation after the other.
"""

import collections
import ctypes
import errno
import os
import signal
import stat
import struct
import sys

ENTRY = struct.Struct("=QQQ")
WRITE, FLUSH = 1, 2

# `data` is empty for a flush.
Operation = collections.namedtuple("Operation", "is_flush offset data")


class Recording:
    """Reads from another process what the recorder has written so far."""

    def __init__(self, folder):
        self.index_path = os.path.join(folder, "index")
        self.data_path = os.path.join(folder, "data")

    def length(self):
        """The number of operations so far."""
        return os.stat(self.index_path).st_size // ENTRY.size

    def operations(self, length):
        """The first `length` operations."""
        result = []
        with open(self.index_path, "rb") as index, open(self.data_path, "rb") as data:
            for _ in range(length):
                kind, offset, size = ENTRY.unpack(index.read(ENTRY.size))
                result.append(Operation(kind == FLUSH, offset, data.read(size)))
        return result


def serve(mount_point, image, recording):
    """Serves `image` as the file "disk" in `mount_point` until this is unmounted."""
    # The name of the module in Debian; elsewhere it is called "fuse".
    import fusepy

    disk = os.open(image, os.O_RDWR)
    new = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL
    index, data = os.open(recording.index_path, new), os.open(recording.data_path, new)
    size = os.fstat(disk).st_size

    class Recorder(fusepy.Operations):
        def getattr(self, path, fh=None):
            if path == "/":
                return {"st_mode": stat.S_IFDIR | 0o700, "st_nlink": 2}
            if path == "/disk":
                return {"st_mode": stat.S_IFREG | 0o600, "st_nlink": 1, "st_size": size}
            raise fusepy.FuseOSError(errno.ENOENT)

        def readdir(self, path, fh):
            return [".", "..", "disk"]

        def read(self, path, length, offset, fh):
            return os.pread(disk, length, offset)

        def write(self, path, octets, offset, fh):
            if os.write(data, octets) != len(octets):
                raise fusepy.FuseOSError(errno.ENOSPC)
            os.write(index, ENTRY.pack(WRITE, offset, len(octets)))
            return os.pwrite(disk, octets, offset)

        def fsync(self, path, datasync, fh):
            os.write(index, ENTRY.pack(FLUSH, 0, 0))
            return 0

    # `nothreads` keeps the recording in order. FUSE's write-back cache would delay writes, but libfuse 2 does not use it.
    # So a write arrives here before the loop device learns that it is done.
    fusepy.FUSE(Recorder(), mount_point, foreground=True, nothreads=True, big_writes=True)


if __name__ == "__main__":
    # Ends this process when the prover ends, however that happens.
    PR_SET_PDEATHSIG = 1
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    serve(sys.argv[1], sys.argv[2], Recording(sys.argv[3]))
