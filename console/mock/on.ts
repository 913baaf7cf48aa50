// Handlers with the contract's own types: a mock that drifts from `openapi.json` does not compile.
import { type DefaultBodyType, HttpResponse, http, type RequestHandler } from "msw";
import type { Answer, Body, ErrorBody, Method, PathOf } from "../src/api/types";

export interface Asked<B> {
  params: Record<string, string>;
  query: URLSearchParams;
  body: B;
  request: Request;
}

/** A refusal with its status. */
export class No {
  constructor(
    readonly status: number,
    readonly body: ErrorBody,
  ) {}
}

export const no = (status: number, code: string, message: string, at: string | null = null) =>
  new No(status, { code, message, at });

type Reply<T> = T | No | Promise<T | No>;

/** Origin the mock answers at; the path is what counts. */
export const ORIGIN = "http://mock.invalid";

/** Set by tests: answers take this long, ms; and may fail. */
export const weather = { delayMs: 0, failing: new Set<string>() };

export function on<M extends Method, P extends PathOf<M> & string>(
  method: M,
  path: P,
  answer: (asked: Asked<Body<P, M>>) => Reply<Answer<P, M>>,
): RequestHandler {
  return http[method](ORIGIN + path.replace(/\{(\w+)\}/g, ":$1"), async ({ request, params }) => {
    if (weather.delayMs > 0) await new Promise((done) => setTimeout(done, weather.delayMs));
    if (weather.failing.has(path))
      return HttpResponse.json({ code: "unavailable", message: "the mock was told to fail" }, { status: 503 });
    const text = method === "get" || method === "delete" ? "" : await request.text();
    const reply = await answer({
      params: params as Record<string, string>,
      query: new URL(request.url).searchParams,
      body: (text && request.headers.get("content-type") !== "application/octet-stream"
        ? JSON.parse(text)
        : undefined) as Body<P, M>,
      request,
    });
    if (reply instanceof No) return HttpResponse.json(reply.body, { status: reply.status });
    if (reply === undefined) return new HttpResponse(null, { status: 204 });
    return HttpResponse.json(reply as DefaultBodyType);
  });
}
