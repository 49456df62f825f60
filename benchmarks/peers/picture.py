"""The picture: bars of ratios to the best peer, as an SVG that is read on white and on black alike."""

from collections.abc import Mapping, Sequence
from html import escape

WIDTH, LEFT, RIGHT = 760, 210, 60
BAR, GAP, GROUP, TOP = 13, 3, 30, 46
TIMES = "\u00d7"

# Between black and white, so that one colour is read on both; text takes the reader's own.
STYLE = """
text { font: 12px system-ui, sans-serif; fill: #1f2328 }
.title { font-size: 15px; font-weight: 600 } .group { font-weight: 600 }
.bar { fill: #8b949e } .first { fill: #1a7f5a } .second { fill: #63b393 }
.line { stroke: #8b949e; stroke-dasharray: 3 3 }
@media (prefers-color-scheme: dark) { text { fill: #e6edf3 } }
"""


def bars(
    title: str, groups: Mapping[str, Sequence[tuple[str, float]]], kinds: Mapping[str, str]
) -> str:
    """An SVG of groups of bars, each with its name and a ratio; 1 is a line through all of them.

    `kinds` are the classes of STYLE of those names that stand out.
    """
    longest = max(1.0, *(ratio for group in groups.values() for _, ratio in group))
    scale = (WIDTH - LEFT - RIGHT) / longest
    drawn, y = [], TOP
    for name, group in groups.items():
        drawn.append(f'<text class="group" x="12" y="{y + 10}">{escape(name)}</text>')
        y += 18
        for label, ratio in group:
            kind = kinds.get(label, "bar")
            width = max(ratio * scale, 1)
            drawn.append(
                f'<text x="{LEFT - 8}" y="{y + 11}" text-anchor="end">{escape(label)}</text>'
                f'<rect class="{kind}" x="{LEFT}" y="{y}" width="{width:.1f}" height="{BAR}" rx="2"/>'
                f'<text x="{LEFT + width + 6:.1f}" y="{y + 11}">{_shown(ratio)}</text>'
            )
            y += BAR + GAP
        y += GROUP - 18
    one = LEFT + scale
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y}" role="img"'
        f' aria-label="{escape(title)}">\n<style>{STYLE}</style>\n'
        f'<text class="title" x="12" y="24">{escape(title)}</text>\n'
        f'<line class="line" x1="{one:.1f}" y1="{TOP - 8}" x2="{one:.1f}" y2="{y - 8}"/>'
    )
    return "\n".join([head, *drawn, "</svg>\n"])


def _shown(ratio: float) -> str:
    return f"{ratio:.2g}{TIMES}" if ratio < 1 else f"{ratio:.1f}{TIMES}"
