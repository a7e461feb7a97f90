// The overview: asks the API every two seconds with the key typed in, and shows what it answers.

const REFRESH_MS = 2000;
const KEY_NAME = "zmq-bridge-key";
const byId = (id) => document.getElementById(id);

class Refused extends Error {
  constructor(status, body) {
    super(body.message || `HTTP ${status}`);
    this.status = status;
  }
}

async function ask(path, { accept = [] } = {}) {
  const response = await fetch(path, { headers: { "X-API-Key": sessionStorage.getItem(KEY_NAME) ?? "" } });
  const body = await response.json();
  if (!response.ok && !accept.includes(response.status)) throw new Refused(response.status, body);
  return body;
}

function cell(text, className = "") {
  const td = document.createElement("td");
  td.textContent = text ?? "–";
  if (className) td.className = className;
  return td;
}

function fillTable(id, rows, emptyText) {
  const body = byId(id).tBodies[0];
  const columns = byId(id).tHead.rows[0].cells.length;
  const none = () => Object.assign(cell(emptyText, "none"), { colSpan: columns });
  body.replaceChildren(...(rows.length ? rows : [[none()]]).map((cells) => {
    const tr = document.createElement("tr");
    tr.append(...cells);
    return tr;
  }));
}

const signed = (text) => cell(text, Number(text) < 0 ? "bad" : Number(text) > 0 ? "good" : "");
const seconds = (ms) => (ms === null ? "–" : `${(ms / 1000).toFixed(1)} s`);

function showHealth(health) {
  const terminal = health.terminals[0];
  const words = [`Postgres ${health.postgres.state}`, `Redis ${health.redis.state}`,
    terminal ? `terminal ${terminal.state}, ${terminal.trading_state}` : "no terminal yet"];
  byId("health").textContent = words.join(" · ");
  byId("health").className = health.status === "ok" ? "good" : "bad";
}

function showAccount(account) {
  const rows = [["Login", `${account.account} @ ${account.server}`], ["Balance", `${account.balance} ${account.currency}`],
    ["Equity", `${account.equity} ${account.currency}`], ["Margin used", account.margin], ["Free margin", account.margin_free],
    ["Trading", [account.trading_state, ...account.holds.map((hold) => hold.reason)].join(": ")], ["Snapshot", `${seconds(account.age_ms)} old`]];
  byId("account").replaceChildren(...rows.flatMap(([name, value]) => [
    Object.assign(document.createElement("dt"), { textContent: name }),
    Object.assign(document.createElement("dd"), { textContent: value })]));
}

function showSignal(signal) {
  const command = signal.commands[0];
  return [cell(new Date(signal.created_at).toLocaleTimeString()), cell(signal.symbol), cell(signal.action),
    cell(signal.volume ?? command?.filled_volume), cell(signal.code ?? signal.status, signal.status === "denied" ? "bad" : "good"),
    cell(command ? [command.status, command.retcode_name].filter(Boolean).join(" ") : "–")];
}

async function refresh() {
  const [health, account, prices, positions, signals] = await Promise.all([
    ask("/health", { accept: [503] }), ask("/api/account", { accept: [404] }), ask("/api/market/prices", { accept: [404] }),
    ask("/api/positions"), ask("/api/signals?limit=10")]);
  showHealth(health);
  if (account.balance) showAccount(account);
  fillTable("prices", (prices.prices ?? []).map((p) => [cell(p.symbol), cell(p.bid), cell(p.ask), cell(seconds(p.age_ms))]),
    "No prices yet: no terminal has sent a tick.");
  fillTable("positions", positions.positions.map((p) => [cell(p.ticket), cell(p.symbol), cell(p.side), cell(p.volume),
    cell(p.price_open), cell(p.price_current), cell(p.sl), cell(p.tp), signed(p.profit)]), "No position is open.");
  fillTable("signals", signals.signals.map(showSignal), "No signal yet: POST one to /api/signal.");
}

function showProblem(error) {
  const signIn = error instanceof Refused && (error.status === 401 || error.status === 403);
  byId("problem").textContent = error instanceof Refused ? error.message : `No answer from the server: ${error.message}`;
  byId("problem").hidden = false;
  if (signIn) {
    sessionStorage.removeItem(KEY_NAME);
    showForm();
  }
}

function showForm() {
  byId("sign-in").hidden = false;
  byId("board").hidden = true;
}

async function loop() {
  if (sessionStorage.getItem(KEY_NAME)) {
    try {
      await refresh();
      byId("problem").hidden = byId("sign-in").hidden = true;
      byId("board").hidden = false;
    } catch (error) {
      showProblem(error);
    }
  }
  setTimeout(loop, REFRESH_MS);
}

byId("sign-in").addEventListener("submit", (event) => {
  event.preventDefault();
  sessionStorage.setItem(KEY_NAME, byId("key").value.trim());
  byId("key").value = "";
  refresh().then(() => { byId("sign-in").hidden = byId("problem").hidden = true; byId("board").hidden = false; }, showProblem);
});
if (!sessionStorage.getItem(KEY_NAME)) {
  showForm();
  ask("/health", { accept: [503] }).then(showHealth, showProblem);
}
loop();
