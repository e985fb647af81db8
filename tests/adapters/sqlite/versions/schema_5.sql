BEGIN TRANSACTION;
CREATE TABLE events (
        session_id TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
        seq INTEGER NOT NULL,
        turn_id TEXT NOT NULL,
        created_at TEXT NOT NULL,
        type TEXT NOT NULL,
        event TEXT NOT NULL,
        PRIMARY KEY (session_id, seq)
    );
INSERT INTO "events" VALUES('c14c1cf5-8f49-421d-9a3f-c94e320ad6ce',1,'turn-1','2026-01-02T03:04:05.000000Z','text_delta','{"type":"text_delta","text":"Three"}');
CREATE TABLE idempotency_keys (
        scope TEXT NOT NULL,
        request_id TEXT NOT NULL,
        session_id TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
        first_message_id INTEGER NOT NULL DEFAULT 0,
        last_message_id INTEGER NOT NULL DEFAULT 0,
        created_at TEXT NOT NULL,
        PRIMARY KEY (scope, request_id)
    );
INSERT INTO "idempotency_keys" VALUES('create_session','r-1','c14c1cf5-8f49-421d-9a3f-c94e320ad6ce',0,0,'2026-01-02T03:04:05.000000Z');
INSERT INTO "idempotency_keys" VALUES('append_messages:c14c1cf5-8f49-421d-9a3f-c94e320ad6ce','m-1','c14c1cf5-8f49-421d-9a3f-c94e320ad6ce',1,2,'2026-01-02T03:04:05.000000Z');
CREATE TABLE messages (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        session_id TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
        role TEXT NOT NULL,
        content TEXT NOT NULL,
        created_at TEXT NOT NULL,
        turn_id TEXT NOT NULL DEFAULT '',
        blocks TEXT NOT NULL,
        usage TEXT
    );
INSERT INTO "messages" VALUES(1,'c14c1cf5-8f49-421d-9a3f-c94e320ad6ce','user','Which subnets does vpc have?','2026-01-02T03:04:05.000000Z','','[{"type":"text","text":"Which subnets does vpc have?"}]',NULL);
INSERT INTO "messages" VALUES(2,'c14c1cf5-8f49-421d-9a3f-c94e320ad6ce','assistant','Three subnets.','2026-01-02T03:04:05.000000Z','turn-1','[{"type":"text","text":"Three subnets."},{"type":"tool_call","id":"toolu_1","name":"atmos_list_stacks","input":{"a":1}}]','{"input_tokens":5,"output_tokens":0,"cache_read_input_tokens":0,"cache_creation_input_tokens":0}');
INSERT INTO "messages" VALUES(3,'3d5fc88f-857f-43f7-8f44-463fa89eaccf','user','hello','2026-01-02T03:04:05.000000Z','','[{"type":"text","text":"hello"}]',NULL);
CREATE TABLE permission_requests (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        session_id TEXT REFERENCES sessions (id) ON DELETE CASCADE,
        turn_id TEXT NOT NULL,
        tool_call_id TEXT NOT NULL,
        owner TEXT NOT NULL,
        tool TEXT NOT NULL,
        digest TEXT NOT NULL,
        request TEXT NOT NULL,
        created_at TEXT NOT NULL,
        expires_at TEXT NOT NULL,
        outcome TEXT,
        resolved_by TEXT NOT NULL DEFAULT '',
        resolved_at TEXT,
        comment TEXT NOT NULL DEFAULT ''
    );
INSERT INTO "permission_requests" VALUES(1,'p-1','c14c1cf5-8f49-421d-9a3f-c94e320ad6ce','turn-1','toolu_1','owner-1','atmos_terraform_plan','d1','{"id":"p-1","session_id":"c14c1cf5-8f49-421d-9a3f-c94e320ad6ce","turn_id":"turn-1","tool_call_id":"toolu_1","run_id":"","tool":"atmos_terraform_plan","effect":"execute","canonical_input":"{\"component\":\"database\",\"stack\":\"ue1-prod\"}","title":"Plan database in ue1-prod","stack":"ue1-prod","lines":["Plan database in ue1-prod?","stack: ue1-prod"],"options":[{"id":"yes","label":"Yes","key":"y","answer":"allow_once","rule_preview":""},{"id":"always","label":"Always","key":"a","answer":"allow_always","rule_preview":"always allow"}],"digest":"d1","create_time":"2026-01-02T03:04:05+00:00","expire_time":"2026-01-02T03:14:05+00:00","outcome":null,"resolved_by":"","resolve_time":null,"comment":""}','2026-01-02T03:04:05.000000Z','2026-01-02T03:14:05.000000Z',NULL,'',NULL,'');
CREATE TABLE schema_migrations (
        version INTEGER PRIMARY KEY NOT NULL,
        name TEXT NOT NULL,
        checksum TEXT NOT NULL,
        applied_at TEXT NOT NULL
    );
INSERT INTO "schema_migrations" VALUES(1,'sessions','152f5a3c3f095a40d15c1f27a8a81a125fe5b34cdc2a53fcd1940778e9e72593','2026-01-02T03:04:05.000000Z');
INSERT INTO "schema_migrations" VALUES(2,'search','98d45da99694817cfafc10315cb3b9a244c0a6207c49abd359f519c4432c9aec','2026-01-02T03:04:05.000000Z');
INSERT INTO "schema_migrations" VALUES(3,'tool_outputs','760bd8a4216e95e0eeda681185bf41d8b6324c6c961c5b3f4426ed161676a714','2026-01-02T03:04:05.000000Z');
INSERT INTO "schema_migrations" VALUES(4,'compactions','8c03cfb215b4a77c4d8802043cfecdcd26670ec4398f5789c37566308388348b','2026-01-02T03:04:05.000000Z');
INSERT INTO "schema_migrations" VALUES(5,'audit','817e425bda3ec6e0eb6b9f94560999a33f391a72e545745f0723fca7bdb47946','2026-01-02T03:04:05.000000Z');
CREATE TABLE session_context (
        session_id TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
        context_type TEXT NOT NULL,
        context_key TEXT NOT NULL,
        context_value TEXT NOT NULL,
        PRIMARY KEY (session_id, context_type, context_key)
    );
INSERT INTO "session_context" VALUES('c14c1cf5-8f49-421d-9a3f-c94e320ad6ce','stack','a','b');
CREATE TABLE sessions (
        id TEXT PRIMARY KEY NOT NULL,
        name TEXT NOT NULL,
        project_path TEXT NOT NULL,
        model TEXT NOT NULL,
        provider TEXT NOT NULL,
        created_at TEXT NOT NULL,
        updated_at TEXT NOT NULL,
        metadata TEXT NOT NULL DEFAULT '{}',
        archived INTEGER NOT NULL DEFAULT 0,
        revision INTEGER NOT NULL DEFAULT 1,
        message_count INTEGER NOT NULL DEFAULT 0,
        last_seq INTEGER NOT NULL DEFAULT 0,
        UNIQUE (project_path, name)
    );
INSERT INTO "sessions" VALUES('c14c1cf5-8f49-421d-9a3f-c94e320ad6ce','vpc-refactor','/home/ada/infra','claude-sonnet-5-5','anthropic','2026-01-02T03:04:05.000000Z','2026-01-02T03:04:05.000000Z','{}',0,1,2,1);
INSERT INTO "sessions" VALUES('3d5fc88f-857f-43f7-8f44-463fa89eaccf','other','/home/ada/infra','claude-sonnet-5-5','anthropic','2026-01-02T03:04:05.000000Z','2026-01-02T03:04:05.000000Z','{}',0,1,1,0);
CREATE TABLE turns (
        session_id TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
        turn_id TEXT NOT NULL,
        owner TEXT NOT NULL,
        started_at TEXT NOT NULL,
        finished_at TEXT,
        PRIMARY KEY (session_id, turn_id)
    );
INSERT INTO "turns" VALUES('c14c1cf5-8f49-421d-9a3f-c94e320ad6ce','turn-1','owner-1','2026-01-02T03:04:05.000000Z',NULL);
CREATE INDEX sessions_by_update ON sessions (project_path, updated_at, id);
CREATE INDEX sessions_in_use_by_update ON sessions (project_path, updated_at, id) WHERE archived = 0;
CREATE INDEX messages_by_session ON messages (session_id, id);
CREATE INDEX idempotency_keys_by_session ON idempotency_keys (session_id);
CREATE UNIQUE INDEX turns_open ON turns (session_id) WHERE finished_at IS NULL;
CREATE INDEX permission_requests_by_session ON permission_requests (session_id, number);
CREATE INDEX permission_requests_pending ON permission_requests (owner, number) WHERE outcome IS NULL;
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('messages',3);
INSERT INTO "sqlite_sequence" VALUES('permission_requests',1);
CREATE VIRTUAL TABLE messages_fts USING fts5 (content, content='messages', content_rowid='id');
INSERT INTO messages_fts (messages_fts) VALUES ('rebuild');
CREATE TABLE tool_outputs (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        session_id TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
        tool_call_id TEXT NOT NULL,
        tool TEXT NOT NULL,
        created_at TEXT NOT NULL,
        characters INTEGER NOT NULL,
        output TEXT NOT NULL,
        UNIQUE (session_id, tool_call_id)
    );
CREATE TABLE compactions (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        session_id TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
        created_at TEXT NOT NULL,
        summary TEXT NOT NULL,
        summarized_through INTEGER NOT NULL,
        pruned_through INTEGER NOT NULL,
        focus TEXT NOT NULL,
        usage TEXT NOT NULL
    );
CREATE INDEX compactions_by_session ON compactions (session_id, number);
INSERT INTO "tool_outputs" VALUES(1,'c14c1cf5-8f49-421d-9a3f-c94e320ad6ce','toolu_1','atmos_list_stacks','2026-01-02T03:04:05.000000Z',4,'dev
');
INSERT INTO "compactions" VALUES(1,'c14c1cf5-8f49-421d-9a3f-c94e320ad6ce','2026-01-02T03:04:05.000000Z','They asked for subnets.',2,1,'subnets','{"input_tokens":7,"output_tokens":3}');
CREATE TABLE audit (
        chain TEXT NOT NULL,
        number INTEGER NOT NULL,
        entry TEXT NOT NULL,
        code TEXT NOT NULL,
        PRIMARY KEY (chain, number)
    ) WITHOUT ROWID
    ;
INSERT INTO "audit" VALUES('chain-1',1,'{"what":"test"}','c0de');
COMMIT;
PRAGMA user_version = 5;
