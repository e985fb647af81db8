// A client in TypeScript: `npm start [PROJECT]` lists sessions, hosts a tool, and runs turns that use the tool and that
// ask. It attaches to the sidecar that ATMOS_AI_ADDRESS and ATMOS_AI_TOKEN name; without them it launches its own.
import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { PassThrough } from "node:stream";

import type { MessageInitShape } from "@bufbuild/protobuf";
import { createClient, type Interceptor, type Transport } from "@connectrpc/connect";
import { createGrpcTransport, Http2SessionManager } from "@connectrpc/connect-node";

import { ChatRequestSchema, ChatService, StopReason } from "./gen/atmos_ai_sidecar/v1/chat_service_pb.js";
import { Answer, Effect, type PermissionRequest, PermissionService } from "./gen/atmos_ai_sidecar/v1/permission_service_pb.js";
import { SessionService } from "./gen/atmos_ai_sidecar/v1/session_service_pb.js";
import { HostToolsRequestSchema, ToolRegistryService } from "./gen/atmos_ai_sidecar/v1/tool_registry_service_pb.js";

type Sidecar = { address: string; token: string; stop: () => Promise<void> };

/** Starts a sidecar: bootstrap line in, handshake line out. It ends when its standard input does, as with this process. */
async function launch(project: string): Promise<Sidecar> {
  const folder = mkdtempSync(join(process.env.XDG_RUNTIME_DIR ?? tmpdir(), "atmos-ai-"));
  const python = process.env.ATMOS_AI_PYTHON ?? "python3";
  const child: ChildProcess = spawn(python, ["-I", "-X", "utf8", "-m", "atmos_ai_sidecar", "serve"], {
    cwd: project,
    detached: true,
    stdio: ["pipe", "pipe", "inherit"],
  });
  const ended = new Promise<void>((resolve) => child.once("close", () => resolve()));
  const token = randomBytes(32).toString("hex");
  const bootstrap = { magic: "atmos-ai-sidecar", protocol_versions: [1], token, socket_directory: folder, parent_pid: process.pid };
  child.on("error", (error) => console.error(`${python} cannot be run: ${error.message}`));
  child.stdin!.write(JSON.stringify(bootstrap) + "\n");
  for await (const line of createInterface({ input: child.stdout! })) {
    if (!line.startsWith("ATMOS-AI-SIDECAR|1|")) continue;
    const answer = JSON.parse(line.slice("ATMOS-AI-SIDECAR|1|".length));
    if (answer.error) throw new Error(answer.error.message);
    child.stdout!.resume(); // whatever is printed later is thrown away
    const stop = async () => {
      child.stdin!.end();
      await ended;
      rmSync(folder, { recursive: true, force: true });
    };
    return { address: answer.address, token, stop };
  }
  throw new Error("the sidecar did not start");
}

/** gRPC over the Unix socket; every call carries the token. */
function dial(address: string, token: string): { transport: Transport; close: () => void } {
  const path = address.replace(/^unix:(\/\/)?/, "");
  const baseUrl = "http://localhost";
  const sessionManager = new Http2SessionManager(baseUrl, {}, { createConnection: () => connect(path) });
  const authorize: Interceptor = (next) => (request) => {
    request.header.set("authorization", `Bearer ${token}`);
    return next(request);
  };
  const transport = createGrpcTransport({ baseUrl, sessionManager, interceptors: [authorize] });
  return { transport, close: () => sessionManager.abort() };
}

async function listSessions(transport: Transport) {
  const sessions = createClient(SessionService, transport);
  const names: string[] = [];
  let pageToken = "";
  do {
    const page = await sessions.listSessions({ pageToken });
    names.push(...page.sessions.map((session) => session.name));
    pageToken = page.nextPageToken;
  } while (pageToken);
  console.log("sessions:", names.join(", ") || "none");
}

/** Registers the tool, and answers calls of it until the connection ends. */
async function host(transport: Transport) {
  const requests = new PassThrough({ objectMode: true });
  const send = (request: MessageInitShape<typeof HostToolsRequestSchema>) => requests.write(request);
  const inputSchema = { type: "object", properties: { key: { type: "string" } }, required: ["key"] };
  const description = "Says what a ticket of the tracker is about.";
  const tools = [{ name: "ticket", description, inputSchema, effect: Effect.READ }];
  send({ event: { case: "register", value: { hostName: "example", tools } } });
  const events = createClient(ToolRegistryService, transport).hostTools(requests)[Symbol.asyncIterator]();
  await events.next(); // registered, or an error
  const serve = async () => {
    for (let next = await events.next(); !next.done; next = await events.next()) {
      if (next.value.event.case !== "call") continue;
      const { callId, toolCall } = next.value.event.value;
      const toolResult = { success: true, output: `${toolCall?.input?.key} is open.` };
      send({ event: { case: "result", value: { callId, toolResult } } });
    }
  };
  serve().catch(() => {}); // the program ends, or the sidecar
}

/** Shows a question and answers it; a program for people would read the answer. */
async function allowOnce(transport: Transport, request: PermissionRequest) {
  console.log(["", ...request.lines].join("\n"));
  const option = request.options.find((each) => each.answer === Answer.ALLOW_ONCE)!;
  console.log(">", option.label);
  const { permissionRequestId, digest } = request;
  const permissions = createClient(PermissionService, transport);
  await permissions.resolvePermissionRequest({ permissionRequestId, digest, optionId: option.optionId });
}

async function runTurn(transport: Transport, text: string) {
  const requests = new PassThrough({ objectMode: true });
  const session = { case: "sessionName", value: "example" } as const;
  const send = (request: MessageInitShape<typeof ChatRequestSchema>) => requests.write(request);
  send({ event: { case: "attach", value: { session, interactive: true } } });
  send({ event: { case: "userMessage", value: { text } } });
  console.log("\nyou:", text);
  for await (const { event } of createClient(ChatService, transport).chat(requests)) {
    if (event.case === "textDelta") process.stdout.write(event.value.text);
    if (event.case === "toolCallStarted") console.log("\n*", event.value.title);
    if (event.case === "permissionRequested") await allowOnce(transport, event.value.permissionRequest!);
    if (event.case !== "turnFinished") continue;
    console.log(`\nSTOP_REASON_${StopReason[event.value.stopReason]}`, event.value.message);
    requests.end(); // no more is said: the stream ends
  }
}

async function main(project: string) {
  const { ATMOS_AI_ADDRESS: address, ATMOS_AI_TOKEN: token } = process.env;
  const attached = { address: address ?? "", token: token ?? "", stop: async () => {} };
  const sidecar = address ? attached : await launch(project);
  const { transport, close } = dial(sidecar.address, sidecar.token);
  try {
    await listSessions(transport);
    await host(transport);
    await runTurn(transport, "Use the tool ticket with key NET-7.");
    await runTurn(transport, "Plan the database in ue1-prod.");
  } finally {
    await sidecar.stop();
    close();
  }
}

await main(process.argv[2] ?? ".");
