// What risk says to an order that is not placed yet: the verdict, its figures, and how much of each budget it would use.

import { call } from "./api.js";

const FAILED_SHOWN = 2;
const NEAR = 0.75;
const BUDGETS = [
  ["POSITION_RISK", "Risk of one position"],
  ["TOTAL_EXPOSURE", "Risk of everything"],
  ["CORRELATED_EXPOSURE", "Correlated group"],
  ["DAILY_LOSS", "Loss today, all stops hit"],
];
const PRICE_CODE = /_WRONG_SIDE$|^PRICE_OFF_TICK$/; // what these measure is a price
const DISTANCE_CODE = /^(STOP_TOO_CLOSE|STOPS_LEVEL|FREEZE_LEVEL|PRICE_COLLAR|SPREAD_TOO_WIDE)$/; // a part of one
const PRICE_NAME = /^(sl|tp|price|stoplimit|bid|ask|entry|market)(_|$)/;
const meanings = new Map(); // what each code says, in a sentence
const box = document.getElementById("what-if");

if (box)
  call("GET", "/api/risk/codes")
    .then(({ codes }) => codes.forEach(({ code, meaning }) => meanings.set(code, meaning)))
    .catch(() => {});

// The answer always has the same form, so that nothing jumps while one types.
function say(look, title, reason, rows, checks) {
  const head = document.createElement("p"),
    why = document.createElement("p"),
    list = document.createElement("dl");
  head.className = `badge ${look}`;
  head.textContent = title;
  why.className = "reason note";
  why.textContent = reason;
  list.className = "pairs";
  for (const [name, value] of rows) {
    const term = document.createElement("dt"),
      figure = document.createElement("dd");
    term.textContent = name;
    figure.textContent = value ?? "–";
    list.append(term, figure);
  }
  box.replaceChildren(head, why, list, ...meters(checks));
}

export const showBlank = (look, title, reason) => say(look, title, reason, figures({}, null), []);

const words = (code) => {
  const text = String(code).replaceAll("_", " ").toLowerCase();
  return text[0].toUpperCase() + text.slice(1);
};

const short = (value) => (/^-?\d+\.\d{3,}$/.test(value) ? Number(value).toFixed(2) : value);

function figures(held, reward) {
  return [
    ["Lots", held.volume],
    ["Risk at the stop", held.risk],
    ["Margin", held.margin],
    ["Reward to risk", reward],
  ].map(([name, value]) => [name, value == null ? null : short(value)]);
}

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
  const rows = figures(
    answer.reserves ?? answer.context ?? {},
    answer.checks?.find((check) => check.code === "RISK_REWARD_TOO_LOW")?.value,
  );
  if (answer.verdict === "approved")
    say("good", "Risk would let it through", "As of now; the order itself is judged again.", rows, answer.checks);
  else say("bad", words(answer.code), because(answer, digits), rows, answer.checks);
}

// How much of each budget would be used with this order.
function meters(checks = []) {
  return BUDGETS.map(([code, name]) => {
    const check = checks.find((each) => each.code === code);
    const part =
      check?.value != null && Number(check.limit) > 0 ? Number.parseFloat(check.value) / Number(check.limit) : null;
    const meter = document.createElement("div"),
      label = document.createElement("span"),
      figure = document.createElement("span"),
      bar = document.createElement("progress");
    meter.className = `meter ${part > 1 ? "full" : part > NEAR ? "near" : ""}`;
    label.className = "name";
    label.textContent = name;
    figure.className = "figure";
    figure.textContent = part === null ? "–" : `${Math.max(0, Math.round(part * 100))} %`;
    bar.max = 1;
    bar.value = Math.min(Math.max(part ?? 0, 0), 1);
    bar.ariaLabel = name;
    meter.append(label, figure, bar);
    return meter;
  });
}
