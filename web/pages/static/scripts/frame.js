// The frame around every page: theme, signing out, the choice of account.

import { call } from "./api.js";

const NEXT = { "": "light", light: "dark", dark: "" };
const NAMES = { "": "as the system", light: "light", dark: "dark" };

function showTheme(choice) {
  if (choice) document.documentElement.dataset.theme = choice;
  else delete document.documentElement.dataset.theme;
  document.getElementById("theme").ariaLabel = `Theme: ${NAMES[choice]}`;
  document.getElementById("theme").title = `Theme: ${NAMES[choice]}`;
  document.dispatchEvent(new Event("theme"));
}

function nextTheme() {
  const choice = NEXT[localStorage.getItem("theme") ?? ""] ?? "";
  if (choice) localStorage.setItem("theme", choice);
  else localStorage.removeItem("theme");
  showTheme(choice);
}

async function signOut() {
  await call("DELETE", "/api/session").catch(() => undefined);
  location.assign("/sign-in");
}

export function startFrame() {
  showTheme(localStorage.getItem("theme") ?? "");
  document.getElementById("theme").addEventListener("click", nextTheme);
  document.getElementById("sign-out")?.addEventListener("click", signOut);
  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-go]")) event.target.form.requestSubmit();
  });
}
