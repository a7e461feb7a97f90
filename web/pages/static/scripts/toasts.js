// Short words about what was done; a screen reader hears them too.

const SHOWN_MS = { good: 6000, info: 6000, warn: 12_000, bad: 20_000 };

export function toast(look, text) {
  const box = document.createElement("div");
  box.className = `notice ${look}`;
  const words = document.createElement("p");
  words.textContent = text;
  const close = document.createElement("button");
  close.type = "button";
  close.className = "bare small";
  close.ariaLabel = "Dismiss";
  close.textContent = "✕";
  close.addEventListener("click", () => box.remove());
  box.append(words, close);
  document.getElementById("toasts").append(box);
  setTimeout(() => box.remove(), SHOWN_MS[look] ?? SHOWN_MS.info);
}
