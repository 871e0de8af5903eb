#!/usr/bin/env python3
"""Makes CaseFolding.swift: the lower-case letter of each upper-case letter that has exactly one, from Unicode's tables
as Python has them, as runs: first, last, step, and what is added."""
import unicodedata

pairs = [(n, ord(chr(n).lower()) - n) for n in range(0x80, 0x110000)
         if not 0xD800 <= n < 0xE000 and len(chr(n).lower()) == 1 and chr(n).lower() != chr(n)]
runs = []
for scalar, delta in pairs:
    if runs:
        first, last, step, added = runs[-1]
        gap = scalar - last
        if delta == added and (gap == step or first == last and gap <= 2):
            runs[-1] = (first, scalar, gap, added)
            continue
    runs.append((scalar, scalar, 1, delta))
print("// Made by Folding.py from Unicode %s.\n" % unicodedata.unidata_version)
print("/// Upper-case letters above ASCII, as runs: the first, the last, the step between them, and how far above them their")
print("/// lower-case letters are.")
print("let foldingRuns: [%d of (first: UInt32, last: UInt32, step: UInt32, added: Int32)] = [" % len(runs))
for first, last, step, added in runs:
    print("  (0x%04X, 0x%04X, %d, %d)," % (first, last, step, added))
print("]")
