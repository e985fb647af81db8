INSERT INTO compactions (session_id, created_at, summary, summarized_through, pruned_through, focus, usage)
VALUES ('c14c1cf5-8f49-421d-9a3f-c94e320ad6ce', '2026-01-02T03:04:05Z', 'They asked.', 2, 1, '', '{"input_tokens":7}');
