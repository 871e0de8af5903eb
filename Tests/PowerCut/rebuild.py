"""Rebuilds a disk as a power cut leaves it.

A disk with a volatile cache promises one thing: when a flush is done, everything that was written before it is on the
disk. Of later writes any part may be on the disk, in any order, sector by sector. So a cut consists of a point in the
recording, and of a choice among the writes between the last flush before this point and the point itself.
"""

import collections
import os
import subprocess

# `point` is the number of operations before the cut. `seed` makes the random choice repeatable.
#
# `choice` says how much survives of what was not flushed. "writes" and "sectors" choose at random. Their probability is
# also chosen at random for each cut, so that nearly nothing or nearly everything may survive too.
Cut = collections.namedtuple("Cut", "point choice seed")


def choose_cuts(start, end, count, random):
    """Returns `count` cuts from `start` to `end`, ordered by their points.

    The end, where everything was promised, is always among them; the others are a random sample.
    """
    last = [Cut(end, "none", 0), Cut(end, "all", 0)]
    tries = max(1, count // (2 * (end - start + 1)))
    others = []
    for point in range(start, end + 1):
        if point != end:
            others += [Cut(point, "none", 0), Cut(point, "all", 0)]
        for choice in ["writes", "sectors"]:
            others += [Cut(point, choice, random.getrandbits(32)) for _ in range(tries)]
    random.shuffle(others)
    return sorted((last + others)[:count])


class Disk:
    """An image that is brought forward through the recording, from cut to cut."""

    def __init__(self, image, operations, sector):
        """`image` is the disk before the first operation; it will be changed."""
        self.image = image
        self.operations = operations
        self.sector = sector
        # Every write before this index was flushed and is in the image.
        self.settled = 0

    def survivors(self, cut, random):
        """Returns the pieces of unflushed data that survive the cut: (offset, octets)."""
        chance = random.choice([0.1, 0.3, 0.5, 0.7, 0.9])
        for operation in self.operations[self.settled : cut.point]:
            if cut.choice == "all":
                yield operation.offset, operation.data
            elif cut.choice == "writes":
                if random.random() < chance:
                    yield operation.offset, operation.data
            elif cut.choice == "sectors":
                for start in range(0, len(operation.data), self.sector):
                    if random.random() < chance:
                        end = start + self.sector
                        yield operation.offset + start, operation.data[start:end]

    def copy_at(self, cut, path, random):
        """Writes the disk after `cut` to `path`. The cuts must be given in the order of their points."""
        flush = max(
            (i for i in range(self.settled, cut.point) if self.operations[i].is_flush),
            default=None,
        )
        if flush is not None:
            with open(self.image, "r+b", buffering=0) as file:
                for operation in self.operations[self.settled : flush]:
                    os.pwrite(file.fileno(), operation.data, operation.offset)
            self.settled = flush + 1
        # Most of an image is holes. cp keeps them, and shutil does not.
        subprocess.run(["cp", "--sparse=auto", self.image, path], check=True)
        with open(path, "r+b", buffering=0) as file:
            for offset, octets in self.survivors(cut, random):
                os.pwrite(file.fileno(), octets, offset)
