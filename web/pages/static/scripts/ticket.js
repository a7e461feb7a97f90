// The order ticket: shows the fields that fit, and asks risk what it would say while they are filled in.

import { call } from "./api.js";
import { clearProblems, fieldsOf } from "./forms.js";
import { saidCode, showBlank, showVerdict } from "./what-if.js";

const QUIET_MS = 350;
const AGAIN_MS = 5000;
const form = document.getElementById("ticket");
let timer,
  asked = 0;

const byName = (name) => form.elements[name];

function fit() {
  const type = byName("type").value,
    size = document.getElementById("t-size").value;
  form.querySelectorAll("[data-for-type]").forEach((field) => {
    field.hidden = !field.dataset.forType.split(" ").includes(type);
  });
  form.querySelectorAll("[data-for-size]").forEach((field) => {
    field.hidden = field.dataset.forSize !== size;
  });
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
  const answer = await call(
    "GET",
    `/api/market/prices?account=${byName("account").value}&symbols=${encodeURIComponent(symbol)}`,
  ).catch(() => null);
  answer?.prices.forEach(showQuotes);
}

// The chart follows the ticket; stops of another symbol's price mean nothing.
function showSymbol() {
  for (const name of ["sl", "tp", "price", "stoplimit"]) byName(name).value = "";
  const picker = document.getElementById("chart-symbol");
  if (picker) {
    picker.value = byName("symbol").value;
    picker.dispatchEvent(new Event("change"));
  }
  readQuotes();
}

function digitsOf() {
  return Number.parseInt(byName("symbol").selectedOptions[0]?.dataset.digits, 10);
}

// The button looks like what risk would say: an order that would be denied is nothing to be encouraged to.
function showButton() {
  document.getElementById("t-send").toggleAttribute("data-denied", saidCode() !== "");
}

async function assess() {
  await ask();
  showButton();
}

// What is told above already is not told again below.
function refuse(event) {
  if (event.detail.code !== saidCode()) return;
  event.preventDefault();
  form.querySelector(":scope > .wrong").textContent = "Not placed: risk says no, for the reason above.";
}

async function ask() {
  const fields = fieldsOf(form);
  if (!fields.sl)
    return showBlank(
      "",
      "What would risk say?",
      "Set a stop and a target: risk then says at once whether it lets the order through.",
    );
  const mine = ++asked;
  try {
    const answer = await call("POST", "/api/risk/assess", fields);
    if (mine === asked) showVerdict(answer, digitsOf());
  } catch (error) {
    if (mine === asked) showBlank("warn", "Not known", error.message);
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
  form.addEventListener("refused", refuse);
  form.addEventListener("change", (event) => {
    if (event.target.name === "symbol") showSymbol();
    later();
  });
  document.addEventListener("news", ({ detail }) => {
    if (detail.type === "PRICE_UPDATE") detail.prices.forEach(showQuotes);
  });
  setInterval(() => {
    if (document.visibilityState === "visible") {
      readQuotes();
      assess();
    }
  }, AGAIN_MS);
}
