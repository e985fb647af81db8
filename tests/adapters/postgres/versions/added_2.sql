INSERT INTO tool_outputs (session_id, tool_call_id, tool, created_at, characters, output)
VALUES ('c14c1cf5-8f49-421d-9a3f-c94e320ad6ce', 'toolu_1', 'look', '2026-01-02T03:04:05Z', 4, 'dev.');
