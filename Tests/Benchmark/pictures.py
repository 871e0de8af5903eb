"""Draws the pictures of the benchmark as SVG, without a library.

A picture has a background of its own, in a light and in a dark version, so that it can be read on any page. It is 600
units wide, and its text is large enough to be read at 400 pixels. Values stand beside their bars: there is no legend
and no axis.
"""

from xml.sax.saxutils import escape

WIDTH = 600
MARGIN = 20

STYLE = """\
text { font: 16px system-ui, -apple-system, "Segoe UI", "Noto Sans", Helvetica, Arial, sans-serif; fill: #1f2328;
  stroke: #ffffff; stroke-width: 5px; stroke-linejoin: round; paint-order: stroke; }
.title { font-size: 19px; font-weight: 600; }
.ours { font-weight: 600; }
.quiet { font-size: 15px; font-weight: 400; fill: #59636e; }
.missed { font-size: 15px; fill: #bc4c00; }
.card { fill: #ffffff; stroke: #d1d9e0; }
.bar { fill: #c3cbd3; }
.bar.ours, .dot { fill: #0969da; }
.dot.missed { fill: #bc4c00; }
.reference { stroke: #59636e; stroke-dasharray: 4 4; }
.band { fill: #dde3e9; }
.gap { stroke: #ffffff; stroke-width: 4; }
@media (prefers-color-scheme: dark) {
  text { fill: #f0f6fc; stroke: #0d1117; }
  .quiet { fill: #9198a1; }
  .missed { fill: #f0883e; }
  .card { fill: #0d1117; stroke: #3d444d; }
  .bar { fill: #565f69; }
  .bar.ours, .dot { fill: #4493f8; }
  .dot.missed { fill: #f0883e; }
  .reference { stroke: #9198a1; }
  .band { fill: #343b43; }
  .gap { stroke: #0d1117; }
}
"""


def text(x, y, words, kind="", anchor="start"):
    return '<text x="%g" y="%g" class="%s" text-anchor="%s">%s</text>' % (x, y, kind, anchor, escape(words))


def line(x1, y1, x2, y2, kind):
    return '<line x1="%g" y1="%g" x2="%g" y2="%g" class="%s"/>' % (x1, y1, x2, y2, kind)


def save(path, title, subtitle, description, height, parts):
    """`description` says in words what the picture shows, for those who cannot see it."""
    with open(path, "w") as file:
        file.write("""\
<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" role="img" \
aria-labelledby="title description">
<title id="title">%s</title>
<desc id="description">%s</desc>
<style>
%s</style>
<rect x="0.5" y="0.5" width="%d" height="%d" rx="8" class="card"/>
%s
</svg>
""" % (
            WIDTH, height, WIDTH, height, escape("%s (%s)" % (title, subtitle)), escape(description), STYLE,
            WIDTH - 1, height - 1, "\n".join([
                text(MARGIN, 34, title, "title"), text(MARGIN, 57, subtitle, "quiet"), *parts])))


def bars(path, title, subtitle, rows, reference):
    """Horizontal bars. A row is a label, a value, a note that stands behind the value, and whether it is ours. The
    broken line is the value of the row whose label is `reference`. One bar that is much longer than all others is
    cut, which a gap in it shows."""
    values = sorted(value for _, value, _, _ in rows)
    longest, left, space = values[-1], 215, 230
    is_cut = longest > 3 * values[-2]
    scale = space / (values[-2] * 1.2 if is_cut else longest)
    top, step, thickness = 76, 30, 18
    bottom = top + step * len(rows)
    parts = []
    for index, (label, value, note, is_ours) in enumerate(rows):
        y = top + step * index
        length = min(value * scale, space)
        parts.append('<rect x="%d" y="%g" width="%.1f" height="%d" rx="2" class="bar%s"/>' % (
            left, y, length, thickness, " ours" if is_ours else ""))
        if value * scale > space:
            x = left + length - 24
            parts.append(line(x - 4, y + thickness + 2, x + 4, y - 2, "gap"))
        parts.append(text(left - 10, y + 14, label, "ours" if is_ours else "", "end"))
        parts.append('<text x="%.1f" y="%g" class="%s">%s<tspan class="quiet" dx="8">%s</tspan></text>' % (
            left + length + 8, y + 14, "ours" if is_ours else "", "{:,.0f}".format(value), escape(note)))
    for label, value, _, _ in rows:
        if label == reference:
            x = left + value * scale
            parts.insert(0, line(x, top - 6, x, bottom - 6, "reference"))
    description = "; ".join("%s: %s (%s)" % (label, "{:,.0f}".format(value), note) for label, value, note, _ in rows)
    save(path, title, subtitle, description + ".", bottom + 10, parts)


def ratios(path, title, subtitle, groups):
    """Ratios on a scale whose broken line is 1. A group is a heading and rows; a row is a label, the sign of its
    target, the target, the ratio, and whether that meets the target. The dot is the ratio, and the band behind it
    is where the target is met."""
    all_values = [value for _, rows in groups for _, _, target, ratio, _ in rows for value in (target, ratio)]
    low, high = min(all_values + [0.8]) - 0.1, max(all_values + [1.2]) + 0.1
    left, right, ratio_end, target_end = 300, 450, 505, WIDTH - MARGIN

    def place(value):
        return left + (right - left) * (value - low) / (high - low)

    y, step, parts = 94, 30, []
    for heading, rows in groups:
        if not rows:
            continue
        parts.append(text(MARGIN, y, heading, "quiet"))
        parts.append(text(place(1), y, "1", "quiet", "middle"))
        parts.append(text(ratio_end, y, "ratio", "quiet", "end"))
        parts.append(text(target_end, y, "target", "quiet", "end"))
        for label, sign, target, ratio, is_met in rows:
            y += step
            start, end = (low, target) if sign == "≤" else (target, high)
            missed = "" if is_met else " missed"
            parts += [
                text(MARGIN, y, label),
                '<rect x="%.1f" y="%g" width="%.1f" height="14" rx="2" class="band"/>' % (
                    place(start), y - 12, place(end) - place(start)),
                line(place(1), y - 20, place(1), y + 10, "reference"),
                '<circle cx="%.1f" cy="%g" r="6" class="dot%s"/>' % (place(ratio), y - 5, missed),
                text(ratio_end, y, "%.2f" % ratio, "ours", "end"),
                text(target_end, y, "%s %.2f" % (sign, target), missed.strip() or "quiet", "end"),
            ]
        y += 46
    description = "; ".join(
        "%s: %.2f, target %s %.2f%s" % (label, ratio, sign, target, "" if is_met else ", missed")
        for _, rows in groups for label, sign, target, ratio, is_met in rows)
    save(path, title, subtitle, description + ".", y - 18, parts)
