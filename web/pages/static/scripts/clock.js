// The server's clock, as far as this page knows it: ages are never judged by the clock of the reader's machine.

const begun = performance.now();
let serverThen = Number(document.body.dataset.now) || Date.now();
let measuredAt = begun;

export const serverNow = () => serverThen + (performance.now() - measuredAt);

export function heardServer(nowMs) {
  serverThen = nowMs;
  measuredAt = performance.now();
}
