"""What a client hears of errors: the words of those that are raised on purpose, of any other only a number."""

import logging
import secrets
from collections.abc import Iterator
from contextlib import contextmanager

import mcp_types
from mcp.shared.exceptions import MCPError

from atmos_ai_sidecar.errors import SidecarError, ToolNotFoundError
from atmos_ai_sidecar.mcp_server.serving import REFUSED

_LOG = logging.getLogger(__name__)


@contextmanager
def telling() -> Iterator[None]:
    """A context around a request, which the SDK would answer with the text of whatever is raised.

    Raises:
        MCPError: What the client is to hear.
    """
    try:
        yield
    except SidecarError as error:
        code = mcp_types.INVALID_PARAMS if isinstance(error, ToolNotFoundError) else REFUSED
        raise MCPError(code=code, message=str(error), data={"reason": error.reason}) from error
    except Exception as error:
        error_id = secrets.token_hex(4)
        _LOG.exception("A request of an MCP client failed unexpectedly (error %s).", error_id)
        message = f"Something went wrong inside the assistant (error {error_id}). Its log has the same number."
        raise MCPError(code=mcp_types.INTERNAL_ERROR, message=message, data={"error_id": error_id}) from error
