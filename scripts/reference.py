"""Writes docs/api.md from the comments of the contract; with --check, says whether it is up to date."""

import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto, FileDescriptorSet

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "api.md"
PACKAGE = "atmos_ai_sidecar.v1"
INTRODUCTION = """# API reference

The services of the package `atmos_ai_sidecar.v1`, generated from the comments in `proto/` by `make reference`. The
rules around them, and the list of reasons, are in [protocol.md](protocol.md); how to write a client is in
[clients.md](clients.md). Of the fields that are *one of* the same name, a message has one at most.
"""
_SERVICE, _MESSAGE, _ENUM, _FIELD, _NESTED, _NESTED_ENUM = 6, 4, 5, 2, 3, 4
"""Field numbers of descriptors, of which paths of comments are made."""
_NAMES = {number: name.removeprefix("TYPE_").lower() for name, number in FieldDescriptorProto.Type.items()}
Path_ = tuple[int, ...]


def main(arguments: Sequence[str]) -> int:
    text = page()
    if "--check" not in arguments:
        PAGE.write_text(text)
    elif not PAGE.exists() or PAGE.read_text() != text:
        sys.stderr.write("docs/api.md is not what the comments of the contract say: run `make reference`\n")
        return 1
    return 0


def page() -> str:
    """The whole page."""
    files = _files()
    parts = [INTRODUCTION, *_index(files)]
    for file in files:
        comments = {tuple(each.path): each.leading_comments for each in file.source_code_info.location}
        parts += _services(file, comments)
        parts += _messages(file.message_type, comments, (_MESSAGE,), "")
        parts += _enums(file.enum_type, comments, (_ENUM,), "")
    return "\n".join(parts)


def _files() -> Sequence[Any]:
    sources = sorted(str(path) for path in (ROOT / "proto").rglob("*.proto"))
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder, "set")
        options = [f"-I{ROOT / 'proto'}", "--include_source_info", f"--descriptor_set_out={out}"]
        subprocess.run([sys.executable, "-m", "grpc_tools.protoc", *options, *sources], check=True)
        found = FileDescriptorSet.FromString(out.read_bytes()).file
    return sorted(found, key=lambda file: (not file.service, file.name))


def _index(files: Sequence[Any]) -> Iterator[str]:
    yield "| service | rpcs |\n|---|---|"
    for service in (service for file in files for service in file.service):
        rpcs = (f"[{method.name}](#{service.name.lower()}{method.name.lower()})" for method in service.method)
        yield f"| [{service.name}](#{service.name.lower()}) | {' · '.join(rpcs)} |"
    yield ""


def _services(file: Any, comments: Mapping[Path_, str]) -> Iterator[str]:
    for index, service in enumerate(file.service):
        path = (_SERVICE, index)
        yield f"## {service.name}\n\n{_text(comments, path)}\n"
        for number, method in enumerate(service.method):
            request = ("stream " if method.client_streaming else "") + _link(method.input_type)
            response = ("stream " if method.server_streaming else "") + _link(method.output_type)
            yield f"### {service.name}.{method.name}\n\n{request} → {response}\n"
            yield f"{_text(comments, (*path, _FIELD, number))}\n"


def _messages(messages: Any, comments: Mapping[Path_, str], path: Path_, within: str) -> Iterator[str]:
    for index, message in enumerate(messages):
        here, name = (*path, index), f"{within}{message.name}"
        if message.options.map_entry:
            continue
        yield f"### {name}\n\n{_text(comments, here)}\n"
        if message.field:
            yield "| field | type | |\n|---|---|---|"
            for number, field in enumerate(message.field):
                text = _cell(_text(comments, (*here, _FIELD, number)))
                yield f"| `{field.name}` = {field.number} | {_type(field, message)} | {text} |"
            yield ""
        yield from _messages(message.nested_type, comments, (*here, _NESTED), f"{name}.")
        yield from _enums(message.enum_type, comments, (*here, _NESTED_ENUM), f"{name}.")


def _enums(enums: Any, comments: Mapping[Path_, str], path: Path_, within: str) -> Iterator[str]:
    for index, enum in enumerate(enums):
        here = (*path, index)
        yield f"### {within}{enum.name}\n\n{_text(comments, here)}\n\n| value | |\n|---|---|"
        for number, value in enumerate(enum.value):
            yield f"| `{value.name}` = {value.number} | {_cell(_text(comments, (*here, _FIELD, number)))} |"
        yield ""


def _text(comments: Mapping[Path_, str], path: Path_) -> str:
    return "\n".join(line.strip() for line in comments.get(path, "").strip().splitlines())


def _cell(text: str) -> str:
    return text.replace("\n", " ").replace("|", "\\|")


def _type(field: Any, message: DescriptorProto) -> str:
    entry = next(
        (each for each in message.nested_type if field.type_name.endswith(f".{message.name}.{each.name}")), None
    )
    if entry is not None and entry.options.map_entry:
        key, value = entry.field
        return f"map of {_type(key, entry)} to {_type(value, entry)}"
    name = _link(field.type_name) if field.type_name else _NAMES[field.type]
    if field.label == FieldDescriptorProto.LABEL_REPEATED:
        return f"repeated {name}"
    if field.proto3_optional:
        return f"optional {name}"
    is_choice = field.HasField("oneof_index")
    return f"{name}, one of `{message.oneof_decl[field.oneof_index].name}`" if is_choice else name


def _link(type_name: str) -> str:
    name = type_name.lstrip(".")
    if not name.startswith(f"{PACKAGE}."):
        return f"`{name}`"
    own = name.removeprefix(f"{PACKAGE}.")
    return f"[{own}](#{own.lower().replace('.', '')})"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
