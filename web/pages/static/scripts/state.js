// The trading state, as the frame shows it: the form that sets it begins with it, and no order is placed while halted.

let seen = null;

function showInForm(select) {
  for (const option of select.options) option.defaultSelected = option.value === seen;
  select.value = seen;
}

// A halted account takes no new order; a button that is busy now is released by its own answer.
export function bar(button) {
  const halted = seen === "halted";
  if (halted) button.title = "Trading is halted";
  else button.removeAttribute("title");
  button.disabled = halted || button.ariaBusy === "true";
}

function follow() {
  const shown = document.querySelector("#card-state [data-state]")?.dataset.state;
  const isNew = shown !== undefined && shown !== seen;
  if (isNew) seen = shown;
  if (isNew) document.querySelectorAll("select[data-present-state]").forEach(showInForm);
  document.querySelectorAll("button[data-not-while-halted]").forEach(bar);
}

export function startState() {
  follow();
  document.addEventListener("htmx:afterSwap", follow);
}
