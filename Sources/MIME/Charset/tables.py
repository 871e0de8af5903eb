#!/usr/bin/env python3
"""Writes the tables of the charsets: tables.py FOLDER (of SingleByteTables.swift and MultibyteTables.swift).

A cell is a character as three octets of six bits, each 0x30 + its bits, the highest first; "000" is none. A
string literal of them compiles at once, stays in the read-only data of a program, and is read by index.

The tables come from Python's codecs. The WHATWG Encoding Standard (https://encoding.spec.whatwg.org) says what
belongs in them, and where the codecs differ this script follows it, except that
- GB18030 is the edition that Python has (of 2000);
- Big5 is windows-950 where that has a character, and Big5-HKSCS elsewhere.
"""
import os
import sys


def cell(point):
    return "".join(chr(0x30 + (point >> shift & 63)) for shift in (12, 6, 0))


def char(octets, codec):
    """The one character that `octets` are, or 0."""
    try:
        text = bytes(octets).decode(codec)
    except UnicodeDecodeError:
        return 0
    return ord(text) if len(text) == 1 else 0


def private(point):
    return 0xE000 <= point < 0xF900


# Name in Swift, Python's codec, whether the C1 octets that it lacks are control characters (as the WHATWG has it).
SINGLE = [
    ("windows1252", "cp1252", True), ("windows1250", "cp1250", True), ("windows1251", "cp1251", True),
    ("windows1253", "cp1253", True), ("windows1254", "cp1254", True), ("windows1255", "cp1255", True),
    ("windows1256", "cp1256", True), ("windows1257", "cp1257", True), ("windows1258", "cp1258", True),
    ("windows874", "cp874", True),
    ("iso8859_2", "iso8859_2", True), ("iso8859_3", "iso8859_3", True), ("iso8859_4", "iso8859_4", True),
    ("iso8859_5", "iso8859_5", True), ("iso8859_6", "iso8859_6", True), ("iso8859_7", "iso8859_7", True),
    ("iso8859_8", "iso8859_8", True), ("iso8859_10", "iso8859_10", True), ("iso8859_13", "iso8859_13", True),
    ("iso8859_14", "iso8859_14", True), ("iso8859_15", "iso8859_15", True), ("iso8859_16", "iso8859_16", True),
    ("koi8R", "koi8_r", False), ("koi8U", "koi8_u", False), ("ibm866", "cp866", False),
    ("ibm437", "cp437", False), ("ibm850", "cp850", False), ("ibm852", "cp852", False),
    ("macintosh", "mac_roman", False), ("macCyrillic", "mac_cyrillic", False),
]
# Where the WHATWG's single-byte indexes differ from Python's codecs.
SINGLE_CHANGES = {
    ("windows1255", 0xCA): 0x05BA, ("koi8U", 0xAE): 0x045E, ("koi8U", 0xBE): 0x040E,
    ("macCyrillic", 0xA2): 0x0490, ("macCyrillic", 0xB6): 0x0491, ("macCyrillic", 0xFF): 0x20AC,
}


def single(name, codec, controls):
    points = []
    for octet in range(128, 256):
        point = char([octet], codec)
        if not point and controls and octet < 160:
            point = octet
        points.append(SINGLE_CHANGES.get((name, octet), point))
    return points


def jis0208():
    """By pointer, rows of 94 (Shift_JIS has two in one lead octet), with the rows of NEC and IBM."""
    points = []
    for pointer in range(120 * 94):
        lead, trail = divmod(pointer, 188)
        lead += 0x81 if lead < 0x1F else 0xC1
        trail += 0x40 if trail < 0x3F else 0x41
        point = char([lead, trail], "cp932")
        points.append(0 if private(point) else point)
    return points


def jis0212():
    changes = {0xA2B7: 0xFF5E}
    return [
        changes.get(row << 8 | column) or char([0x8F, row, column], "euc_jp")
        for row in range(0xA1, 0xFF) for column in range(0xA1, 0xFF)
    ]


def euc_kr():
    return [char([lead, trail], "cp949") for lead in range(0x81, 0xFF) for trail in range(0x41, 0xFF)]


def gb18030():
    return [
        char([lead, trail], "gb18030") for lead in range(0x81, 0xFF)
        for trail in [*range(0x40, 0x7F), *range(0x80, 0xFF)]
    ]


def gb18030_ranges():
    """What four octets are: pairs of the first pointer of a run and its character."""
    runs, expected = [], None
    for pointer in range(39420):
        rest, d = divmod(pointer, 10)
        rest, c = divmod(rest, 126)
        a, b = divmod(rest, 10)
        point = char([a + 0x81, b + 0x30, c + 0x81, d + 0x30], "gb18030")
        if point != expected:
            runs += [pointer, point]
        expected = point + 1 if point else 0
    return runs


def big5():
    points = []
    for lead in range(0x81, 0xFF):
        for trail in [*range(0x40, 0x7F), *range(0xA1, 0xFF)]:
            point = char([lead, trail], "cp950")
            if not point or private(point):
                point = char([lead, trail], "big5hkscs")
            points.append(point)
    return points


def literal(points, width):
    cells = "".join(cell(point) for point in points)
    lines = [cells[start:start + 3 * width] for start in range(0, len(cells), 3 * width)]
    return '#"""\n' + "\\#\n".join("    " + line for line in lines) + '\n    """#\n'


def write(path, declarations):
    head = "// Made by tables.py, which says what a cell is.\n// swift-format-ignore-file\n\n"
    with open(path, "w", encoding="ascii") as file:
        file.write(head + declarations)


def main():
    folder = sys.argv[1]
    cases = "".join("  case %s\n" % name for name, _, _ in SINGLE)
    write(os.path.join(folder, "SingleByteTables.swift"),
          "/// A charset of single octets whose lower half is ASCII.\n"
          "public enum SingleByteCharset: UInt8, Equatable, Sendable {\n" + cases + "\n"
          "  /// The characters of the octets 0x80 to 0xFF.\n"
          "  var table: StaticString {\n    switch self {\n"
          + "".join("    case .%s: %s" % (entry[0], literal(single(*entry), 32).replace("\n    ", "\n      "))
                    for entry in SINGLE)
          + "    }\n  }\n}\n")
    write(os.path.join(folder, "MultibyteTables.swift"), "enum MultibyteTables {\n" + "\n".join(
        "  /// %s\n  static var %s: StaticString {\n    %s  }\n" % (note, name, literal(points, width))
        for name, note, points, width in [
            ("jis0208", "JIS X 0208 with the rows of NEC and IBM: 120 rows of 94.", jis0208(), 94),
            ("jis0212", "JIS X 0212: 94 rows of 94.", jis0212(), 94),
            ("eucKR", "KS X 1001 with what windows-949 adds: 126 rows of 190.", euc_kr(), 95),
            ("gb18030", "What two octets are in GB18030: 126 rows of 190.", gb18030(), 95),
            ("gb18030Ranges", "Pairs of the pointer of four octets and its character, of which runs begin.",
             gb18030_ranges(), 32),
            ("big5", "Big5: 126 rows of 157.", big5(), 157),
        ]) + "}\n")


if __name__ == "__main__":
    main()
