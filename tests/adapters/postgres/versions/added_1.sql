INSERT INTO sessions (id, project_key, name, project_path, model, provider, author, created_at, updated_at, metadata, message_count, last_seq, lease_owner, lease_turn, lease_epoch)
VALUES ('c14c1cf5-8f49-421d-9a3f-c94e320ad6ce', '/home/ada/infra', 'vpc-refactor', '/home/ada/infra', 'm', 'anthropic', 'bob', '2026-01-02T03:04:05Z', '2026-01-02T03:04:05Z', '{}', 2, 1, 'owner-1', 'turn-1', 1);
INSERT INTO messages
VALUES ('c14c1cf5-8f49-421d-9a3f-c94e320ad6ce', 1, 'user', 'Which subnets?', 'which subnets?', '2026-01-02T03:04:05Z', '', '[{"type":"text","text":"Which subnets?"}]', NULL, 'bob', 'w-1');
INSERT INTO messages
VALUES ('c14c1cf5-8f49-421d-9a3f-c94e320ad6ce', 2, 'assistant', 'Three subnets.', 'three subnets.', '2026-01-02T03:04:05Z', 'turn-1', '[{"type":"text","text":"Three subnets."},{"type":"tool_call","id":"toolu_1","name":"look","input":{"a":1}}]', '{"input_tokens":5,"output_tokens":1}', 'bob', 'w-2');
INSERT INTO session_context
VALUES ('c14c1cf5-8f49-421d-9a3f-c94e320ad6ce', 'stack', 'a', 'b');
INSERT INTO idempotency_keys
VALUES ('create_session', 'r-1', 'c14c1cf5-8f49-421d-9a3f-c94e320ad6ce');
INSERT INTO turns
VALUES ('c14c1cf5-8f49-421d-9a3f-c94e320ad6ce', 'turn-1', 'owner-1', 'bob', '2026-01-02T03:04:05Z', NULL);
INSERT INTO events
VALUES ('c14c1cf5-8f49-421d-9a3f-c94e320ad6ce', 1, 'turn-1', '2026-01-02T03:04:05Z', 'text_delta', '{"type":"text_delta","text":"Three"}', 'w-3');
