/** JSON over the session cookie: CSRF token, one error shape, and a word for each way a request can end. */

export interface ApiProblem {
  readonly code: string;
  readonly sentence: string;
  readonly [field: string]: unknown;
}

export type Reply<Body> =
  | { readonly kind: "ok"; readonly body: Body }
  | { readonly kind: "problem"; readonly status: number; readonly problem: ApiProblem }
  /** 401: nobody is logged in any more. */
  | { readonly kind: "session" }
  /** No answer, or one that says "not now" (429, 5xx). */
  | { readonly kind: "unreachable" };

const TIMEOUT = 20_000;
/** Answers that say nothing about the request itself: the same request may go through later. */
const NOT_NOW = new Set([408, 425, 429, 500, 502, 503, 504]);

export type Method = "GET" | "POST" | "PUT" | "DELETE";

export async function request<Body>(method: Method, path: string, body?: unknown): Promise<Reply<Body>> {
  const headers: Record<string, string> = { Accept: "application/json" };
  if (method !== "GET") {
    headers["Content-Type"] = "application/json";
    // Read each time: a login in another tab changes the token.
    headers["X-CSRFToken"] = csrfToken();
  }
  let response: Response;
  try {
    response = await fetch(path, {
      method,
      headers,
      credentials: "same-origin",
      redirect: "manual",
      signal: AbortSignal.timeout(TIMEOUT),
      // Operations are small, and the browser may be closing: let it finish them.
      keepalive: method !== "GET",
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  } catch {
    return { kind: "unreachable" };
  }
  return replyOf<Body>(response);
}

async function replyOf<Body>(response: Response): Promise<Reply<Body>> {
  if (response.status === 401 || response.type === "opaqueredirect") return { kind: "session" };
  if (NOT_NOW.has(response.status)) return { kind: "unreachable" };
  let parsed: unknown;
  try {
    parsed = await response.json();
  } catch {
    return response.ok
      ? { kind: "unreachable" }
      : { kind: "problem", status: response.status, problem: unnamed(response.status) };
  }
  if (response.ok) return { kind: "ok", body: parsed as Body };
  const problem = isProblem(parsed) ? parsed : unnamed(response.status);
  // A token that belongs to a session which is gone is refused as forgery; logging in again mends it.
  if (response.status === 403 && (problem.code === "csrf" || problem.code === "not_authenticated")) return { kind: "session" };
  return { kind: "problem", status: response.status, problem };
}

const isProblem = (value: unknown): value is ApiProblem =>
  typeof value === "object" && value !== null && "code" in value && "sentence" in value;

const unnamed = (status: number): ApiProblem => ({ code: `http_${status}`, sentence: `The server answered ${status}.` });

function csrfToken(): string {
  const pair = document.cookie.split("; ").find((each) => each.startsWith("csrftoken="));
  return pair ? decodeURIComponent(pair.slice("csrftoken=".length)) : "";
}
