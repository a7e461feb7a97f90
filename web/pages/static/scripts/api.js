// One way to ask the API: the session's cookie goes along by itself, the CSRF token with every change.

export class Refused extends Error {
  constructor(status, body) {
    super(body?.message || `The server answered ${status}.`);
    this.status = status;
    this.code = body?.code ?? "";
    this.field = body?.field ?? null;
    this.body = body ?? {};
  }
}

export class NoConnection extends Error {}

export async function call(method, path, body) {
  const headers = { Accept: "application/json" };
  if (method !== "GET") headers["X-CSRF-Token"] = document.body.dataset.csrf ?? "";
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let response;
  try {
    response = await fetch(path, {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
      credentials: "same-origin",
    });
  } catch (error) {
    throw new NoConnection(
      `No answer from the server (${error.message}). Nothing is known about what it did; the same button asks again safely.`,
    );
  }
  const answer = await response.json().catch(() => null);
  if (!response.ok) throw new Refused(response.status, answer);
  return answer;
}

// A key by which the server knows a repeated request; secure contexts only have randomUUID, so it is made by hand.
export function newIdempotencyKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return `page-${Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}
