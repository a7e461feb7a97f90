// What risk says to an order that is not placed yet: the verdict, its figures, and how much of each budget it would use.

import { call } from "./api.js";

const FAILED_SHOWN = 2;
const NEAR = 0.75;
const PRICE_CODE = /_WRONG_SIDE$|^PRICE_OFF_TICK$/; // what these measure is a price
const STOP_CODE = /^(STOP_LOSS|TAKE_PROFIT)_WRONG_SIDE$/; // while one fails there is no reward, and no risk to set it to
const DISTANCE_CODE = /^(STOP_TOO_CLOSE|STOPS_LEVEL|FREEZE_LEVEL|PRICE_COLLAR|SPREAD_TOO_WIDE)$/; // a part of one
const PRICE_NAME = /^(sl|tp|price|stoplimit|bid|ask|entry|market)(_|$)/;
const meanings = new Map(); // what each code says, in a sentence
const box = document.getElementById("what-if");
let said = ""; // the code of the last verdict

if (box)
  call("GET", "/api/risk/codes")
    .then(({ codes }) => codes.forEach(({ code, meaning }) => meanings.set(code, meaning)))
    .catch(() => {});

// The form is the template's and stays; only what is new is written, so that nothing is read aloud twice.
function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

// The code that is told here now; empty: nothing is denied.
export const saidCode = () => said;

function say(look, title, reason, found, checks, code = "") {
  said = code;
  const head = box.querySelector("[data-verdict]");
  head.className = `badge ${look}`;
  write(head, title);
  write(box.querySelector(".reason"), reason);
  box.querySelectorAll("[data-figure]").forEach((figure) => {
    const value = found[figure.dataset.figure];
    write(figure, value == null ? "–" : short(value));
  });
  box.querySelectorAll("[data-budget]").forEach((meter) => showBudget(meter, checks));
}

export const showBlank = (look, title, reason) => say(look, title, reason, {}, []);

const words = (code) => {
  const text = String(code).replaceAll("_", " ").toLowerCase();
  return text[0].toUpperCase() + text.slice(1);
};

const short = (value) => (/^-?\d+\.\d{3,}$/.test(value) ? Number(value).toFixed(2) : value);

const isNumber = (value) => /^-?\d+(\.\d+)?$/.test(value);

// A price with the symbol's digits; one that has more of them is shown as it is.
function priced(value, digits) {
  if (!isNumber(value) || !Number.isInteger(digits)) return value;
  return (value.split(".")[1] ?? "").length > digits ? value : Number(value).toFixed(digits);
}

function measured(code, value, digits) {
  if (PRICE_CODE.test(code)) return priced(value, digits);
  return DISTANCE_CODE.test(code) ? (value.includes(".") ? priced(value, digits) : value) : short(value);
}

function told(check, code, digits) {
  const name = check.code === code ? "" : `${words(check.code)}: `;
  const found = measured(check.code, String(check.value), digits);
  if (STOP_CODE.test(check.code) && Number(check.value) !== Number(check.limit)) {
    const side = Number(check.value) > Number(check.limit) ? "below" : "above";
    return `${name || "Found "}${found}, must be ${side} ${measured(check.code, String(check.limit), digits)}`;
  }
  if (!isNumber(check.value) || check.limit == null) return `${name || "Found "}${found}`;
  return `${name || "Found "}${found}, limit ${measured(check.code, String(check.limit), digits)}`;
}

// What the code means, then what was found.
function because(answer, digits) {
  const meaning = meanings.get(answer.code) ?? `${words(answer.code)}.`;
  const failed = (answer.checks ?? []).filter((check) => check.passed === false && check.value != null);
  const found = failed.length
    ? failed.slice(0, FAILED_SHOWN).map((check) => told(check, answer.code, digits))
    : Object.entries(answer.context ?? {}).map(
        ([name, value]) => `${words(name)} ${PRICE_NAME.test(name) ? priced(String(value), digits) : short(value)}`,
      );
  return found.length ? `${meaning} ${found.join("; ")}.` : meaning;
}

// `digits`: of the symbol's prices.
export function showVerdict(answer, digits) {
  const isCrossed = answer.checks?.some((check) => check.passed === false && STOP_CODE.test(check.code));
  const reward = isCrossed ? null : answer.checks?.find((check) => check.code === "RISK_REWARD_TOO_LOW")?.value;
  const found = { ...(answer.reserves ?? answer.context), reward };
  if (answer.verdict === "approved")
    say("good", "Risk would let it through", "As of now; the order itself is judged again.", found, answer.checks);
  else say("bad", words(answer.code), because(answer, digits), isCrossed ? {} : found, isCrossed ? [] : answer.checks, answer.code);
}

// How much of one budget would be used with this order.
function showBudget(meter, checks = []) {
  const check = checks.find((each) => each.code === meter.dataset.budget);
  const isKnown = check?.value != null && Number(check.limit) > 0;
  const part = isKnown ? Number.parseFloat(check.value) / Number(check.limit) : null;
  meter.className = `meter ${part > 1 ? "full" : part > NEAR ? "near" : ""}`;
  write(meter.querySelector(".figure"), part === null ? "–" : `${Math.max(0, Math.round(part * 100))} %`);
  meter.querySelector("progress").value = Math.min(Math.max(part ?? 0, 0), 1);
}
