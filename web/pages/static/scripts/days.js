// A curve with one point a day, from the figures that the page brought along.

import { AreaSeries, createChart } from "/static/vendor/lightweight-charts.mjs";
import { chartOptions, colour, inOrder, onThemeChange } from "./charts.js";

function draw(box) {
  const days = JSON.parse(box.dataset.days);
  if (days.length < 2) return null;
  const chart = createChart(box, { ...chartOptions(), handleScale: false, handleScroll: false });
  const places = Math.min(6, (days.at(-1)[1].split(".")[1] ?? "").length);
  const series = chart.addSeries(AreaSeries, {
    lineColor: colour("accent"),
    topColor: colour("accent", 0.22),
    bottomColor: colour("accent", 0.02),
    lineWidth: 2,
    priceLineVisible: false,
    priceFormat: { type: "price", precision: places, minMove: 10 ** -places },
  });
  series.setData(inOrder(days.map(([day, value]) => ({ time: day, value: Number(value) }))));
  chart.timeScale().fitContent();
  return chart;
}

let charts = [];
function drawAll() {
  charts.forEach((chart) => chart?.remove());
  charts = [...document.querySelectorAll(".chart.days")].map(draw);
}

drawAll();
onThemeChange(drawAll);
