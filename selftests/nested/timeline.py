# SPDX-License-Identifier: GPL-2.0
"""A picture, as SVG, of what was on the wire around a migration."""

from xml.sax.saxutils import escape

WIDTH = 1200
LEFT = 190
RIGHT = 20
TOP = 64
ROW = 46
BAND = 22

STATES = {
    "running": "#7fbf7f", "running-p2p": "#b8d98a", "stop": "#d9d9d9", "pre-copy": "#8fb8de",
    "pre-copy-p2p": "#b9d2ea", "stop-copy": "#e0a96d", "resuming": "#c9a3d6", "error": "#d9534f",
}
INK = "#222"
GOOD = "#2a7d2a"
BAD = "#c62828"


class Timeline:
    """Times are seconds of one clock; begin and end are those of the picture."""

    def __init__(self, title, subtitle, begin, end):
        self.begin = begin
        self.end = end
        self.rows = []
        self.title = title
        self.subtitle = subtitle
        self.marks = []

    def x(self, when):
        share = (when - self.begin) / (self.end - self.begin)
        return LEFT + min(1, max(0, share)) * (WIDTH - LEFT - RIGHT)

    def inside(self, when):
        return self.begin <= when <= self.end

    def states(self, name, changes):
        """A band: from each (time, state) to the next."""
        parts = []
        for (when, state), (until, _) in zip(changes, [*changes[1:], (self.end, None)]):
            if until <= self.begin or when >= self.end:
                continue
            left, right = self.x(when), self.x(until)
            parts.append(f'<rect x="{left:.1f}" y="0" width="{max(right - left, 0.5):.1f}" height="{BAND}" '
                         f'fill="{STATES.get(state, "#fff")}"><title>{escape(state)}: '
                         f'{(until - when) * 1000:.1f} ms</title></rect>')
            # A name where there is room for it.
            if right - left > 8 * len(state):
                parts.append(f'<text x="{(left + right) / 2:.1f}" y="{BAND - 7}" text-anchor="middle" '
                             f'font-size="11">{escape(state)}</text>')
        self.rows.append((name, parts))

    def ticks(self, name, times, lost=()):
        """A stroke for each packet; those that never came are red, and hang lower."""
        parts = []
        for whens, colour, top in ((times, GOOD, 0), (lost, BAD, BAND // 3)):
            strokes = "".join(f"M{self.x(when):.1f} {top}V{BAND}" for when in whens if self.inside(when))
            if strokes:
                parts.append(f'<path d="{strokes}" stroke="{colour}" stroke-width="0.8"/>')
        self.rows.append((name, parts))

    def steps(self, name, points):
        """A count that grows: (time, value)."""
        points = [point for point in points if self.inside(point[0])]
        parts = []
        if points:
            low, high = points[0][1], max(points[-1][1], points[0][1] + 1)
            text = " ".join(f"{self.x(when):.1f},{BAND - BAND * (value - low) / (high - low):.1f}"
                            for when, value in points)
            parts.append(f'<polyline points="{text}" fill="none" stroke="{GOOD}" stroke-width="1.5"/>')
        self.rows.append((name, parts))

    def span(self, begin, end, text):
        """A time that is to be seen across all rows."""
        self.marks.append((begin, end, text))

    def axis(self, height):
        """A line each 100 ms, or each second if that is too many; 0 is where the first span begins."""
        zero = self.marks[0][0] if self.marks else self.begin
        step = next(step for step in (0.1, 0.25, 0.5, 1, 2, 5, 10, 60)
                    if (self.end - self.begin) / step <= 20)
        first = -int((zero - self.begin) / step)
        parts = []
        for number in range(first, first + 22):
            when = zero + number * step
            if self.inside(when):
                x = self.x(when)
                parts.append(f'<path d="M{x:.1f} {TOP - 6}V{height - 24}" stroke="#ddd"/>'
                             f'<text x="{x:.1f}" y="{height - 8}" text-anchor="middle" font-size="10">'
                             f'{number * step * 1000:+.0f} ms</text>')
        return parts

    @property
    def height(self):
        return TOP + ROW * len(self.rows) + 28

    def svg(self, y):
        """y: how far down it is in the picture."""
        height = self.height
        parts = [f'<svg xmlns="http://www.w3.org/2000/svg" y="{y}" width="{WIDTH}" height="{height}" '
                 f'font-family="sans-serif" fill="{INK}">',
                 '<rect width="100%" height="100%" fill="#fff"/>',
                 f'<text x="12" y="24" font-size="17">{escape(self.title)}</text>',
                 f'<text x="12" y="44" font-size="12">{escape(self.subtitle)}</text>']
        for begin, end, text in self.marks:
            left, right = self.x(begin), self.x(end)
            parts.append(f'<rect x="{left:.1f}" y="{TOP - 6}" width="{max(right - left, 1):.1f}" '
                         f'height="{height - TOP - 18}" fill="#f6e3c8"><title>{escape(text)}</title></rect>')
        parts += self.axis(height)
        for number, (name, row) in enumerate(self.rows):
            y = TOP + ROW * number
            parts.append(f'<text x="12" y="{y + BAND - 7}" font-size="12">{escape(name)}</text>')
            parts.append(f'<g transform="translate(0 {y})">{"".join(row)}</g>')
        parts.append("</svg>")
        return "\n".join(parts) + "\n"


def stacked(charts):
    """One picture, in which they are one below the other."""
    parts, y = [], 0
    for chart in charts:
        parts.append(chart.svg(y))
        y += chart.height
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{y}">\n'
            + "".join(parts) + "</svg>\n")
