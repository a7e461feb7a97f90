// Prices move in place: the text that the stream sends, with a short flash in the direction of the move.

import { serverNow } from "./clock.js";
import { showAges } from "./ages.js";

function write(cell, text) {
  if (!cell || cell.textContent === text) return;
  const up = Number(text) > Number(cell.textContent);
  cell.textContent = text;
  cell.classList.remove("tick-up", "tick-down");
  void cell.offsetWidth; // starts the flash anew
  cell.classList.add(up ? "tick-up" : "tick-down");
}

function decimals(text) {
  return (text.split(".")[1] ?? "").length;
}

function showRow(row, price) {
  write(row.querySelector('[data-quote="bid"]'), price.bid);
  write(row.querySelector('[data-quote="ask"]'), price.ask);
  const spread = row.querySelector('[data-quote="spread"]');
  if (spread)
    spread.textContent = (Number(price.ask) - Number(price.bid)).toFixed(
      Math.max(decimals(price.ask), decimals(price.bid)),
    );
  const age = row.querySelector(".age");
  if (age) age.dataset.at = String(Math.min(price.received_ms, serverNow()));
  showAges(row);
}

export function showPrices(prices) {
  for (const price of prices) {
    const row = document.querySelector(`[data-symbol="${CSS.escape(price.symbol)}"]`);
    if (row) showRow(row, price);
  }
}
