"""Why a turn ended, in words."""

from atmos_ai_sidecar.domain.events import StopReason, TurnFinished
from atmos_ai_sidecar.terminal.render.palette import visible

_WORDS = {
    StopReason.MAX_TOKENS: "The answer was cut off: it reached the longest answer that the model may give.",
    StopReason.MAX_STEPS: 'The turn was stopped after {steps} steps. Say "go on" to let it continue.',
    StopReason.REFUSAL: "The model refused to answer this.",
    StopReason.LOOP: "The turn was stopped: the model kept making the same call with the same result.",
    StopReason.CANCELLED: "Cancelled. What was said so far is kept.",
    StopReason.INTERRUPTED: "The turn was interrupted. What was said so far is kept.",
    StopReason.BUDGET: "The turn was stopped: its budget is used up.",
}


def end_text(finished: TurnFinished) -> str:
    """The reason why a turn ended early; empty when it came to its end."""
    if finished.stop_reason is StopReason.END_TURN:
        return ""
    words = _WORDS.get(finished.stop_reason, "").format(steps=finished.steps)
    return visible(finished.message) or words or "The turn failed for an unknown reason."
