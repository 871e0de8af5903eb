"""Rebuilds a disk as a power cut leaves it.

A disk with a volatile cache promises one thing: what was written before a flush is there once the
flush is done. Of what was written since, any part may have reached the platter, in any order, a
sector at a time. So a cut is a point in the recording and a choice among the writes between the
last flush before that point and the point.
"""

import collections
import os
import subprocess

# `point` operations were done; `seed` makes the random choice repeatable.
#
# `choice` is how much of what was not flushed survives. "writes" and "sectors" choose at random,
# with a chance that is itself chosen for each cut, so that nearly nothing and nearly all come too.
Cut = collections.namedtuple("Cut", "point choice seed")


def choose_cuts(start, end, count, random):
    """`count` cuts from `start` to `end`, with their points in order.

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
    """An image that is taken forward through the recording, from cut to cut."""

    def __init__(self, image, operations, sector):
        """`image` is the disk before the first operation; it is changed."""
        self.image = image
        self.operations = operations
        self.sector = sector
        # Every write before this index is in the image, and was flushed.
        self.settled = 0

    def survivors(self, cut, random):
        """The unflushed pieces of data that are on the disk all the same: (offset, octets)."""
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
        """Makes `path` the disk after `cut`. Cuts must come with their points in order."""
        flush = max(
            (i for i in range(self.settled, cut.point) if self.operations[i].is_flush),
            default=None,
        )
        if flush is not None:
            with open(self.image, "r+b", buffering=0) as file:
                for operation in self.operations[self.settled : flush]:
                    os.pwrite(file.fileno(), operation.data, operation.offset)
            self.settled = flush + 1
        # cp leaves the holes, which shutil does not; most of an image is holes.
        subprocess.run(["cp", "--sparse=auto", self.image, path], check=True)
        with open(path, "r+b", buffering=0) as file:
            for offset, octets in self.survivors(cut, random):
                os.pwrite(file.fileno(), octets, offset)
