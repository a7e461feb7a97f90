// Forms that speak to the API: `data-call="POST /api/..."`. The fields become one JSON object; what is refused is
// shown at the field it names. A request whose answer was lost is sent again with the same idempotency key, so that
// pressing twice never does twice.

import { NoConnection, Refused, call, newIdempotencyKey } from "./api.js";
import { refreshAll } from "./cards.js";
import { bar } from "./state.js";
import { toast } from "./toasts.js";

export function fieldsOf(form) {
  const fields = Object.fromEntries(
    (form.dataset.nulls ?? "")
      .split(" ")
      .filter(Boolean)
      .map((name) => [name, null]),
  );
  for (const element of form.elements) {
    if (!element.name || element.disabled || element.value === "" || element.closest("[hidden]")) continue;
    if (element.type === "radio" && !element.checked) continue;
    if (element.type === "checkbox") {
      fields[element.name] = element.checked;
      continue;
    }
    fields[element.name] =
      element.dataset.kind === "integer"
        ? Number(element.value)
        : element.dataset.kind === "list"
          ? element.value
              .split(",")
              .map((word) => word.trim())
              .filter(Boolean)
          : element.value;
  }
  return fields;
}

export function clearProblems(form) {
  form.querySelectorAll("[aria-invalid]").forEach((element) => element.removeAttribute("aria-invalid"));
  form.querySelectorAll(".wrong").forEach((element) => {
    element.textContent = "";
  });
}

// People read what a code means rather than the code, where the answer says both.
function sentence(error) {
  const code = `${error.code}: `;
  return error.code && error.message.startsWith(code) && error.message.includes(".", code.length)
    ? error.message.slice(code.length)
    : error.message;
}

export function showProblem(form, error) {
  if (!form.dispatchEvent(new CustomEvent("refused", { cancelable: true, detail: error }))) return;
  const named = error instanceof Refused && error.field ? form.elements[error.field] : null;
  const place = named?.closest?.(".field")?.querySelector(".wrong") ?? form.querySelector(":scope > .wrong");
  if (named && "setAttribute" in named) {
    named.setAttribute("aria-invalid", "true");
    named.focus();
  }
  const words = sentence(error);
  if (place) place.textContent = words;
  else toast("bad", words);
}

function keyOf(form, body) {
  const text = JSON.stringify(body);
  if (form.dataset.sent !== text) {
    form.dataset.sent = text;
    form.dataset.key = newIdempotencyKey();
  }
  return form.dataset.key;
}

const filled = (path, fields) =>
  path.replace(/\{(\w+)\}/g, (_, name) => {
    const value = fields[name];
    delete fields[name];
    return encodeURIComponent(value);
  });

async function send(form) {
  const [method, template] = form.dataset.call.split(" ");
  const body = fieldsOf(form);
  const path = filled(template, body);
  if (form.dataset.idempotent !== undefined) body.idempotency_key = keyOf(form, body);
  const button = form.querySelector("button:not([type=button])");
  clearProblems(form);
  button.ariaBusy = "true";
  button.disabled = true;
  try {
    const answer = await call(method, path, body);
    delete form.dataset.sent;
    toast("good", answer?.next ?? form.dataset.done ?? "Done.");
    form.closest("dialog")?.close();
    form.dispatchEvent(new CustomEvent("answered", { bubbles: true, detail: answer }));
    if (form.dataset.keep === undefined) form.reset();
    refreshAll();
  } catch (error) {
    if (!(error instanceof NoConnection) && (error.status ?? 0) < 500) delete form.dataset.sent;
    showProblem(form, error);
  } finally {
    button.ariaBusy = null;
    button.disabled = false;
    if ("notWhileHalted" in button.dataset) bar(button);
  }
}

export function startForms() {
  document.addEventListener("submit", (event) => {
    const form = event.target.closest("form[data-call]");
    if (!form) return;
    event.preventDefault();
    send(form);
  });
}
