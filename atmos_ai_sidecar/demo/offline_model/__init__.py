"""A server on loopback that speaks the Messages API without a language model.

Without a script it answers questions about an Atmos project by rules; with one it plays exactly the replies
and faults that a test asks for. Either way the caller's real client, retries and stream parser are used.
"""

from atmos_ai_sidecar.demo.offline_model.process import OfflineModelProcess, start_offline_model
from atmos_ai_sidecar.demo.offline_model.replies import (
    Cut,
    HttpError,
    Pause,
    RawAnswer,
    RedactedThinking,
    Reply,
    Script,
    Silence,
    StreamError,
    Text,
    Thinking,
    ToolUse,
    Usage,
    WaitFor,
)
from atmos_ai_sidecar.demo.offline_model.server import OfflineModel, ReceivedRequest, offline_model

__all__ = [
    "Cut",
    "HttpError",
    "OfflineModel",
    "OfflineModelProcess",
    "Pause",
    "RawAnswer",
    "ReceivedRequest",
    "RedactedThinking",
    "Reply",
    "Script",
    "Silence",
    "StreamError",
    "Text",
    "Thinking",
    "ToolUse",
    "Usage",
    "WaitFor",
    "offline_model",
    "start_offline_model",
]
