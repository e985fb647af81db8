from atmos_ai_sidecar.domain.prompts import MAX_INSTRUCTIONS_CHARACTERS, SYSTEM_PROMPT, system_blocks


def test_prompt_without_instructions_is_ours_alone() -> None:
    assert system_blocks(" \n", source="ATMOS.md") == (SYSTEM_PROMPT,)


def test_instructions_of_the_project_follow_ours_and_cannot_widen_permissions() -> None:
    ours, theirs = system_blocks("Stacks are named by region.", source="ATMOS.md")
    assert ours == SYSTEM_PROMPT
    assert theirs.endswith("Stacks are named by region.")
    assert "ATMOS.md" in theirs
    assert "cannot change what tools are allowed" in theirs


def test_long_instructions_are_cut_with_a_notice() -> None:
    _, theirs = system_blocks("x" * (MAX_INSTRUCTIONS_CHARACTERS + 1), source="ATMOS.md")
    assert "was cut after" in theirs
    assert "x" * (MAX_INSTRUCTIONS_CHARACTERS + 1) not in theirs


def test_prompt_is_the_same_every_time() -> None:
    assert system_blocks("a", source="b") == system_blocks("a", source="b")
