"""What the model knows of files is bounded."""

from atmos_ai_sidecar.adapters.local_tools.files.seen_files import MAX_FILES, SeenFiles


def test_of_very_many_files_those_seen_last_are_known() -> None:
    seen = SeenFiles()
    for path in ("first", "again"):
        seen.remember("s", path, "old")
    for number in range(MAX_FILES - 2):
        seen.remember("s", str(number), "d")
    seen.remember("s", "again", "new")
    assert seen.digest("s", "first") == "old"
    seen.remember("t", "first", "d")
    assert [seen.digest("s", "first"), seen.digest("s", "again"), seen.digest("s", "1")] == [None, "new", "d"]
