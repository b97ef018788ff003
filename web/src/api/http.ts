/**
 * Requests to the server. Every failure is an `ApiError`, whether the server refused or was not reached.
 *
 * A request that was refused for want of a key did nothing: it waits at the gate and is sent again after the sign-in.
 */
import { Gate } from "./gate";
import { below } from "./base";
import { parseJson, writeJson } from "./seeds";
import type { Capabilities, Job, JobList, JobRequest, Problem, Readiness, Session, Upload } from "./types";

export class ApiError extends Error {
  constructor(
    /** The code of docs/api.md, or "unreachable". */
    readonly code: string,
    readonly detail: string,
    readonly errors: Problem["errors"] = [],
    readonly status = 0,
    /** Seconds after which the server wants to be asked again. */
    readonly retryAfterS: number | null = null,
    readonly requestId: string | null = null,
  ) {
    super(detail);
  }

  /** Whether the same request may succeed later. */
  get passes(): boolean {
    return this.status === 0 || this.status === 429 || this.status === 503;
  }
}

export const gate = new Gate();

export async function send(path: string, init: RequestInit = {}): Promise<Response> {
  for (;;) {
    const turn = await gate.pass();
    try {
      return await sendOnce(path, init);
    } catch (error) {
      if (!isUnauthenticated(error)) throw error;
      gate.refuse(turn);
    }
  }
}

export const isUnauthenticated = (error: unknown): boolean => error instanceof ApiError && error.status === 401;

async function sendOnce(path: string, init: RequestInit = {}): Promise<Response> {
  let answer: Response;
  try {
    answer = await fetch(below(path), init);
  } catch (error) {
    if (init.signal?.aborted) throw error;
    throw new ApiError("unreachable", "The server cannot be reached.");
  }
  if (!answer.ok) throw await refusal(answer);
  return answer;
}

async function refusal(answer: Response): Promise<ApiError> {
  const problem = (await answer.json().catch(() => ({}))) as Partial<Problem>;
  const after = Number(answer.headers.get("retry-after"));
  return new ApiError(
    problem.code ?? "internal_error",
    problem.detail ?? `The server answered ${answer.status}.`,
    problem.errors,
    answer.status,
    after > 0 ? after : null,
    answer.headers.get("x-request-id"),
  );
}

async function json<T>(path: string, init?: RequestInit): Promise<T> {
  const text = await (await send(path, init)).text();
  return parseJson(text) as T;
}

const SESSION = "/api/v1/session";

export const getCapabilities = (): Promise<Capabilities> => json("/api/v1/capabilities");

export const getJob = (id: string): Promise<Job> => json(`/api/v1/jobs/${id}`);

export const cancelJob = (id: string): Promise<Job> => json(`/api/v1/jobs/${id}/cancel`, { method: "POST" });

export async function deleteJob(id: string): Promise<void> {
  await send(`/api/v1/jobs/${id}`, { method: "DELETE" });
}

export function listJobs(limit: number, cursor: string | null = null): Promise<JobList> {
  const query = new URLSearchParams({ limit: String(limit), ...(cursor === null ? {} : { cursor }) });
  return json(`/api/v1/jobs?${query}`);
}

/** The key makes it safe to send the same request again where no answer came. */
export function createJob(request: JobRequest, key: string): Promise<Job> {
  const headers = { "Content-Type": "application/json", "Idempotency-Key": key };
  return json("/api/v1/jobs", { method: "POST", headers, body: writeJson(request) });
}

export function upload(file: Blob): Promise<Upload> {
  const body = new FormData();
  body.append("image", file);
  return json("/api/v1/uploads", { method: "POST", body });
}

/** Who is signed in; it does not wait at the gate. */
export const getSession = async (): Promise<Session> => (await sendOnce(SESSION)).json() as Promise<Session>;

/** Trades a key for a cookie that this page cannot read. */
export async function postSession(key: string): Promise<void> {
  const headers = { "Content-Type": "application/json" };
  const answer = await sendOnce(SESSION, { method: "POST", headers, body: JSON.stringify({ key }) });
  await answer.text(); // An answer that nobody reads keeps its connection.
}

export async function deleteSession(): Promise<void> {
  await sendOnce(SESSION, { method: "DELETE" });
}

/** Answers also where the server is not ready. */
export async function getReadiness(): Promise<Readiness> {
  const answer = await fetch(below("/readyz"));
  return (await answer.json()) as Readiness;
}
