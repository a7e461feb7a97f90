// Ages count on between two answers, so that nothing old ever looks fresh. Whether something is called old is judged by
// what moves it: a price by the clock, because the stream moves it; anything else by the last answer, because a late
// answer says nothing about it (the card itself then says that it is late).

import { serverNow } from "./clock.js";

const TICK_MS = 500;
const UNITS = [
  [1000, "ms", 1, 0],
  [60_000, "s", 1000, 0],
  [3_600_000, "min", 60_000, 0],
  [172_800_000, "h", 3_600_000, 1],
];

function words(ms) {
  if (ms < 1000) return "now";
  const [, unit, size, places] = UNITS.find(([limit]) => ms < limit) ?? [0, "days", 86_400_000, 1];
  return `${(ms / size).toFixed(places)} ${unit}`;
}

function judgedAt(element, now) {
  return element.closest("[data-ages]") ? now : Number(element.closest("[data-read-at]")?.dataset.readAt ?? now);
}

function show(element, now) {
  const age = Math.max(0, now - Number(element.dataset.at));
  const limit = Number(element.dataset.stale);
  const stale = limit > 0 && judgedAt(element, now) - Number(element.dataset.at) > limit;
  const text = stale ? `${words(age)} old` : words(age);
  if (element.textContent !== text) element.textContent = text;
  element.classList.toggle("warn-ink", stale);
  element.closest("[data-ages]")?.classList.toggle("is-stale", stale);
}

export function showAges(root = document) {
  const now = serverNow();
  root.querySelectorAll(".age").forEach((element) => show(element, now));
}

export function startAges() {
  showAges();
  setInterval(showAges, TICK_MS);
  document.addEventListener("htmx:afterSwap", () => showAges());
}
