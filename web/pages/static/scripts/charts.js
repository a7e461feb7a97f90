// What the charts share: the design tokens as colours that a canvas understands, times, and points in order.

const probe = document.createElement("i");
probe.hidden = true;

export function colour(token, alpha = 1) {
  if (!probe.isConnected) document.body.append(probe);
  probe.style.color = `var(--${token})`;
  const [red, green, blue] = getComputedStyle(probe).color.match(/[\d.]+/g);
  return `rgba(${red}, ${green}, ${blue}, ${alpha})`;
}

export function chartOptions() {
  return {
    autoSize: true,
    layout: {
      background: { color: "transparent" },
      textColor: colour("quiet"),
      fontFamily: "Inter, system-ui, sans-serif",
      fontSize: 11,
      attributionLogo: false,
    },
    grid: { vertLines: { color: colour("line", 0.6) }, horzLines: { color: colour("line", 0.6) } },
    rightPriceScale: { borderColor: colour("line") },
    leftPriceScale: { borderColor: colour("line") },
    timeScale: { borderColor: colour("line"), timeVisible: true, secondsVisible: false, rightOffset: 4, barSpacing: 9 },
    crosshair: {
      vertLine: { labelBackgroundColor: colour("accent") },
      horzLine: { labelBackgroundColor: colour("accent") },
    },
  };
}

// Lots as they are written everywhere: with two decimals at least.
export function lots(value) {
  const places = (String(value).split(".")[1] ?? "").replace(/0+$/, "").length;
  return Number(value).toFixed(Math.max(2, places));
}

// The chart writes times as if they were UTC: move them, so that they read as the reader's own.
export const readersTime = (ms) => Math.floor((ms - new Date(ms).getTimezoneOffset() * 60_000) / 1000);

// The chart takes one point for each moment, in order of time: of two at one place the later one counts.
export function inOrder(points) {
  const once = [...new Map(points.map((point) => [point.time, point])).values()];
  return once.sort((a, b) => (a.time < b.time ? -1 : 1));
}

export function onThemeChange(redraw) {
  document.addEventListener("theme", redraw);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
}
