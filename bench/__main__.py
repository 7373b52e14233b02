"""The table: every figure beside what it is measured against."""

import os
import time
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from bench import calls, chartmuseum, cold, helm, presign, reconcile, sandbox, scale, splice, views
from bench.figures import Figure
from local.progress import Trouble, give_up, say, step

PARTS = {
    "helm": helm.figures,
    "chartmuseum": chartmuseum.figures,
    "splice": splice.figures,
    "views": views.figures,
    "scale": scale.figures,
    "cold": cold.figures,
    "presign": presign.figures,
    "calls": calls.figures,
    "reconcile": reconcile.figures,
    "sandbox": sandbox.figures,
}


def main(
    parts: Annotated[list[str] | None, typer.Argument(help=f"Of {', '.join(PARTS)}; all by default")] = None,
) -> None:
    """Measure, and print one table."""
    chosen = parts or list(PARTS)
    if unknown := set(chosen) - PARTS.keys():
        give_up(f"There is no {', '.join(sorted(unknown))} to measure, only {', '.join(PARTS)}.")
    started = time.monotonic()
    table = Table(title=f"Measured on {os.cpu_count()} processors", caption="a ratio above 1: ours needs less")
    for heading in ("", "ours", "against", "theirs", "ratio", ""):
        table.add_column(heading, justify="right" if heading in {"ours", "theirs", "ratio"} else "left")
    try:
        for part in chosen:
            with step(f"Measuring {part}"):
                for figure in PARTS[part]():
                    table.add_row(*_cells(figure))
            table.add_section()
    except Trouble as trouble:
        give_up(trouble)
    Console(width=None if Console().is_terminal else 180).print(table)
    say(f"Measured in {time.monotonic() - started:.0f} s.")


def _cells(figure: Figure) -> tuple[str, ...]:
    ours, theirs = (f"{_three_digits(value)} {figure.unit}" for value in (figure.ours, figure.theirs))
    ratio = f"{_three_digits(figure.ratio)} x"
    return figure.what, ours, figure.against, theirs, ratio, figure.note


def _three_digits(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.3g}"  # noqa: PLR2004


if __name__ == "__main__":
    typer.run(main)
