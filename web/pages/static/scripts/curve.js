// Equity over time, and the price of a unit day by day where the pool has a history.

import { AreaSeries, LineSeries, LineStyle, createChart } from "/static/vendor/lightweight-charts.mjs";
import { call } from "./api.js";
import { chartOptions, colour, inOrder, onThemeChange, readersTime } from "./charts.js";

const DAY_MS = 86_400_000;
const SPANS = { "1D": DAY_MS, "1W": 7 * DAY_MS, "1M": 31 * DAY_MS, "1Y": 366 * DAY_MS };
const POINTS = 400;
const AGAIN_MS = 30_000;

const box = document.getElementById("equity-chart");
const login = box?.dataset.login;
let chart,
  equity,
  price,
  last = null, // the newest point drawn; it moves with the account until the curve is drawn anew
  span = "1D";

function build() {
  chart?.remove();
  chart = createChart(box, {
    ...chartOptions(),
    leftPriceScale: { ...chartOptions().leftPriceScale, visible: false },
    handleScale: false,
    handleScroll: false,
  });
  equity = chart.addSeries(AreaSeries, {
    lineColor: colour("accent"),
    topColor: colour("accent", 0.22),
    bottomColor: colour("accent", 0.02),
    lineWidth: 2,
    priceLineVisible: false,
  });
  price = chart.addSeries(LineSeries, {
    color: colour("warn"),
    lineWidth: 2,
    lineStyle: LineStyle.Dashed,
    priceScaleId: "left",
    priceLineVisible: false,
    lastValueVisible: false,
    priceFormat: { type: "price", precision: 4, minMove: 0.0001 },
  });
}

function showWords(points, currency) {
  const first = points[0]?.equity,
    last = points.at(-1)?.equity;
  const words = document.getElementById("equity-words");
  if (words)
    words.textContent =
      points.length > 1
        ? `Equity went from ${first} to ${last} ${currency} in the time shown.`
        : "There are too few snapshots for a curve yet.";
}

async function draw() {
  const to = new Date();
  const from = new Date(to.getTime() - SPANS[span]);
  const query = new URLSearchParams({ account: login, from: from.toISOString(), points: POINTS });
  const [history, pool] = await Promise.all([
    call("GET", `/api/account/history?${query}`),
    call("GET", `/api/pool/history?account=${login}`).catch(() => ({ days: [] })),
  ]);
  const days = pool.days.filter((day) => Date.parse(day.day) >= from.getTime() - DAY_MS);
  const line =
    days.length > 1
      ? days.map((day) => ({ time: readersTime(Date.parse(day.day)), value: Number(day.nav_per_unit) }))
      : [];
  box.querySelector(".empty").hidden = history.points.length > 1;
  const points = history.points.length > 1 ? history.points : [];
  const drawn = inOrder(
    points.map((point) => ({ time: readersTime(Date.parse(point.received_at)), value: Number(point.equity) })),
  );
  equity.setData(drawn);
  last = drawn.at(-1) ?? null;
  price.setData(inOrder(line));
  chart.applyOptions({ leftPriceScale: { visible: line.length > 0 } });
  document.querySelector(".key-nav")?.classList.toggle("unseen", line.length === 0);
  chart.timeScale().fitContent();
  showWords(history.points, history.currency);
}

function move({ account, equity: value }) {
  if (!last || value === undefined || String(account) !== login) return;
  last = { ...last, value: Number(value) };
  equity.update(last);
}

function choose(event) {
  const button = event.target.closest("#equity-span button");
  if (!button) return;
  span = button.value;
  document.querySelectorAll("#equity-span button").forEach((each) => {
    each.ariaPressed = String(each === button);
  });
  draw().catch(() => undefined);
}

if (login) {
  build();
  draw().catch(() => undefined);
  setInterval(() => {
    if (document.visibilityState === "visible") draw().catch(() => undefined);
  }, AGAIN_MS);
  document.addEventListener("click", choose);
  document.addEventListener("news", ({ detail }) => {
    if (detail.type === "ACCOUNT_UPDATE") move(detail);
  });
  onThemeChange(() => {
    build();
    draw().catch(() => undefined);
  });
}
