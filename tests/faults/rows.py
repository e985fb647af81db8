"""The table of faults to survive, and where each row is tested.

A row's tests inject the fault into real processes wherever that can be done, and live beside what they test; those in
this folder have no better home. Names of Go tests begin with ``go:`` and their package.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

LIFE = "tests/e2e/test_process_life.py::"
CHAT = "tests/e2e/test_chat.py::"
TOOLS = "tests/e2e/test_tool_life.py::"
WARM = "tests/e2e/test_keep_warm.py::"
SERVE = "tests/sidecar/test_serve.py::"
AUTH = "tests/rpc/test_auth.py::"
GUARD = "tests/rpc/test_guard.py::"
STREAM = "tests/rpc/test_chat_service.py::"
LOST = "tests/rpc/test_lost_clients.py::"
ASKING = "tests/rpc/test_permission_service.py::"
RUNNER = "tests/adapters/local_tools/test_program_runner.py::"
HERE = "tests/faults/test_row_"
SOON = f"{HERE}01_how_soon_a_death_is_noticed.py::"
ANSWERED = f"{HERE}12_how_soon_a_call_is_answered.py::"
MANY = f"{HERE}16_many_sidecars_one_database.py::"
LOCKED = f"{HERE}17_the_database_is_locked.py::"
PAUSED = f"{HERE}45_a_paused_lease_holder.py::"
HISTORY = "tests/application/test_history_invariant.py::"
STREAMING = "tests/application/test_streaming_faults.py::"
SHIM = "go:internal/shim:"
LAUNCH = "go:internal/sidecar:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One fault."""

    fault: str
    tests: Sequence[str] = ()
    long: Sequence[str] = ()
    """Tests with the fault's real times, for ``make faults-long``."""
    not_possible: str = ""
    """Why the fault cannot be produced; what is tested instead stands in ``tests``."""


ROWS: Mapping[int, Row] = {
    1: Row(
        fault="kill -9 of the sidecar in the middle of a delta",
        tests=(
            f"{LIFE}test_killed_sidecar_is_told_with_exit_70_and_its_words_are_kept",
            f"{CHAT}test_killed_sidecar_is_started_again_and_the_chat_goes_on",
        ),
        long=(f"{SOON}test_shim_tells_of_a_killed_sidecar_at_once",),
    ),
    2: Row(
        fault="kill -9 of the sidecar while a tool runs",
        tests=(
            f"{RUNNER}test_kill_9_of_the_sidecar_ends_a_program_that_reads",
            f"{TOOLS}test_nothing_is_left_of_a_plan_whose_shim_and_sidecar_are_killed",
        ),
    ),
    3: Row(
        fault="kill -9 of the shim: idle, in a turn, at a question",
        tests=(
            f"{LIFE}test_killed_shim_leaves_no_sidecar_socket_or_folder",
            f"{LIFE}test_killed_shim_ends_the_tool_that_was_running",
            f"{LIFE}test_killed_shim_of_a_chat_leaves_nothing_behind_and_settles_its_question",
        ),
        long=(f"{SOON}test_sidecar_follows_its_killed_shim",),
    ),
    4: Row(
        fault="the shim dies before the bootstrap, or before it reads the handshake",
        tests=(
            f"{SERVE}test_parent_that_dies_before_the_handshake_leaves_no_orphan",
            f"{SERVE}test_bad_bootstrap_is_told_and_has_its_own_exit_code",
        ),
    ),
    5: Row(
        fault="a wrapper holds standard input open and the parent dies",
        tests=(f"{SERVE}test_wrapper_that_holds_the_pipe_open_does_not_keep_an_orphan",),
    ),
    6: Row(
        fault="SIGHUP, SIGTERM, SIGINT to shim, sidecar, group",
        tests=(
            f"{LIFE}test_signal_to_the_shim_or_its_group_ends_everything_with_its_own_code",
            f"{LIFE}test_sidecar_that_is_asked_to_end_ends_in_order",
            f"{SERVE}test_end_in_order_leaves_no_socket_and_no_directory",
            f"{SHIM}TestSignalsRestoreTheTerminalAndHaveTheirExitCodes",
        ),
    ),
    7: Row(
        fault="SIGSTOP of the sidecar",
        tests=(
            f"{HERE}07_the_sidecar_is_stopped.py",
            f"{SHIM}TestAFrozen",
            f"{SHIM}TestASilent",
            f"{SHIM}TestASidecarThatThaws",
        ),
        long=(f"{HERE}07_the_sidecar_is_stopped.py",),
    ),
    8: Row(
        fault="the event loop is blocked",
        tests=(
            f"{HERE}07_the_sidecar_is_stopped.py",
            f"{SHIM}TestABusyButHealthySidecarKeepsTheKeyboardToItself",
            f"{SHIM}TestACallThatABusySidecarNeverSawIsMadeAgain",
        ),
        long=(f"{HERE}08_the_event_loop_is_blocked.py",),
    ),
    9: Row(
        fault="a client that stops reading",
        tests=(
            f"{STREAM}test_slow_client_gets_everything_in_the_end",
            "tests/rpc/test_terminal_service.py::test_terminal_that_takes_nothing_congests_the_command_and_bounds_memory",
        ),
        long=(f"{HERE}09_a_client_stops_reading.py",),
    ),
    10: Row(
        fault="17 MiB requests, 16 MiB - 1 requests, 5 MiB of output",
        tests=(
            f"{GUARD}test_limit_of_a_request_is_sixteen_mebibytes",
            f"{GUARD}test_answer_beyond_the_limit_is_told_as_too_large",
            "tests/rpc/test_tool_registry_service.py::test_five_megabytes_of_output_are_bounded_and_the_stream_lives",
        ),
    ),
    11: Row(
        fault="huge, broken and doubled metadata",
        tests=(
            f"{AUTH}test_huge_metadata_is_refused_and_the_server_lives",
            f"{AUTH}test_token_of_any_characters_is_no_crash",
            f"{AUTH}test_refused_call_leaves_no_token_in_the_log",
        ),
    ),
    12: Row(
        fault="no token, a wrong one, another process's, a client's",
        tests=(
            f"{AUTH}test_call_without_a_valid_token_is_refused_at_once",
            f"{AUTH}test_client_token_opens_what_the_table_lists_and_nothing_else",
            f"{AUTH}test_bidirectional_call_is_refused_before_it_sends_anything",
            f"{AUTH}test_refused_call_of_any_kind_runs_nothing_of_its_handler",
            f"{AUTH}test_no_token_opens_anything_once_the_server_is_going_away",
            f"{AUTH}test_reflection_lists_the_services_to_those_who_have_a_token",
            f"{AUTH}test_unknown_method_tells_strangers_nothing",
        ),
        long=(f"{ANSWERED}test_call_without_authority_is_refused_at_once",),
    ),
    13: Row(
        fault="another user dials; the folder is a link, public or foreign",
        tests=(
            f"{HERE}13_another_user.py",
            f"{SERVE}test_directory_that_others_could_reach_is_refused",
            f"{LAUNCH}TestAPlaceThatSomebodyElsePreparedIsRefused",
        ),
    ),
    14: Row(
        fault="stale socket and state, whose process id another program got",
        tests=(
            f"{WARM}test_process_that_got_the_number_of_a_dead_one_is_left_alone",
            f"{WARM}test_killed_sidecar_is_cleaned_up_and_replaced",
        ),
    ),
    15: Row(fault="fifty racing starts", tests=(f"{WARM}test_racing_starts_make_one_sidecar_and_all_are_served",)),
    16: Row(
        fault="eight shims on one database",
        tests=(f"{MANY}test_eight_processes_with_turns_lose_and_reorder_nothing",),
        long=(
            f"{MANY}test_eight_processes_with_200_turns_in_a_minute_wait_less_than_a_second_to_write",
            f"{MANY}test_eight_shims_ask_in_their_own_sessions_of_one_database",
        ),
    ),
    17: Row(
        fault="another process holds the write lock",
        tests=(f"{LOCKED}test_a_lock_of_another_process_is_told_to_writers_and_outlived_by_the_turn",),
        long=(f"{LOCKED}test_a_lock_of_thirty_seconds_is_outlived_by_the_turn",),
    ),
    18: Row(fault="the disk is full", tests=(f"{HERE}18_the_disk_is_full.py",)),
    19: Row(
        fault="the database is corrupt, newer, read-only, deleted", tests=(f"{HERE}19_the_database_cannot_be_used.py",)
    ),
    20: Row(
        fault="SIGKILL between journal and send, tool and journal", tests=(f"{HERE}20_killed_between_two_writes.py",)
    ),
    21: Row(
        fault="cancel at every moment, late and twice",
        tests=(
            f"{STREAM}test_cancel_ends_the_turn_and_not_the_stream",
            "tests/rpc/test_cancel.py::test_turn_that_is_cancelled_twice_and_late_ends_once",
            f"{HISTORY}test_turn_that_is_cancelled_at_any_event_leaves_a_valid_history",
            f"{CHAT}test_escape_cancels_the_turn_and_keeps_what_was_said",
        ),
        long=(f"{ANSWERED}test_cancelled_turn_ends_at_once",),
    ),
    22: Row(
        fault="a handler raises, is cancelled, exits, aborts twice",
        tests=(
            f"{GUARD}test_handler_that_breaks_is_answered_and_logged_once_with_an_id",
            f"{GUARD}test_second_abort_of_a_handler_changes_nothing",
            f"{GUARD}test_status_comes_although_a_send_was_cancelled",
        ),
    ),
    23: Row(
        fault="a client half-closes, is killed, cancels",
        tests=(
            f"{LOST}test_killed_terminal_ends_its_command",
            f"{LOST}test_killed_chat_client_ends_its_turn",
            f"{LOST}test_client_that_half_closes_and_waits_is_not_lost",
        ),
        long=(
            f"{LOST}test_killed_terminal_ends_its_command",
            f"{LOST}test_killed_chat_client_ends_its_turn",
            f"{LOST}test_client_that_half_closes_and_waits_is_not_lost",
        ),
    ),
    24: Row(
        fault="repeated events, a resume beyond the end, a late attach",
        tests=(
            f"{STREAM}test_repeated_event_is_dropped_also_on_another_stream",
            f"{STREAM}test_resume_beyond_the_last_event_is_refused",
            f"{STREAM}test_attach_must_come_within_five_seconds",
            f"{STREAM}test_event_that_makes_no_sense_ends_the_stream_and_no_turn",
        ),
    ),
    25: Row(
        fault="racing, late and unknown answers",
        tests=(
            "tests/application/test_approvals.py::test_only_the_first_of_a_hundred_racing_answers_wins",
            f"{ASKING}test_answers_at_once_settle_it_once",
            f"{ASKING}test_resolve_answers_once_and_repeats_are_fine",
            f"{ASKING}test_answer_that_does_not_count_is_told_and_the_stream_stays",
        ),
    ),
    26: Row(
        fault="nobody to ask, or the prompter vanishes",
        tests=(
            f"{ASKING}test_call_that_nobody_can_answer_is_refused_at_once",
            f"{ASKING}test_prompter_that_vanishes_hands_its_question_to_the_next",
            "tests/application/test_approvals.py::test_request_expires_when_the_only_prompter_vanishes",
        ),
    ),
    27: Row(
        fault="noise before the handshake",
        tests=(
            f"{LAUNCH}TestASidecarStartsThroughNoiseThatEnds",
            f"{LAUNCH}TestAFailedStartSaysWhatHappenedAndWhatToDo",
        ),
    ),
    28: Row(
        fault="no Python, a broken one, packages missing, old or foreign",
        tests=(
            f"{LAUNCH}TestPythonIsFoundInOrder",
            f"{LAUNCH}TestAVariableThatNamesNoPythonIsAnError",
            f"{LAUNCH}TestAPythonThatCannotBeRunIsNamed",
            f"{LAUNCH}TestAnInstallationForOneUserIsNamed",
            f"{HERE}28_a_damaged_installation.py",
        ),
    ),
    29: Row(fault="planted modules and start-up files", tests=(f"{HERE}29_planted_modules.py",)),
    30: Row(
        fault="dead proxies",
        tests=(
            f"{LAUNCH}TestADeadProxyDoesNotMatter",
            "tests/adapters/model/test_client.py::test_a_dead_proxy_is_an_error_that_names_proxies",
            "tests/adapters/model/test_client.py::test_a_server_on_this_machine_is_reached_past_a_dead_proxy",
        ),
    ),
    31: Row(
        fault="long, unwritable and public folders, umask 000",
        tests=(
            f"{LAUNCH}TestThePrivateFolderIsMineAloneUnderAnyUmask",
            f"{LAUNCH}TestAPlaceThatCannotBeUsedIsPassedOver",
            f"{HERE}31_a_place_for_the_socket.py",
            "tests/sidecar/test_foreground.py::test_directory_falls_back_when_the_runtime_directory_is_no_good",
        ),
    ),
    32: Row(fault="few descriptors, many connections and streams", tests=(f"{HERE}32_too_many_connections.py",)),
    33: Row(
        fault="an hour of turns, attaches and tools",
        tests=(f"{RUNNER}test_many_programs_run_side_by_side_without_leaving_descriptors_or_zombies",),
        long=(f"{HERE}33_a_long_life.py",),
    ),
    34: Row(
        fault="the clock jumps by a day",
        tests=(f"{HERE}34_the_clock_jumps.py",),
        not_possible=(
            "setting the clock changes the whole machine, time namespaces leave the time of day as it is, and a "
            "preloaded library does not reach the shim, which has no C library; tested instead: it jumps where a real "
            "sidecar reads it, and nothing else reads it. The clocks of SQLite's files and of a PostgreSQL server did "
            "not jump"
        ),
    ),
    35: Row(
        fault="resize storms, suspend, small windows, closed output, 1 MB pastes",
        tests=(
            f"{SHIM}TestAStormOfResizesEndsWithTheLatestSize",
            f"{SHIM}TestSuspendStopsWithACookedTerminalAndComesBackRaw",
            f"{SHIM}TestAClosedOutputEndsTheCommandAsItWouldALocalOne",
            f"{SHIM}TestALargePasteArrivesWhole",
            f"{SHIM}TestATerminalWithoutASizeIsTakenFor24By80AndASmallOneAsItIs",
        ),
    ),
    36: Row(fault="429, 529, cuts, silence, refused TLS", tests=("tests/application/test_streaming_faults.py",)),
    37: Row(fault="version skew", tests=(f"{HERE}37_version_skew.py",)),
    38: Row(
        fault="an end with what hangs",
        tests=(f"{SERVE}test_end_that_hangs_is_forced_within_the_hard_cap",),
        long=(f"{HERE}38_an_end_with_what_hangs.py",),
    ),
    39: Row(
        fault="garbage on the socket",
        tests=(
            f"{LOST}test_garbage_on_the_socket_harms_nobody",
            f"{LOST}test_garbage_in_a_message_is_an_answer_and_no_crash",
            "tests/rpc/test_tool_registry_service.py::test_struct_of_ten_thousand_levels_is_an_invalid_field",
        ),
    ),
    40: Row(fault="a second sidecar in the middle of a turn", tests=(f"{HERE}40_a_second_sidecar_starts.py",)),
    41: Row(
        fault="an MCP server dies in a call",
        tests=(
            "tests/e2e/test_mcp_servers.py::test_a_server_that_dies_in_a_call_is_told_as_unknown_and_nothing_is_sent_again",
            "tests/adapters/mcp_client/test_servers.py::test_a_server_that_dies_again_and_again_is_left_alone_for_a_while",
            "tests/adapters/atmos_mcp/test_kept_atmos.py::test_a_server_that_dies_is_replaced_and_a_read_repeated",
            "tests/adapters/atmos_mcp/test_kept_atmos.py::test_a_write_during_which_it_dies_is_unknown_and_sent_once",
        ),
    ),
    42: Row(
        fault="prompt too long, pause_turn, max_tokens in a call, refusal",
        tests=(
            "tests/application/test_streaming_faults.py::test_every_way_to_stop_closes_the_turn_with_a_valid_history",
        ),
    ),
    43: Row(
        fault="a killed shim, an upgrade and a cleaner under a warm sidecar",
        tests=(
            f"{WARM}test_killed_shim_ends_its_run_and_not_the_sidecar",
            f"{WARM}test_unlinked_lock_is_noticed_and_nobody_is_kept_out",
            f"{HERE}43_an_upgrade_under_a_warm_sidecar.py",
            f"{LAUNCH}TestAnotherInstallationIsReplacedWhenIdleAndLeftAloneWhenBusy",
        ),
    ),
    44: Row(
        fault="kill -9 of the sidecar while a plan and while an apply runs",
        tests=(
            f"{RUNNER}test_kill_9_of_the_sidecar_ends_a_program_that_reads",
            f"{RUNNER}test_kill_9_of_the_sidecar_leaves_a_change_to_finish_without_a_signal",
            f"{TOOLS}test_an_apply_survives_and_its_outcome_is_told_at_the_next_start_and_it_never_runs_again",
        ),
    ),
    45: Row(
        fault="a paused holder of a lease comes back",
        tests=(f"{PAUSED}test_a_holder_that_was_stopped_for_longer_than_its_lease_writes_nothing",),
        long=(f"{PAUSED}test_a_holder_that_was_stopped_for_sixty_seconds_writes_nothing",),
    ),
}
