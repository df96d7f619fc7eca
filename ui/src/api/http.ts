/** How the portal speaks to the registry: one function for requests, one for pages of lists, one kind of error. */

const BASE = "/api/v2.0";
const CSRF_HEADER = "X-Harbor-CSRF-Token";

/** What the registry refused, in its own words. */
export class ApiError extends Error {
  override readonly name = "ApiError";

  constructor(
    /** The HTTP status, or 0 when no answer came. */
    readonly status: number,
    /** The registry's word for it, such as `NOT_FOUND`; empty when it gave none. */
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

export type Query = Record<string, string | number | boolean | undefined>;

interface Options {
  query?: Query;
  /** Sent as JSON. */
  body?: unknown;
  /** Sent as it is: a form. */
  form?: URLSearchParams;
  headers?: Record<string, string>;
  signal?: AbortSignal;
}

/** Which part of a list is wanted. */
export interface PageRequest {
  /** Counted from 1. */
  page: number;
  page_size: number;
  /** A field, with a `-` before it for descending order. */
  sort?: string;
  /** What the name has to contain. */
  search?: string;
}

/** A part of a list, and how long the whole list is. */
export interface Page<T> {
  items: T[];
  total: number;
}

/** The token of the last answer; whoever changes something by cookie has to send it back. */
let csrfToken = "";
const unauthorizedListeners = new Set<() => void>();

/** Calls `listener` whenever the registry wants somebody to sign in. Gives the function that ends this. */
export function onUnauthorized(listener: () => void): () => void {
  unauthorizedListeners.add(listener);
  return () => unauthorizedListeners.delete(listener);
}

/** Tells everybody who listens that the registry wants somebody to sign in. */
export function announceUnauthorized(): void {
  for (const listener of unauthorizedListeners) listener();
}

/** Sends a request to any path of the registry and gives its answer, whatever its status. */
export async function send(method: string, path: string, options: Options = {}): Promise<Response> {
  const headers = new Headers(options.headers);
  if (options.body !== undefined) headers.set("Content-Type", "application/json");
  if (method !== "GET" && csrfToken !== "") headers.set(CSRF_HEADER, csrfToken);
  const answer = await fetch(path + queryString(options.query), {
    method,
    headers,
    body: options.form ?? (options.body === undefined ? null : JSON.stringify(options.body)),
    credentials: "same-origin",
    signal: options.signal ?? null,
  }).catch((cause: unknown) => {
    if (cause instanceof DOMException && cause.name === "AbortError") throw cause;
    throw new ApiError(0, "", cause instanceof Error ? cause.message : String(cause));
  });
  csrfToken = answer.headers.get(CSRF_HEADER) ?? csrfToken;
  return answer;
}

/** Sends a request to the API and fails when the registry refuses it. */
export async function call(method: string, path: string, options: Options = {}): Promise<Response> {
  const answer = await send(method, BASE + path, options);
  if (answer.ok) return answer;
  if (answer.status === 401) announceUnauthorized();
  throw await readError(answer);
}

/** Reads one object. */
export async function get<T>(path: string, query?: Query, signal?: AbortSignal): Promise<T> {
  const answer = await call("GET", path, given({ query, signal }));
  return (await answer.json()) as T;
}

/** Reads a page of a list. */
export async function getPage<T>(path: string, query: Query, signal?: AbortSignal): Promise<Page<T>> {
  const answer = await call("GET", path, given({ query, signal }));
  const items = ((await answer.json()) ?? []) as T[];
  const total = Number(answer.headers.get("X-Total-Count") ?? items.length);
  return { items, total };
}

/** Reads what an answer says about its failure. */
export async function readError(answer: Response): Promise<ApiError> {
  const text = await answer.text();
  try {
    const first = (JSON.parse(text) as { errors?: { code?: string; message?: string }[] }).errors?.[0];
    if (first?.message) return new ApiError(answer.status, first.code ?? "", first.message);
  } catch {
    // Not JSON: a proxy in between, or plain text.
  }
  const plain = text.length > 0 && text.length < 300 && !text.trimStart().startsWith("<");
  const reason = `${answer.status} ${answer.statusText}`.trim();
  return new ApiError(answer.status, "", plain ? `${reason}: ${text.trim()}` : reason);
}

/** A filter for the parameter `q`: the field contains the text. */
export function contains(field: string, text: string | undefined): string | undefined {
  // A comma ends a condition, and what follows would be another one.
  const value = text?.replaceAll(",", " ").trim();
  return value ? `${field}=~${value}` : undefined;
}

function queryString(query: Query | undefined): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query ?? {})) {
    if (value !== undefined && value !== "") parameters.set(name, String(value));
  }
  const text = parameters.toString();
  return text === "" ? "" : `?${text}`;
}

function given(options: { query: Query | undefined; signal: AbortSignal | undefined }): Options {
  return {
    ...(options.query && { query: options.query }),
    ...(options.signal && { signal: options.signal }),
  };
}
