// Signing in: the key goes to the server once, a session comes back, and the key is kept nowhere.

import { call } from "./api.js";

const form = document.getElementById("sign-in");
const field = document.getElementById("key");
const wrong = document.getElementById("key-wrong");
const button = form.querySelector("button");

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  button.ariaBusy = "true";
  wrong.textContent = "";
  field.removeAttribute("aria-invalid");
  try {
    await call("POST", "/api/session", { key: field.value.trim() });
    location.assign(form.dataset.next);
  } catch (error) {
    wrong.textContent = error.message;
    field.ariaInvalid = "true";
    field.select();
    button.ariaBusy = null;
  }
});
