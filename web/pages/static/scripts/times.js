// Times in the reader's zone; the trade server's own time shows on hover.

const CLOCK = { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" };
const LOOKS = {
  time: CLOCK,
  both: { day: "numeric", month: "short", ...CLOCK },
};
const DAY_MS = 86_400_000;
const offset = () => document.body.dataset.serverOffset;

function serverTime(moment) {
  if (offset() === "") return "";
  const shifted = new Date(moment.getTime() + Number(offset()) * 1000);
  return `, server ${shifted.toISOString().slice(0, 19).replace("T", " ")}`;
}

function show(element) {
  const moment = new Date(element.dateTime);
  if (Number.isNaN(moment.getTime())) return;
  const old = Math.abs(Date.now() - moment.getTime()) > DAY_MS;
  const look = element.dataset.look === "time" && old ? "both" : element.dataset.look;
  const text = moment.toLocaleString([], LOOKS[look] ?? LOOKS.both);
  if (element.textContent !== text) element.textContent = text;
  element.title = moment.toLocaleString([], { dateStyle: "medium", timeStyle: "long" }) + serverTime(moment);
}

export const showTimes = (root = document) => root.querySelectorAll("time[data-look]").forEach(show);

export function startTimes() {
  showTimes();
  document.addEventListener("htmx:afterSwap", () => showTimes());
}
