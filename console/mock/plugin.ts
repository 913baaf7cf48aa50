// Puts the mock center behind Vite's servers: the same handlers, the same content security policy as the real center,
// and a live stream. `/mock/…` lets tests change the weather; nothing of this is in the build.
import type { IncomingMessage, ServerResponse } from "node:http";
import { getResponse } from "msw";
import type { Connect, Plugin } from "vite";
import { handlers, listen, logOut, newAlert, overview, reset, tell } from "./handlers";
import { ORIGIN, weather } from "./on";

/** What the real center sends with every page. */
export const POLICY =
  "default-src 'self'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'";

/** Streams are cut, and refused until this is false again. */
let streamOff = false;
const streams = new Set<ServerResponse>();

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString("utf8");
}

function stream(response: ServerResponse): void {
  if (streamOff) {
    response.destroy();
    return;
  }
  response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
  const send = (data: unknown) => response.write(`data: ${JSON.stringify(data)}\n\n`);
  const tick = () => send({ kind: "tick", overview: overview() });
  tick();
  const timer = setInterval(tick, 1000);
  const off = listen(send);
  streams.add(response);
  response.on("close", () => {
    clearInterval(timer);
    off();
    streams.delete(response);
  });
}

function control(path: string, query: URLSearchParams): string {
  if (path === "/mock/reset") {
    streamOff = false;
    reset();
  } else if (path === "/mock/alert") return String(newAlert());
  else if (path === "/mock/logout") logOut();
  else if (path === "/mock/delay") weather.delayMs = Number(query.get("ms"));
  else if (path === "/mock/fail") weather.failing.add(query.get("path") ?? "");
  else if (path === "/mock/tell") tell(JSON.parse(query.get("event") ?? "{}"));
  else if (path === "/mock/stream") {
    streamOff = query.get("off") === "1";
    if (streamOff) for (const response of streams) response.destroy();
  }
  return "ok";
}

const middleware: Connect.NextHandleFunction = (request, response, next) => {
  const url = new URL(request.url ?? "/", ORIGIN);
  if (url.pathname.startsWith("/mock/")) {
    response.end(control(url.pathname, url.searchParams));
    return;
  }
  if (url.pathname === "/api/stream") {
    stream(response);
    return;
  }
  if (!url.pathname.startsWith("/api/")) {
    next();
    return;
  }
  void (async () => {
    const method = request.method ?? "GET";
    const body = method === "GET" || method === "HEAD" ? undefined : await readBody(request);
    const asked = new Request(url, {
      method,
      body: body || undefined,
      headers: { "content-type": request.headers["content-type"] ?? "application/json" },
    });
    const answer = await getResponse(handlers, asked);
    response.statusCode = answer?.status ?? 404;
    response.setHeader("content-type", answer?.headers.get("content-type") ?? "application/json");
    response.end(
      answer ? Buffer.from(await answer.arrayBuffer()) : '{"code":"not_found","message":"the mock has no such route"}',
    );
  })();
};

export function mockCenter(): Plugin {
  return {
    name: "mock-center",
    configureServer: (server) => {
      server.middlewares.use(middleware);
    },
    configurePreviewServer: (server) => {
      server.middlewares.use((_, response, next) => {
        response.setHeader("content-security-policy", POLICY);
        next();
      });
      server.middlewares.use(middleware);
    },
  };
}
