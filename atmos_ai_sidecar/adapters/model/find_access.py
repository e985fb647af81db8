"""A program: finds the credentials of a cloud in its own environment and prints them as one JSON object.

The libraries of the clouds read the environment of their process, so they get a process with the environment of the
run. The object is ``{"key", "secret", "token"}``, or ``{"problem"}`` with the library's own words.
"""

import json
import sys
from collections.abc import Mapping
from typing import Any

import truststore


def _of_aws() -> Mapping[str, str]:
    import botocore.session  # noqa: PLC0415 - an optional extra, and slow

    found = botocore.session.Session().get_credentials()
    if found is None:
        return {"problem": "there are none"}
    frozen = found.get_frozen_credentials()
    return {"key": frozen.access_key or "", "secret": frozen.secret_key or "", "token": frozen.token or ""}


def _of_google() -> Mapping[str, str]:
    import google.auth  # noqa: PLC0415 - an optional extra, and slow
    import google.auth.transport.requests  # noqa: PLC0415

    found: Any
    found, _ = google.auth.default(scopes=["https://www.googleapis.com/auth/cloud-platform"])
    found.refresh(google.auth.transport.requests.Request())
    return {"key": "", "secret": "", "token": str(found.token or "")}


def main(cloud: str) -> None:
    """Prints the credentials of ``aws`` or ``google``; whatever goes wrong is a problem in words."""
    truststore.inject_into_ssl()
    try:
        found = _of_aws() if cloud == "aws" else _of_google()
    except Exception as error:  # noqa: BLE001 - the outermost frame of a program
        found = {"problem": str(error) or type(error).__name__}
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1])
