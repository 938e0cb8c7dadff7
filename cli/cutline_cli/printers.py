"""Tables and JSON: records as rows for people, and as trees for programs."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from cutline.domain.lifecycle import Phase, Standing
from cutline_cli.rendering.lines import Line, Tone
from cutline_cli.rendering.times import left
from cutline_cli.standing import Record, counts, phase_of, signed_of
from cutline_cli.visible import columns, shortened

_GAP = "   "
_WIDEST_CELL = 48


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[Line]:
    """Rows under a header, each column as wide as its widest cell."""
    cells = [[shortened(cell, _WIDEST_CELL) for cell in row] for row in (header, *rows)]
    widths = [max(columns(row[index]) for row in cells) for index in range(len(header))]
    lines = [
        _GAP.join(cell + " " * (width - columns(cell)) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in cells
    ]
    return [Line(lines[0], Tone.HEADING), *(Line(line) for line in lines[1:])]


PROPOSAL_HEADER = ("NAME", "ACTION", "TARGET", "PHASE", "SIGNED", "PROPOSER", "DECIDE-BY")


def proposal_row(record: Record, standing: Standing, now: datetime) -> tuple[str, ...]:
    """One proposal in a list."""
    proposal, phase = record.proposal, phase_of(record, standing)
    decide_by = left(proposal.decide_by, now) if phase is Phase.PENDING else "-"
    return (
        proposal.name,
        proposal.action.value,
        f"{proposal.target.kind.lower()}/{proposal.target.name}",
        phase.value,
        signed_of(standing),
        proposal.proposer.username,
        decide_by,
    )


def record_as_tree(record: Record, standing: Standing) -> dict[str, Any]:
    """A proposal for programs: the object as stored, and what follows from its sign-offs now."""
    return {
        "proposal": record.tree,
        "standing": {
            "phase": phase_of(record, standing).value,
            "signed": signed_of(standing),
            "missing": list(standing.missing),
            "untampered": record.is_untampered,
            "signoffs": [
                {
                    "name": signoff.name,
                    "by": signoff.by.username,
                    "decision": signoff.decision.value,
                    "reason": signoff.reason,
                    "at": signoff.created.isoformat(),
                    "counts": counts(signoff, standing),
                }
                for signoff in record.signoffs
            ],
        },
    }
