// The one place that talks to the center. Sends the session's CSRF word with each change, turns every refusal into a
// `Refused`, and a lost connection into a `Refused` of its own, so that pages need one way to say what failed.
import type { Answer, Body, ErrorBody, Method, Params, PathOf, Query } from "./types";

/** Ends a request that the center never answers. */
const REQUEST_TIMEOUT_MS = 30_000;

/** A refusal by the center, or `unreachable` when it did not answer at all. */
export class Refused extends Error {
  readonly status: number;
  readonly code: string;
  readonly at: string | null;

  constructor(status: number, body: ErrorBody) {
    super(body.message);
    this.name = "Refused";
    this.status = status;
    this.code = body.code;
    this.at = body.at ?? null;
  }
}

let csrf = "";

/** Set the word that proves a change comes from this page. */
export function setCsrf(word: string): void {
  csrf = word;
}

interface Input<P, Q, B> {
  path?: P;
  query?: Q;
  body?: B;
  signal?: AbortSignal;
}

/** Fill `{id}` and append the query; absent and empty values are left out. */
export function url(path: string, params?: object, query?: object): string {
  let filled = path;
  for (const [name, value] of Object.entries(params ?? {})) {
    filled = filled.replace(`{${name}}`, encodeURIComponent(String(value)));
  }
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query ?? {})) {
    if (value !== undefined && value !== null && value !== "") search.set(name, String(value));
  }
  const text = search.toString();
  return text ? `${filled}?${text}` : filled;
}

async function refusal(response: Response): Promise<Refused> {
  const fallback: ErrorBody = { code: `http_${response.status}`, message: `the center answered ${response.status}` };
  const body = await response.json().catch(() => fallback);
  return new Refused(response.status, typeof body?.code === "string" ? body : fallback);
}

async function send(method: Method, path: string, input: Input<object, object, unknown> = {}): Promise<unknown> {
  const headers: Record<string, string> = { accept: "application/json" };
  const file = input.body instanceof Blob ? input.body : null;
  if (input.body !== undefined) headers["content-type"] = file ? "application/octet-stream" : "application/json";
  if (method !== "get" && csrf) headers["x-bongsu-csrf"] = csrf;
  const timeout = AbortSignal.timeout(REQUEST_TIMEOUT_MS);
  let response: Response;
  try {
    response = await fetch(url(path, input.path, input.query), {
      method: method.toUpperCase(),
      headers,
      body: file ?? (input.body === undefined ? undefined : JSON.stringify(input.body)),
      signal: input.signal ? AbortSignal.any([input.signal, timeout]) : timeout,
      credentials: "same-origin",
    });
  } catch (cause) {
    if (input.signal?.aborted) throw cause;
    throw new Refused(0, { code: "unreachable", message: "the center did not answer" });
  }
  if (!response.ok) throw await refusal(response);
  return response.status === 204 ? undefined : response.json();
}

/** Send a file as it is. */
export const upload = (path: string, query: object, body: Blob): Promise<unknown> =>
  send("post", path, { query, body });

type Call<M extends Method> = <P extends PathOf<M>>(
  path: P,
  input?: Input<Params<P, M>, Query<P, M>, Body<P, M>>,
) => Promise<Answer<P, M>>;

const call = (method: Method) => (path: string, input?: object) => send(method, path, input);

/** Calls by method; paths, parameters, bodies and answers are checked against the contract. */
export const api = {
  get: call("get") as Call<"get">,
  post: call("post") as Call<"post">,
  put: call("put") as Call<"put">,
  patch: call("patch") as Call<"patch">,
  delete: call("delete") as Call<"delete">,
};
