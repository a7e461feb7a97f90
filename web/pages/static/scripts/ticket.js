// The order ticket: shows the fields that fit, and asks risk what it would say while they are filled in.

import { NoConnection, Refused, call } from "./api.js";
import { fieldsOf } from "./forms.js";

const QUIET_MS = 350;
const AGAIN_MS = 5000;
const form = document.getElementById("ticket");
const box = document.getElementById("what-if");
let timer, asked = 0;

const byName = (name) => form.elements[name];
const row = (name, value, look = "") => `${name}\u0000${value ?? "–"}\u0000${look}`;

function fit() {
  const type = byName("type").value, size = document.getElementById("t-size").value;
  form.querySelectorAll("[data-for-type]").forEach((field) => { field.hidden = !field.dataset.forType.split(" ").includes(type); });
  form.querySelectorAll("[data-for-size]").forEach((field) => { field.hidden = field.dataset.forSize !== size; });
  const buying = byName("action").value === "BUY";
  const send = document.getElementById("t-send");
  send.className = buying ? "buy" : "sell";
  send.textContent = `Place ${buying ? "buy" : "sell"} ${type === "market" ? "order" : `${type} order`}`;
}

function showQuotes(price) {
  if (price.symbol !== byName("symbol").value) return;
  for (const name of ["bid", "ask"]) form.querySelector(`[data-ticket-price="${name}"]`).textContent = price[name];
}

async function readQuotes() {
  const symbol = byName("symbol").value;
  const answer = await call("GET", `/api/market/prices?account=${byName("account").value}&symbols=${encodeURIComponent(symbol)}`).catch(() => null);
  answer?.prices.forEach(showQuotes);
}

function say(look, title, rows) {
  const head = document.createElement("p");
  head.className = `badge ${look}`;
  head.textContent = title;
  const list = document.createElement("dl");
  list.className = "pairs";
  for (const [name, value, tone] of rows.map((text) => text.split("\u0000"))) {
    const term = document.createElement("dt"), figure = document.createElement("dd");
    term.textContent = name;
    figure.textContent = value;
    if (tone) figure.className = tone;
    list.append(term, figure);
  }
  box.replaceChildren(head, ...(rows.length ? [list] : []));
}

function hint(text) {
  const words = document.createElement("p");
  words.className = "note";
  words.textContent = text;
  box.replaceChildren(words);
}

const words = (code) => { const text = String(code).replaceAll("_", " ").toLowerCase(); return text[0].toUpperCase() + text.slice(1); };

function showVerdict(answer) {
  const context = Object.entries(answer.context ?? {}).map(([name, value]) => row(words(name), value));
  if (answer.verdict === "approved") say("good", "Risk would let it through", figures(answer));
  else say("bad", words(answer.code), [...context, ...figures(answer)]);
}

function figures(answer) {
  const money = (value) => (value == null ? null : `${value} ${answer.currency ?? ""}`.trim());
  return [["Lots", answer.volume], ["Risk at the stop", money(answer.risk)], ["Margin", money(answer.margin)], ["Reward to risk", answer.risk_reward]]
    .filter(([, value]) => value != null).map(([name, value]) => row(name, value));
}

async function assess() {
  const fields = fieldsOf(form);
  if (!fields.sl) return hint("Set a stop and a target: risk then says at once whether it lets the order through.");
  const mine = ++asked;
  try {
    const answer = await call("POST", "/api/risk/assess", fields);
    if (mine === asked) showVerdict(answer);
  } catch (error) {
    if (mine !== asked) return;
    if (error instanceof Refused && error.code && error.status < 500) say(error.status === 422 ? "bad" : "warn", error.status === 422 ? words(error.code) : error.message, []);
    else hint(error instanceof NoConnection ? "No answer from the server: nothing is known about this order." : error.message);
  }
}

function later() {
  fit();
  clearTimeout(timer);
  timer = setTimeout(assess, QUIET_MS);
}

if (form) {
  fit();
  readQuotes();
  form.addEventListener("input", later);
  form.addEventListener("change", (event) => { if (event.target.name === "symbol") readQuotes(); later(); });
  document.addEventListener("news", ({ detail }) => { if (detail.type === "PRICE_UPDATE") detail.prices.forEach(showQuotes); });
  setInterval(() => { if (document.visibilityState === "visible") { readQuotes(); assess(); } }, AGAIN_MS);
}
