// Live news over the WebSocket; without it the cards are asked for by themselves, only a little later.

export function startStream() {
  const badge = document.getElementById("link-state");
  badge.textContent = "Polling";
}
