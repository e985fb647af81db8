"""Checkpoints as JSON and YAML texts, read within limits."""

import json
from typing import Any, Final

from atmos_ai_sidecar.adapters.checkpoint_files.yaml_reader import read_yaml
from atmos_ai_sidecar.adapters.checkpoint_files.yaml_writer import write_yaml
from atmos_ai_sidecar.application.ports.checkpoint_text import MAX_FILE_BYTES
from atmos_ai_sidecar.errors import InvalidFieldError

__all__ = ["MAX_YAML_BYTES", "CheckpointFiles"]

MAX_YAML_BYTES: Final = 16 * 1024 * 1024
"""Less, because a YAML reader takes about a second a megabyte."""


class CheckpointFiles:
    """The CheckpointText port."""

    def to_yaml(self, values: Any) -> str:
        return write_yaml(values)

    def to_json(self, values: Any) -> str:
        # ASCII, because a lone surrogate has no UTF-8.
        return json.dumps(values, indent=2, ensure_ascii=True) + "\n"

    def from_text(self, content: bytes) -> Any:
        _check_size(content, MAX_FILE_BYTES)
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise InvalidFieldError("file", "is not UTF-8 text") from error
        if text.lstrip()[:1] in {"{", "["}:
            return _read_json(text)
        _check_size(content, MAX_YAML_BYTES)
        return read_yaml(text)


def _check_size(content: bytes, limit: int) -> None:
    if len(content) > limit:
        raise InvalidFieldError("file", f"is too large, at most {limit} bytes are allowed")


def _read_json(text: str) -> Any:
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except RecursionError as error:
        raise InvalidFieldError("file", "is nested too deeply") from error
    except ValueError as error:
        raise InvalidFieldError("file", f"is no JSON: {error}") from error


def _refuse_constant(name: str) -> Any:
    message = f"{name} is no JSON"
    raise ValueError(message)
