#!/usr/bin/env python3
"""charsets.py FOLDER: what Python's codecs say of the octets of each charset, for CharsetTests.swift.

For each label there are two files: LABEL.octets holds every octet or sequence of octets that Python can decode (of
UTF-16, UTF-7 and four octets of GB18030 not quite every one), a line each, LABEL.utf8 the same lines as text. What is left out or changed here is where the WHATWG Encoding Standard, which
Postern follows, has something else than the codec.
"""
import os
import sys

ABOVE = range(0x80, 0x100)
# Label: octets that the standard decodes differently.
SINGLE = {
    "windows-1250": {}, "windows-1251": {}, "windows-1252": {}, "windows-1253": {}, "windows-1254": {},
    "windows-1255": {0xCA: "\u05ba"}, "windows-1256": {}, "windows-1257": {}, "windows-1258": {},
    "iso-8859-2": {}, "iso-8859-3": {}, "iso-8859-4": {}, "iso-8859-5": {}, "iso-8859-6": {}, "iso-8859-7": {},
    "iso-8859-8": {}, "iso-8859-10": {}, "iso-8859-13": {}, "iso-8859-14": {}, "iso-8859-15": {}, "iso-8859-16": {},
    "koi8-r": {}, "koi8-u": {0xAE: "\u045e", 0xBE: "\u040e"}, "cp866": {}, "cp437": {}, "cp850": {}, "cp852": {},
    "cp874": {}, "macintosh": {}, "x-mac-cyrillic": {0xA2: "\u0490", 0xB6: "\u0491", 0xFF: "\u20ac"},
}
# Characters of JIS X 0208 for which the standard has what Windows has.
JIS = {0x301C: 0xFF5E, 0x2016: 0x2225, 0x2212: 0xFF0D, 0xA2: 0xFFE0, 0xA3: 0xFFE1, 0xAC: 0xFFE2}


def decoded(octets, codec):
    try:
        return octets.decode(codec)
    except UnicodeDecodeError:
        return None


def known(sequences, codec, change=lambda octets, text: text):
    """Each sequence that `codec` knows, with its text."""
    for octets in sequences:
        text = decoded(octets, codec)
        if text:
            yield octets, change(octets, text)


def pairs(trails, leads=range(0x81, 0xFF)):
    return [bytes([lead, trail]) for lead in leads for trail in trails]


def rows(front=b"", behind=b"", first=0xA1):
    """All characters of a set of 94 by 94."""
    places = range(first, first + 94)
    return [front + pair + behind for pair in pairs(places, places)]


def japanese(octets, text):
    if octets[0] == 0x8F or octets[:4] == b"\x1b$(D":
        return text.replace("~", "\uff5e")  # JIS X 0212 has one tilde more, which is full-width
    return text.translate(JIS)


def big5():
    for octets in pairs([*range(0x40, 0x7F), *range(0xA1, 0xFF)]):
        text = decoded(octets, "cp950")
        if not text or 0xE000 <= ord(text) < 0xF900:
            text = decoded(octets, "big5hkscs")
        if text:
            yield octets, text


def points():
    """All of the Basic Multilingual Plane but ASCII, and some of what is above it."""
    return [*range(0x80, 0xD800), *range(0xE000, 0x10000), *range(0x10000, 0x110000, 251), 0x10FFFF]


def gb18030():
    yield from known(pairs([*range(0x40, 0x7F), *range(0x80, 0xFF)]), "gb18030")
    for point in points():
        yield chr(point).encode("gb18030"), chr(point)


def charsets():
    for label, changes in SINGLE.items():
        yield label, known(
            [bytes([octet]) for octet in ABOVE], label.removeprefix("x-"),
            lambda octets, text, changes=changes: changes.get(octets[0], text))
    yield "shift_jis", known(
        [bytes([octet]) for octet in range(0xA1, 0xE0)]
        + pairs([*range(0x40, 0x7F), *range(0x80, 0xFD)], [*range(0x81, 0xA0), *range(0xE0, 0xFD)]), "cp932")
    yield "euc-jp", known(
        rows() + rows(b"\x8f") + [bytes([0x8E, octet]) for octet in range(0xA1, 0xE0)], "euc_jp", japanese)
    yield "iso-2022-jp", known(
        rows(b"\x1b$B", b"\x1b(B", 0x21) + rows(b"\x1b$(D", b"\x1b(B", 0x21)
        + [b"\x1b(I%c\x1b(B" % octet for octet in range(0x21, 0x60)], "iso2022_jp_ext", japanese)
    yield "euc-kr", known(pairs(range(0x41, 0xFF)), "cp949")
    yield "big5", big5()
    yield "gb18030", gb18030()


def write(label, octets, text):
    path = os.path.join(sys.argv[1], label)
    with open(path + ".octets", "wb") as file:
        file.write(octets)
    with open(path + ".utf8", "wb") as file:
        file.write(text.encode())


def main():
    for label, lines in charsets():
        lines = list(lines)
        write(label, b"\n".join(octets for octets, _ in lines), "\n".join(text for _, text in lines))
    text = "\n".join(map(chr, points()))
    for label in "utf-16le", "utf-16be", "utf-7":
        write(label, text.encode(label), text)


if __name__ == "__main__":
    main()
