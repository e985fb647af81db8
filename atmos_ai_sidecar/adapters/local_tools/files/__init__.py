"""Tools that read, find and change the files of a project."""

from atmos_ai_sidecar.adapters.local_tools.files.listing import project_files
from atmos_ai_sidecar.adapters.local_tools.files.tools import FileTools, file_tools

__all__ = ["FileTools", "file_tools", "project_files"]
