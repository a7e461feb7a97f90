// Entries, stops, targets and pending orders as lines on a chart, and room for them on its scale.

import { LineStyle } from "/static/vendor/lightweight-charts.mjs";
import { colour, lots } from "./charts.js";

const NEAR = 4; // levels within so many times the candles' own height are always in sight
const HEIGHT_MIN = 0.0008; // of the price, that a chart shows at least

// The first candles of a day are a few ticks tall: they are drawn small rather than as towers.
function tallEnough({ minValue, maxValue }) {
  const missing = Math.max(0, HEIGHT_MIN * maxValue - (maxValue - minValue)) / 2;
  return { minValue: minValue - missing, maxValue: maxValue + missing };
}

export class Levels {
  #series;
  #lines = [];
  #all = false;

  constructor(series) {
    this.#series = series;
    series.applyOptions({ autoscaleInfoProvider: (candlesOnly) => this.#withRoom(candlesOnly()) });
  }

  // Makes room for every level, however far it is.
  showAll(all) {
    this.#all = all;
  }

  show(positions, orders) {
    this.#lines.forEach((each) => this.#series.removePriceLine(each));
    this.#lines = [];
    for (const position of positions) {
      this.#add(position.price_open, `${position.side} ${lots(position.volume)}`, "accent", LineStyle.Solid);
      this.#addStops(position);
    }
    for (const order of orders) {
      this.#add(order.price_open, order.order_type.replaceAll("_", " "), "warn");
      this.#addStops(order);
    }
  }

  #addStops({ sl, tp }) {
    this.#add(sl, "stop", "down");
    this.#add(tp, "target", "up");
  }

  // Levels at one price are one line: two positions with the same stop have one stop.
  #add(text, title, token, lineStyle = LineStyle.Dashed) {
    const price = Number(text);
    const same = this.#lines.some((each) => each.options().price === price && each.options().title === title);
    if (!(price > 0) || same) return;
    const look = { color: colour(token), lineWidth: 1, lineStyle, axisLabelVisible: true };
    this.#lines.push(this.#series.createPriceLine({ price, title, ...look }));
  }

  #withRoom(candles) {
    if (!candles?.priceRange) return candles;
    const found = { ...candles, priceRange: tallEnough(candles.priceRange) };
    if (!this.#lines.length) return found;
    const { minValue, maxValue } = found.priceRange;
    const prices = this.#lines.map((each) => each.options().price);
    const low = Math.min(minValue, ...prices);
    const high = Math.max(maxValue, ...prices);
    if (!this.#all && high - low > NEAR * (maxValue - minValue)) return found;
    return { ...found, priceRange: { minValue: low, maxValue: high } };
  }
}
