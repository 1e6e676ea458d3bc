// The configuration page: a form made from the schema of the application's configurations, and its run.

import { Controls, element } from "./controls.js";

const part = (id) => document.getElementById(id);
const EVERY_MS = 1000;
const STATES = { running: "It runs.", stopping: "It is being stopped.", stopped: "It was stopped.", failed: "It has failed", completed: "It is completed." };
let state = null;
let form = null;
let kept = { chosen: "0", text: "" }; // which configuration the form was filled with, and what it held then

/** Ask the program; what it says comes with its status. */
async function ask(name, given) {
  const options = given === undefined ? {} : { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(given) };
  try {
    const answer = await fetch(name, { cache: "no-store", ...options });
    const kind = answer.headers.get("Content-Type") ?? "";
    return kind.startsWith("application/json") ? await answer.json() : { problem: (await answer.text()).trim() };
  } catch {
    return { problem: "The program does not answer: it may have ended." };
  }
}

function tell(text) { part("told").textContent = text; }

function showProblems(entries) {
  const box = part("problems");
  box.hidden = !entries.length;
  box.replaceChildren();
  if (!entries.length) return;
  const list = element("ul");
  for (const { text, target } of entries) {
    const item = element("li");
    if (target?.id) {
      const link = element("a", { href: `#${target.id}`, textContent: text });
      link.addEventListener("click", (event) => { event.preventDefault(); target.focus(); });
      item.append(link);
    } else item.textContent = text;
    list.append(item);
  }
  box.append(`${entries.length === 1 ? "This is" : "These are"} wrong:`, list);
}

/** Do something with the form's configuration; tell what is wrong at its fields. */
async function act(name, more = {}) {
  form.clear();
  showProblems([]);
  tell("");
  const found = await ask(name, { data: form.get(), ...more });
  if (found.faults) {
    const entries = found.faults.map(({ place, reason }) => ({ text: `${place.join(".") || "The configuration"}: ${reason}`, target: form.mark(place, reason) }));
    showProblems(entries);
    (entries.find(({ target }) => target)?.target ?? part("problems")).focus();
    return null;
  }
  if (found.problem !== undefined) {
    showProblems([{ text: found.problem }]);
    part("problems").focus();
    return null;
  }
  return found;
}

function fill(data) {
  const controls = new Controls(state.schema);
  form = controls.make({ ...state.schema, type: "object", properties: state.schema.properties ?? {} }, "", data);
  part("fields").replaceChildren(form.element);
  keep();
}

function keep() { kept = { chosen: part("chosen").value, text: JSON.stringify(form.get()) }; }

/** Start from another configuration, unless changes would be lost that are still wanted. */
function chooseAnother() {
  const changed = JSON.stringify(form.get()) !== kept.text;
  if (!changed || confirm("What was changed is not saved. Start from another configuration all the same?")) choose();
  else part("chosen").value = kept.chosen;
}

function listConfigurations(chosen) {
  part("chosen").replaceChildren(...state.configurations.map(({ file, data, problem }, i) =>
    element("option", { value: i, selected: file === chosen, textContent: problem === undefined ? `${typeof data.name === "string" ? data.name : "?"} (${file})` : `${file}: cannot be read` })));
}

function choose() {
  const { file, data, problem } = state.configurations[part("chosen").value];
  showProblems(problem === undefined ? [] : [{ text: problem }]);
  fill(data ?? {});
  part("file").value = file.startsWith("presets/") ? file.slice(8) : "";
  part("replace").checked = false;
  tell("");
}

/** A name for the file of a configuration of this name. */
function fileFor(name) {
  const words = String(name ?? "").toLowerCase().normalize("NFKC").replaceAll(/[^\p{L}\p{N}]+/gu, "_").replaceAll(/^_+|_+$/g, "");
  return `${words.slice(0, 60) || "preset"}.json`;
}

function showRun(run) {
  const goesOn = run?.state === "running" || run?.state === "stopping";
  // A button that has the focus keeps it as long as it can be pressed; then the other one has it.
  const focused = document.activeElement;
  part("stop").disabled = !goesOn;
  part("start").disabled = goesOn;
  if (focused === part("start") && goesOn) part("stop").focus();
  if (focused === part("stop") && !goesOn) part("start").focus();
  const text = run ? STATES[run.state] + (run.state === "failed" ? `, with status ${run.status}.` : "") : "Nothing runs.";
  if (part("state").textContent !== text) part("state").textContent = text;
  part("folder").textContent = run ? `Results: ${run.folder}` : "";
  const lines = (run?.lines ?? []).join("\n");
  const box = part("lines");
  if (box.textContent !== lines) {
    const atEnd = box.scrollTop + box.clientHeight >= box.scrollHeight - 20;
    box.textContent = lines;
    if (atEnd) box.scrollTop = box.scrollHeight;
  }
  const frame = part("visualiser");
  const page = run?.page ?? "";
  frame.hidden = !page;
  if ((frame.getAttribute("src") ?? "") !== page) {
    if (page) frame.src = page;
    else frame.removeAttribute("src");
  }
}

async function follow() {
  if (!document.hidden) {
    const found = await ask("status");
    if (found.problem === undefined) showRun(found.run);
    else part("state").textContent = found.problem;
  }
  setTimeout(follow, EVERY_MS);
}

async function save() {
  const file = part("file").value.trim() || fileFor(form.get().name);
  const found = await act("save", { file, replace: part("replace").checked });
  if (!found) return;
  state.configurations = found.configurations;
  listConfigurations(found.file);
  part("file").value = file;
  keep();
  tell(`Saved as ${found.file}.`);
}

async function begin() {
  state = await ask("state");
  if (state.problem !== undefined) {
    showProblems([{ text: state.problem }]);
    return;
  }
  const { info, id } = state;
  part("name").replaceChildren(info.name || id, " ", element("small", { textContent: info.version }));
  part("about").textContent = info.description;
  document.title = `${info.name || id}: configuration`;
  listConfigurations("default.json");
  choose();
  part("chosen").addEventListener("change", chooseAnother);
  part("save").addEventListener("click", save);
  part("check").addEventListener("click", async () => { if (await act("check")) tell("It is a valid configuration."); });
  part("form").addEventListener("submit", async (event) => {
    event.preventDefault();
    const found = await act("start");
    if (found) showRun(found.run);
  });
  part("stop").addEventListener("click", async () => {
    const found = await ask("stop", {});
    if (found.problem === undefined) showRun(found.run);
  });
  showRun(state.run);
  setTimeout(follow, EVERY_MS);
}

begin();
