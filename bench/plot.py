"""The ladder of a video as a plot."""

from pathlib import Path

import matplotlib

matplotlib.use("svg")
# Text stays text, and the same figures make the same file.
matplotlib.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "ladder", "font.family": "sans-serif"})

from matplotlib import pyplot  # noqa: E402  (after the choice of what draws)

from quality import Point, front  # noqa: E402


def draw(both: dict[str, list[Point]], path: Path) -> None:
    """Rate against VMAF of both ladders of a clip."""
    figure, axes = pyplot.subplots(figsize=(8, 4.5))
    styles = {"auto": ("#0b6bcb", "o", "--ladder auto"), "fixed": ("#a05a00", "s", "a fixed ladder")}
    for kind, points in both.items():
        colour, mark, label = styles[kind]
        curve = front(points, "vmaf")
        axes.plot([point.rate / 1000 for point in curve], [point.vmaf for point in curve], color=colour, marker=mark, label=label)
        below = kind == "fixed"
        for point in points:
            place = {"xytext": (6, -12) if below else (-6, 8), "ha": "left" if below else "right"}
            axes.annotate(point.name.split("-")[0], (point.rate / 1000, point.vmaf), textcoords="offset points", color=colour, fontsize=8, **place)
    axes.set_xscale("log")
    # Room for the words beside the first point and the last.
    axes.margins(x=0.12, y=0.08)
    ticks = [100, 200, 500, 1000, 2000, 5000, 10_000]
    axes.set_xticks(ticks, [f"{tick}" for tick in ticks])
    axes.minorticks_off()
    axes.set_xlabel("kbit/s")
    axes.set_ylabel("VMAF at the size of the source")
    axes.grid(alpha=0.3)
    axes.legend(loc="lower right")
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None, "Creator": None}, facecolor="white")
