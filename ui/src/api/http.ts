// One way to the API: addresses relative to <base>, errors in the server's own words.

/** The route prefix without a slash at its end: "" or "/prom". */
export const basePath = new URL(document.baseURI).pathname.replace(/\/+$/, "");

/** What Firesteel adds to the reference's text of an error. */
export interface ErrorDetail {
  code?: string;
  /** What to do, in a sentence. */
  message?: string;
  /** The whole query as it should read. */
  fix?: string;
}

/** An answer with `status: "error"`, or none at all. */
export class ApiError extends Error {
  constructor(
    readonly errorType: string,
    message: string,
    readonly detail?: ErrorDetail,
  ) {
    super(message);
  }
}

export interface ApiAnswer<T> {
  data: T;
  warnings: string[];
  infos: string[];
}

/** GETs `/api/v1/<path>`; rejects with an ApiError. */
export async function getApi<T>(
  path: string,
  parameters: Record<string, string | number | undefined> = {},
  signal?: AbortSignal,
): Promise<ApiAnswer<T>> {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== undefined) query.set(name, String(value));
  }
  const search = query.size > 0 ? `?${query}` : "";
  let response: Response;
  try {
    response = await fetch(`${basePath}/api/v1/${path}${search}`, { signal, headers: { Accept: "application/json" } });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ApiError("unreachable", "The server does not answer. Is it still running?");
  }
  let answer: {
    status?: string;
    data?: T;
    error?: string;
    errorType?: string;
    detail?: ErrorDetail;
    warnings?: string[];
    infos?: string[];
  };
  try {
    answer = await response.json();
  } catch {
    throw new ApiError("bad_response", `The server answered ${response.status} ${response.statusText} without JSON.`);
  }
  if (answer.status !== "success") {
    throw new ApiError(answer.errorType ?? "unknown", answer.error ?? `HTTP ${response.status}`, answer.detail);
  }
  return { data: answer.data as T, warnings: answer.warnings ?? [], infos: answer.infos ?? [] };
}
