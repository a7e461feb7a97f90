// Candles of a symbol with what was dealt and what is pending: entries, stops and targets as lines, deals as marks.

import { CandlestickSeries, createChart, createSeriesMarkers } from "/static/vendor/lightweight-charts.mjs";
import { call } from "./api.js";
import { describe } from "./candle-words.js";
import { chartOptions, colour, lots, onThemeChange, readersTime } from "./charts.js";
import { Levels } from "./levels.js";

const COUNT = 300;
const AGAIN_MS = 15_000;
const SPACING_PX = 9; // from candle to candle at least
const SCALE_PX = 70; // about what the prices at the side take
const YOUNG = 24; // candles that have room at least
const ROOM = 8; // candles that the levels' names may cover
const FRAME_MS = {
  M1: 60_000,
  M5: 300_000,
  M15: 900_000,
  M30: 1_800_000,
  H1: 3_600_000,
  H4: 14_400_000,
  D1: 86_400_000,
};

const box = document.getElementById("candles");
const empty = document.getElementById("candles-empty");
const words = document.getElementById("candles-words");
const picker = document.getElementById("chart-symbol");
const login = document.body.dataset.account;
let chart,
  series,
  marks,
  levels,
  frame = "M1",
  last = null,
  allLevels = false;

function build() {
  chart?.remove();
  const options = chartOptions();
  chart = createChart(box, { ...options, timeScale: { ...options.timeScale, rightOffset: ROOM } });
  series = chart.addSeries(CandlestickSeries, {
    upColor: colour("up"),
    borderUpColor: colour("up"),
    wickUpColor: colour("up"),
    downColor: colour("down"),
    borderDownColor: colour("down"),
    wickDownColor: colour("down"),
  });
  marks = createSeriesMarkers(series, []);
  levels = new Levels(series);
  levels.showAll(allLevels);
}

const asked = (path, query) =>
  call("GET", `${path}?${new URLSearchParams({ account: login, symbol: picker.value, ...query })}`);
const offsetMs = Number(document.body.dataset.serverOffset || 0) * 1000;
const frameOf = (serverMsc) => readersTime(Math.floor(serverMsc / FRAME_MS[frame]) * FRAME_MS[frame] - offsetMs);
const openOf = (candle) => readersTime(candle.time_msc - offsetMs);
const number = (candle) => ({
  time: openOf(candle),
  open: Number(candle.open),
  high: Number(candle.high),
  low: Number(candle.low),
  close: Number(candle.close),
});

function digitsOf(candles) {
  const places = Math.max(0, ...candles.slice(-20).map((candle) => (String(candle.close).split(".")[1] ?? "").length));
  return { type: "price", precision: places, minMove: 10 ** -places };
}

function showDeals(deals, first) {
  const shown = deals
    .filter((deal) => deal.type === "buy" || deal.type === "sell")
    .map((deal) => ({ deal, at: frameOf(deal.time_msc) }));
  marks.setMarkers(
    shown
      .filter(({ at }) => at >= first)
      .sort((a, b) => a.at - b.at)
      .map(({ deal, at }) => ({
        time: at,
        position: deal.type === "buy" ? "belowBar" : "aboveBar",
        shape: deal.type === "buy" ? "arrowUp" : "arrowDown",
        color: colour(deal.type === "buy" ? "up" : "down"),
        text: `${deal.entry === "in" ? "" : "close "}${lots(deal.volume)}`,
      })),
  );
}

function showAllLevels(event) {
  const button = event.target.closest("#chart-levels");
  if (!button) return;
  allLevels = !allLevels;
  button.ariaPressed = String(allLevels);
  levels.showAll(allLevels);
  chart.priceScale("right").applyOptions({ autoScale: true });
  redraw();
}

// Few candles are drawn wider, so that a young chart is no strip at the edge.
function spacing(count) {
  const width = box.clientWidth - SCALE_PX;
  return Math.max(SPACING_PX, width / (Math.max(YOUNG, count) + ROOM));
}

function showEmpty(title, text) {
  const strong = document.createElement("strong"),
    paragraph = document.createElement("p");
  strong.textContent = title;
  paragraph.textContent = text;
  empty.replaceChildren(strong, paragraph);
  empty.hidden = false;
}

async function draw({ fit = false } = {}) {
  const [market, deals, positions, orders] = await Promise.all([
    asked("/api/market/candles", { timeframe: frame, count: COUNT }),
    asked("/api/deals", { limit: 200 }),
    asked("/api/positions", {}),
    asked("/api/orders", { status: "working" }),
  ]);
  const candles = market.candles;
  empty.hidden = candles.length > 0;
  if (!candles.length)
    showEmpty("No candle yet", "Candles are made of stored ticks; the first closes with the first minute.");
  series.applyOptions({ priceFormat: digitsOf(candles) });
  series.setData(candles.map(number));
  last = candles.length ? number(candles.at(-1)) : null;
  showDeals(deals.deals, candles.length ? openOf(candles[0]) : 0);
  levels.show(positions.positions, orders.orders);
  words.textContent = describe(picker.value, frame, market, positions.positions, orders.orders);
  box.ariaBusy = null;
  if (fit) {
    chart.timeScale().applyOptions({ barSpacing: spacing(candles.length) });
    chart.timeScale().resetTimeScale();
    chart.priceScale("right").applyOptions({ autoScale: true });
  }
}

function problem(error) {
  box.ariaBusy = null;
  words.textContent = `The chart is not up to date: ${error.message}`;
  if (!last) showEmpty("No chart", error.message);
}

const redraw = (options) => draw(options).catch(problem);

function move(price) {
  if (price.symbol !== picker.value || !last) return;
  const value = Number(price.bid),
    time = frameOf(price.time_msc);
  if (time < last.time) return;
  last =
    time > last.time
      ? { time, open: value, high: value, low: value, close: value }
      : { ...last, high: Math.max(last.high, value), low: Math.min(last.low, value), close: value };
  series.update(last);
}

function chooseFrame(event) {
  const button = event.target.closest("#chart-timeframe button");
  if (!button) return;
  frame = button.value;
  document.querySelectorAll("#chart-timeframe button").forEach((each) => {
    each.ariaPressed = String(each === button);
  });
  redraw({ fit: true });
}

if (picker) {
  build();
  redraw({ fit: true });
  picker.addEventListener("change", () => redraw({ fit: true }));
  document.addEventListener("click", chooseFrame);
  document.addEventListener("click", showAllLevels);
  document.addEventListener("news", ({ detail }) => {
    if (detail.type === "PRICE_UPDATE") detail.prices.forEach(move);
    else if (detail.type === "POSITION_UPDATE" && detail.deals) redraw();
  });
  setInterval(() => {
    if (document.visibilityState === "visible") redraw();
  }, AGAIN_MS);
  onThemeChange(() => {
    build();
    redraw();
  });
} else if (box) {
  box.ariaBusy = null;
  showEmpty("No symbol yet", "Symbols come with the terminal's first prices.");
  words.textContent = "There is nothing to draw yet.";
}
