// The order ticket: shows the fields that fit, and asks risk what it would say while they are filled in.

import { call } from "./api.js";
import { clearProblems, fieldsOf } from "./forms.js";

const QUIET_MS = 350;
const AGAIN_MS = 5000;
const FAILED_SHOWN = 2;
const NEAR = 0.75;
const BUDGETS = [["POSITION_RISK", "Risk of one position"], ["TOTAL_EXPOSURE", "Risk of everything"], ["CORRELATED_EXPOSURE", "Correlated group"], ["DAILY_LOSS", "Loss today, all stops hit"]];
const form = document.getElementById("ticket");
const box = document.getElementById("what-if");
let timer, asked = 0;

const byName = (name) => form.elements[name];

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

// The chart follows the ticket; stops of another symbol's price mean nothing.
function showSymbol() {
  for (const name of ["sl", "tp", "price", "stoplimit"]) byName(name).value = "";
  const picker = document.getElementById("chart-symbol");
  if (picker) { picker.value = byName("symbol").value; picker.dispatchEvent(new Event("change")); }
  readQuotes();
}

// The answer always has the same form, so that nothing jumps while one types.
function say(look, title, reason, rows, checks) {
  const head = document.createElement("p"), why = document.createElement("p"), list = document.createElement("dl");
  head.className = `badge ${look}`;
  head.textContent = title;
  why.className = "reason note";
  why.textContent = reason;
  list.className = "pairs";
  for (const [name, value] of rows) {
    const term = document.createElement("dt"), figure = document.createElement("dd");
    term.textContent = name;
    figure.textContent = value ?? "–";
    list.append(term, figure);
  }
  box.replaceChildren(head, why, list, ...meters(checks));
}

const blank = (look, title, reason) => say(look, title, reason, figures({}, null), []);

const words = (code) => { const text = String(code).replaceAll("_", " ").toLowerCase(); return text[0].toUpperCase() + text.slice(1); };

const short = (value) => (/^-?\d+\.\d{3,}$/.test(value) ? Number(value).toFixed(2) : value);

function figures(held, reward) {
  return [["Lots", held.volume], ["Risk at the stop", held.risk], ["Margin", held.margin], ["Reward to risk", reward]].map(([name, value]) => [name, value == null ? null : short(value)]);
}

function because(answer) {
  const failed = (answer.checks ?? []).filter((check) => check.passed === false && check.value != null);
  if (failed.length) return failed.slice(0, FAILED_SHOWN).map((check) => `${words(check.code)}: ${short(check.value)}, limit ${short(check.limit)}`).join("; ");
  return Object.entries(answer.context ?? {}).map(([name, value]) => `${words(name)} ${short(value)}`).join(", ");
}

function showVerdict(answer) {
  const rows = figures(answer.reserves ?? answer.context ?? {}, answer.checks?.find((check) => check.code === "RISK_REWARD_TOO_LOW")?.value);
  if (answer.verdict === "approved") say("good", "Risk would let it through", "As of now; the order itself is judged again.", rows, answer.checks);
  else say("bad", words(answer.code), because(answer), rows, answer.checks);
}

// How much of each budget would be used with this order.
function meters(checks = []) {
  return BUDGETS.map(([code, name]) => {
    const check = checks.find((each) => each.code === code);
    const part = check?.value != null && Number(check.limit) > 0 ? Number.parseFloat(check.value) / Number(check.limit) : null;
    const meter = document.createElement("div"), label = document.createElement("span"), figure = document.createElement("span"), bar = document.createElement("progress");
    meter.className = `meter ${part > 1 ? "full" : part > NEAR ? "near" : ""}`;
    label.className = "name";
    label.textContent = name;
    figure.className = "figure";
    figure.textContent = part === null ? "–" : `${Math.round(part * 100)} %`;
    bar.max = 1;
    bar.value = Math.min(part ?? 0, 1);
    bar.ariaLabel = name;
    meter.append(label, figure, bar);
    return meter;
  });
}

async function assess() {
  const fields = fieldsOf(form);
  if (!fields.sl) return blank("", "What would risk say?", "Set a stop and a target: risk then says at once whether it lets the order through.");
  const mine = ++asked;
  try {
    const answer = await call("POST", "/api/risk/assess", fields);
    if (mine === asked) showVerdict(answer);
  } catch (error) {
    if (mine === asked) blank("warn", "Not known", error.message);
  }
}

function later() {
  fit();
  clearProblems(form);
  clearTimeout(timer);
  timer = setTimeout(assess, QUIET_MS);
}

if (form) {
  fit();
  readQuotes();
  assess();
  form.addEventListener("input", later);
  form.addEventListener("change", (event) => { if (event.target.name === "symbol") showSymbol(); later(); });
  document.addEventListener("news", ({ detail }) => { if (detail.type === "PRICE_UPDATE") detail.prices.forEach(showQuotes); });
  setInterval(() => { if (document.visibilityState === "visible") { readQuotes(); assess(); } }, AGAIN_MS);
}
