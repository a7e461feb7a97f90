// Cards are asked for again when news makes them old, and every so often anyway. One that can't be asked for keeps what
// it showed, greyed, and says since when; it is never left looking fresh.

import { heardServer } from "./clock.js";

const SOON_MS = 300;
const PAUSE_MS = 1000; // between two answers that news ask for
const LIVE_PATIENCE = 5; // while news arrive, what they tell about is asked for so many times less often
const CHECK_MS = 500;
const askedAt = new WeakMap();
const inFlight = new WeakSet();
const waiting = new Set(); // ids of cards whose scripts have nothing to work with yet

let isLive = false;

export const setLive = (live) => {
  isLive = live;
};
const everyMs = (card) => Number(card.dataset.every) * 1000 * (isLive && card.dataset.topics ? LIVE_PATIENCE : 1);
const isShown = () => document.visibilityState === "visible";
const cards = () => document.querySelectorAll("[data-every][hx-get]");
// Cards whose figures must agree are asked for in one request, by the one that leads them.
const leaderOf = (card) => document.getElementById(`card-${card.dataset.with}`) ?? card;
const led = (card) => document.querySelectorAll(`[data-with="${card.id.replace("card-", "")}"]`);
const isBusy = (card) =>
  card.contains(document.activeElement) && document.activeElement.matches("input, select, textarea");

function refresh(card) {
  if (inFlight.has(card) || isBusy(card)) return;
  askedAt.set(card, performance.now());
  window.htmx?.trigger(card, "refresh");
}

function refreshOld() {
  if (!isShown()) return;
  for (const card of cards()) {
    if (leaderOf(card) === card && everyMs(card) > 0 && performance.now() - (askedAt.get(card) ?? 0) >= everyMs(card)) refresh(card);
  }
}

// News come in bunches: a card that they make old is asked for once.
export function newsOf(topic) {
  for (const card of cards()) {
    const leader = leaderOf(card);
    if (!card.dataset.topics?.split(" ").includes(topic) || leader.dataset.due) continue;
    leader.dataset.due = "soon";
    const since = performance.now() - (askedAt.get(leader) ?? 0);
    setTimeout(
      () => {
        delete leader.dataset.due;
        refresh(leader);
      },
      Math.max(SOON_MS, PAUSE_MS - since),
    );
  }
}

export function refreshAll() {
  const leaders = new Set([...cards()].filter((card) => Number(card.dataset.every) > 0).map(leaderOf));
  leaders.forEach(refresh);
}

function showLate(card, reason) {
  if (card) led(card).forEach((each) => showLate(each, reason));
  if (!card?.classList.contains("card") || card.querySelector("[data-problem]")) return;
  const since = new Date(Number(card.dataset.readAt)).toLocaleTimeString();
  card.classList.add("is-late");
  const note = `Not updated since ${since}: ${reason}`;
  const late = card.querySelector(".late");
  if (late && late.textContent !== note) late.textContent = note;
}

function reason(xhr) {
  try {
    return JSON.parse(xhr.responseText).message;
  } catch {
    /* a card, then */
  }
  const found = new DOMParser()
    .parseFromString(xhr.responseText ?? "", "text/html")
    .querySelector("[data-problem] .notice");
  return found ? found.textContent.trim().replace(/\s+/g, " ") : `the server answered ${xhr.status}.`;
}

export function startCards() {
  cards().forEach((card) => askedAt.set(card, performance.now()));
  setInterval(refreshOld, CHECK_MS);
  document.addEventListener("visibilitychange", () => {
    if (isShown()) refreshOld();
  });
  document.addEventListener("htmx:beforeRequest", (event) => {
    inFlight.add(event.detail.elt);
    if ("waits" in event.detail.elt.dataset) waiting.add(event.detail.elt.id);
  });
  document.addEventListener("htmx:afterRequest", (event) => inFlight.delete(event.detail.elt));
  document.addEventListener("htmx:sendError", (event) => showLate(event.detail.elt, "no answer from the server."));
  document.addEventListener("htmx:timeout", (event) => showLate(event.detail.elt, "the server takes too long."));
  document.addEventListener("htmx:responseError", (event) => {
    if (event.detail.xhr.status === 401)
      location.assign(`/sign-in?next=${encodeURIComponent(location.pathname + location.search)}`);
    else showLate(event.detail.elt, reason(event.detail.xhr));
  });
  document.addEventListener("htmx:afterSwap", (event) => {
    const card = document.getElementById(event.detail.elt.id);
    if (card && waiting.has(card.id) && !("waits" in card.dataset)) location.reload(); // what it waited for is there
    const readAt = document.getElementById(event.detail.elt.id)?.dataset.readAt;
    if (readAt) heardServer(Number(readAt));
  });
}
