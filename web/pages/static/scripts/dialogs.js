// Dialogs that ask before something is done: a button names its dialog and the fields that it fills in.

import { clearProblems } from "./forms.js";

function fill(dialog, fields) {
  for (const [name, value] of Object.entries(fields)) {
    const field = dialog.querySelector(`[name="${name}"]`);
    if (field) field.value = value ?? "";
    dialog.querySelectorAll(`[data-show="${name}"]`).forEach((element) => {
      element.textContent = value ?? "";
    });
  }
}

function open(button) {
  const dialog = document.getElementById(`dialog-${button.dataset.dialog}`);
  dialog.querySelectorAll("form").forEach((form) => {
    form.reset();
    clearProblems(form);
  });
  dialog.querySelectorAll("[data-must-be]").forEach(guard);
  fill(dialog, JSON.parse(button.dataset.fields || "{}"));
  dialog.dispatchEvent(new Event("filled"));
  dialog.showModal();
}

// A dialog that asks for a word to be typed lets its button go only when it is the right one.
function guard(field) {
  const button = field.form.querySelector("[data-guarded]");
  button.disabled = field.value.trim() !== field.dataset.mustBe;
}

export function startDialogs() {
  document.addEventListener("input", (event) => {
    if (event.target.dataset.mustBe) guard(event.target);
  });
  document.addEventListener(
    "submit",
    (event) => {
      const field = event.target.querySelector("[data-must-be]");
      if (field && field.value.trim() !== field.dataset.mustBe) {
        event.preventDefault();
        event.stopImmediatePropagation();
      }
    },
    true,
  );
  document.addEventListener("click", (event) => {
    const opener = event.target.closest("[data-dialog]");
    if (opener) open(opener);
    if (event.target.closest("[data-close-dialog]")) event.target.closest("dialog").close();
  });
}
