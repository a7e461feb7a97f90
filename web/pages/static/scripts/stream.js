// Live news over the WebSocket: prices move in place, everything else makes its cards old. After a break the session is
// resumed by its last number; without a stream at all the cards are asked for by themselves, only a little later.

import { newsOf, refreshAll, setLive } from "./cards.js";
import { showPrices } from "./prices.js";

const WAIT_MS_MIN = 1000;
const WAIT_MS_MAX = 20_000;
const REFUSED = new Set([4401, 4403]);
const LOOKS = {
  live: ["good", "Live"],
  polling: ["warn", "Polling"],
  connecting: ["", "Connecting"],
  asking: ["", "Updates every 10 s"],
};
const TOPIC_OF = {
  POSITION_UPDATE: "positions",
  SIGNAL_UPDATE: "signals",
  ACCOUNT_UPDATE: "account",
  RISK_UPDATE: "risk",
  SHARE_UPDATE: "share",
};

let session = null;
let seq = 0;
let waitMs = WAIT_MS_MIN;

function show(state) {
  const [look, words] = LOOKS[state];
  const badge = document.getElementById("link-state");
  if (badge.textContent === words) return;
  badge.className = `badge ${look}`;
  badge.textContent = words;
  badge.title = state === "live" ? "News arrive as they happen" : "Every card is asked for every few seconds";
  setLive(state === "live");
}

function subscribe(socket) {
  const login = Number(document.body.dataset.account);
  const account = login ? { account: login } : {};
  for (const topic of document.body.dataset.heard.split(" "))
    socket.send(JSON.stringify({ action: `SUBSCRIBE_${topic}`, ...account }));
}

function greet(socket, message) {
  show("live");
  waitMs = WAIT_MS_MIN;
  if (message.resumed) return;
  const wanted = session;
  session = message.session;
  if (wanted && wanted !== session) socket.send(JSON.stringify({ action: "RESUME", session: wanted, seq }));
  else subscribe(socket);
}

function hear(socket, message) {
  if (message.type === "CONNECTED") greet(socket, message);
  if (message.seq) seq = message.seq;
  if (message.type === "PRICE_UPDATE") showPrices(message.prices);
  if (message.type === "RESYNC") {
    subscribe(socket);
    refreshAll();
  }
  if (message.type === "GAP") {
    if (message.of === "stream") refreshAll();
    else newsOf("gaps");
  }
  if (TOPIC_OF[message.type]) newsOf(TOPIC_OF[message.type]);
  document.dispatchEvent(new CustomEvent("news", { detail: message }));
}

function connect(url) {
  const socket = new WebSocket(url);
  socket.addEventListener("message", (event) => hear(socket, JSON.parse(event.data)));
  socket.addEventListener("close", (event) => {
    show("polling");
    if (REFUSED.has(event.code)) return;
    setTimeout(() => connect(url), waitMs * (0.75 + Math.random() / 2));
    waitMs = Math.min(waitMs * 2, WAIT_MS_MAX);
  });
}

export function startStream() {
  const url = document.body.dataset.stream;
  show(url ? "connecting" : "asking");
  if (url) connect(url);
}
