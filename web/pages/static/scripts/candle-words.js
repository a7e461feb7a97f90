// The chart of candles in words, for those who don't see it and for those who want the figures.

const counted = (count, one, many) => `${count} ${count === 1 ? one : many}`;

function missing(gaps) {
  return gaps.length ? ` ${counted(gaps.length, "stretch", "stretches")} of ticks known to be missing.` : "";
}

export function describe(symbol, frame, { candles, gaps }, positions, orders) {
  if (!candles.length) return `There are no candles to show.${missing(gaps)}`;
  const low = Math.min(...candles.map((each) => Number(each.low)));
  const high = Math.max(...candles.map((each) => Number(each.high)));
  const range = `between ${low} and ${high}, last ${candles.at(-1).close}`;
  const held = `${positions.length} open, ${orders.length} pending.`;
  return `${symbol}, ${counted(candles.length, "candle", "candles")} of ${frame}, ${range}. ${held}${missing(gaps)}`;
}
