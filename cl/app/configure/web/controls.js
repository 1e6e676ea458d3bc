// Plain HTML controls for a JSON schema. Everything that a schema or a configuration says is set as text, never as
// HTML. A control is { element, get(), mark(place, reason), clear() }: `get` returns the value, or undefined for
// none; `mark` tells what is wrong at a place (a list of keys and numbers below it) and returns what to focus.

const DEEPEST = 8;
let made = 0;

export const element = (tag, properties = {}, ...children) => {
  const found = Object.assign(document.createElement(tag), properties);
  found.append(...children);
  return found;
};

/** The number that a text is, where JavaScript holds it exactly; the text itself otherwise: the program judges it. */
function asNumber(text) {
  const trimmed = text.trim();
  if (trimmed === "" || !/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(trimmed)) return trimmed;
  const number = Number(trimmed);
  return Number.isFinite(number) && Math.abs(number) <= Number.MAX_SAFE_INTEGER ? number : trimmed;
}

export class Controls {
  constructor(schema) {
    this.root = schema;
  }

  /** The schema itself, whatever it refers to merged in; null where that leads nowhere. */
  resolved(schema, seen = 0) {
    if (schema === null || typeof schema !== "object" || seen > 20) return null;
    const { $ref, allOf, ...own } = schema;
    if (typeof $ref === "string") {
      const target = $ref.startsWith("#/$defs/") ? $ref.slice(8).replaceAll("~1", "/").replaceAll("~0", "~") : null;
      const known = this.root.$defs ?? {};
      if (target === null || !Object.hasOwn(known, target)) return null;
      const found = this.resolved(known[target], seen + 1);
      return found && { ...found, ...own };
    }
    if (Array.isArray(allOf) && allOf.length === 1) {
      const found = this.resolved(allOf[0], seen + 1);
      return found && { ...found, ...own };
    }
    return schema;
  }

  /** The control for a schema; `value` undefined: none is given. */
  make(schema, name, value, depth = 0) {
    const found = this.resolved(schema);
    if (value === undefined && found && Object.hasOwn(found, "default")) value = found.default;
    if (found === null || depth > DEEPEST) return this.json(found ?? {}, name, value);
    if (Array.isArray(found.enum) && found.enum.every((one) => one === null || typeof one !== "object")) return this.choice(found, name, value);
    const options = Array.isArray(found.anyOf) ? found.anyOf.map((one) => this.resolved(one)) : null;
    if (options?.length === 2 && options.some((one) => one?.type === "null")) return this.optional(found, name, value, depth);
    if (options || Object.hasOwn(found, "const")) return this.json(found, name, value);
    if (found.type === "boolean" && (value === undefined || typeof value === "boolean")) return this.flag(found, name, value);
    const isText = value === undefined || typeof value !== "object";
    if ((found.type === "integer" || found.type === "number") && isText) return this.number(found, name, value);
    if (found.type === "string" && isText) return this.text(found, name, value);
    if (found.type === "array" && (value === undefined || Array.isArray(value)) && found.items && !found.prefixItems) return this.array(found, name, value, depth);
    const isObject = value === undefined || (value !== null && typeof value === "object" && !Array.isArray(value));
    if (found.type === "object" && found.properties && isObject) return this.object(found, name, value, depth);
    return this.json(found, name, value);
  }

  label(schema, name) {
    return typeof schema.title === "string" && schema.title ? schema.title : String(name);
  }

  /** A field: label, input, what it is for, and room for what is wrong with it. */
  field(schema, name, input, get, labelled = true) {
    const id = `control-${++made}`;
    const about = element("p", { className: "about", id: `${id}-about`, textContent: this.hints(schema) });
    const wrong = element("p", { className: "wrong", id: `${id}-wrong` });
    input.id = id;
    input.setAttribute("aria-describedby", `${about.id} ${wrong.id}`);
    const label = element("label", { htmlFor: id, textContent: this.label(schema, name) });
    const box = element("div", { className: "field" });
    if (labelled) box.append(label, input, about, wrong);
    else box.append(element("div", { className: "check" }, input, label), about, wrong);
    return {
      element: box,
      get,
      mark: (place, reason) => {
        input.setAttribute("aria-invalid", "true");
        wrong.textContent = `${wrong.textContent} ${place.length ? `${place.join(".")}: ` : ""}${reason}`.trim();
        return input;
      },
      clear: () => {
        input.removeAttribute("aria-invalid");
        wrong.textContent = "";
      },
    };
  }

  /** The description, and the limits in words. */
  hints(schema) {
    const said = (key, text) => (typeof schema[key] === "number" ? [text(schema[key])] : []);
    const limits = [
      ...said("exclusiveMinimum", (value) => (schema.type === "integer" ? `at least ${value + 1}` : `above ${value}`)),
      ...said("minimum", (value) => `at least ${value}`),
      ...said("exclusiveMaximum", (value) => `below ${value}`),
      ...said("maximum", (value) => `at most ${value}`),
      ...said("multipleOf", (value) => `a multiple of ${value}`),
    ];
    const unit = schema.format === "duration" ? ["in seconds"] : [];
    const all = [...unit, ...limits].join(", ");
    return [schema.description, all && `${all[0].toUpperCase()}${all.slice(1)}.`].filter((one) => typeof one === "string" && one).join(" ");
  }

  number(schema, name, value) {
    const whole = schema.type === "integer";
    // A text that is typed in, and no number, is kept: the program says what is wrong with it.
    const input = element("input", { type: "text", inputMode: whole ? "numeric" : "decimal", autocomplete: "off", value: value ?? "" });
    input.readOnly = schema.readOnly === true;
    if (whole && !input.readOnly) {
      // As with a number input: the arrow keys count.
      input.addEventListener("keydown", (event) => {
        const step = { ArrowUp: 1, ArrowDown: -1 }[event.key] * (schema.multipleOf ?? 1);
        const now = asNumber(input.value);
        if (!Number.isFinite(step) || typeof now !== "number") return;
        event.preventDefault();
        input.value = now + step;
      });
    }
    return this.field(schema, name, input, () => (input.value.trim() === "" ? undefined : asNumber(input.value)));
  }

  text(schema, name, value) {
    const input = element("input", { type: "text", autocomplete: "off", value: value ?? "" });
    input.readOnly = schema.readOnly === true;
    if (Number.isInteger(schema.maxLength) && schema.maxLength > 0) input.maxLength = schema.maxLength;
    return this.field(schema, name, input, () => input.value);
  }

  flag(schema, name, value) {
    const input = element("input", { type: "checkbox", checked: value === true, disabled: schema.readOnly === true });
    return this.field(schema, name, input, () => input.checked, false);
  }

  choice(schema, name, value) {
    const input = element("select");
    const known = schema.enum.indexOf(value);
    if (known < 0) input.append(element("option", { value: "", textContent: value === undefined ? "–" : `${JSON.stringify(value)} (not among the choices)` }));
    schema.enum.forEach((one, i) => input.append(element("option", { value: i, textContent: String(one), selected: i === known })));
    return this.field(schema, name, input, () => (input.value === "" ? value : schema.enum[Number(input.value)]));
  }

  /** Anything: as the JSON that it is. */
  json(schema, name, value) {
    const input = element("textarea", { value: value === undefined ? "" : JSON.stringify(value, null, 2), spellcheck: false });
    const get = () => {
      if (input.value.trim() === "") return undefined;
      try {
        return JSON.parse(input.value);
      } catch {
        return input.value;
      }
    };
    const found = this.field(schema, name, input, get);
    found.element.querySelector(".about").append(" As JSON.");
    return found;
  }

  optional(schema, name, value, depth) {
    const inner = schema.anyOf.find((one) => this.resolved(one)?.type !== "null");
    const given = element("input", { type: "checkbox", checked: value !== null && value !== undefined });
    const { anyOf, default: _, ...own } = schema;
    const control = this.make({ ...this.resolved(inner), ...own }, name, value ?? undefined, depth + 1);
    const box = element("div", { className: "item" }, element("label", { className: "check" }, given, `set ${this.label(schema, name)}`), control.element);
    const show = () => { control.element.hidden = !given.checked; };
    given.addEventListener("change", show);
    show();
    return {
      element: box,
      get: () => (given.checked ? control.get() : null),
      mark: (place, reason) => {
        given.checked = true;
        show();
        return control.mark(place, reason);
      },
      clear: control.clear,
    };
  }

  array(schema, name, value = [], depth) {
    const items = this.resolved(schema.items);
    const isNumbers = ["integer", "number"].includes(items?.type);
    if (isNumbers && value.every((one) => one === null || typeof one !== "object")) return this.numbers(schema, name, value, items);
    return this.list(schema, name, value, depth);
  }

  /** Numbers in one line, with ranges where they are whole: "8, 16-23". */
  numbers(schema, name, value, items) {
    const whole = items.type === "integer";
    const input = element("input", { type: "text", autocomplete: "off", value: value.join(", ") });
    const get = () => input.value.split(/[\s,;]+/).filter(Boolean).flatMap((part) => {
      const range = whole ? /^(\d{1,6})-(\d{1,6})$/.exec(part) : null;
      if (!range) return [asNumber(part)];
      const [first, last] = [Number(range[1]), Number(range[2])];
      if (last < first || last - first > 1000) return [part];
      return Array.from({ length: last - first + 1 }, (_, i) => first + i);
    });
    const found = this.field(schema, name, input, get);
    found.element.querySelector(".about").append(whole ? " Numbers with commas between them; 16-23 is a range." : " Numbers with commas between them.");
    return found;
  }

  /** A list of anything, whose items can be added, removed and moved. */
  list(schema, name, value, depth) {
    const legend = this.label(schema, name);
    const box = element("fieldset", {}, element("legend", { textContent: legend }));
    const rows = element("div");
    const about = element("p", { className: "about", textContent: this.hints(schema) });
    const wrong = element("p", { className: "wrong" });
    let items = [];
    const title = (i) => `${legend} ${i + 1}`;
    const draw = () => {
      rows.replaceChildren(...items.map(({ row }) => row));
      items.forEach((item, i) => {
        const texts = ["Remove", "Up", "Down"];
        [...item.buttons.children].forEach((button, k) => button.setAttribute("aria-label", `${texts[k]}: ${title(i)}`));
        item.buttons.children[1].disabled = i === 0;
        item.buttons.children[2].disabled = i === items.length - 1;
      });
    };
    const move = (item, by) => {
      const at = items.indexOf(item);
      items.splice(at, 1);
      if (by) items.splice(at + by, 0, item);
      draw();
      const focus = by ? item.buttons.children[by < 0 ? 1 : 2] : items[Math.min(at, items.length - 1)]?.buttons.children[0];
      (focus && !focus.disabled ? focus : add).focus();
    };
    const append = (one) => {
      const { title: _, ...own } = this.resolved(schema.items) ?? {};
      const control = this.make({ ...own, title: title(items.length) }, items.length, one, depth + 1);
      const buttons = element("p", { className: "row" });
      const item = { control, buttons, row: element("div", { className: "item" }, control.element, buttons) };
      for (const [text, by] of [["Remove", 0], ["Up", -1], ["Down", 1]]) {
        const button = element("button", { type: "button", textContent: text });
        button.addEventListener("click", () => move(item, by));
        buttons.append(button);
      }
      items.push(item);
      draw();
      return item;
    };
    const add = element("button", { type: "button", textContent: "Add" });
    add.setAttribute("aria-label", `Add: ${legend}`);
    add.addEventListener("click", () => append(undefined).row.querySelector("input, select, textarea, button")?.focus());
    for (const one of value) append(one);
    box.append(about, rows, add, wrong);
    return {
      element: element("div", { className: "field" }, box),
      get: () => items.map(({ control }) => control.get() ?? null),
      mark: ([first, ...rest], reason) => {
        const item = items[first];
        if (item) return item.control.mark(rest, reason);
        wrong.textContent = reason;
        return add;
      },
      clear: () => {
        wrong.textContent = "";
        for (const { control } of items) control.clear();
      },
    };
  }

  object(schema, name, value = {}, depth) {
    const parts = new Map();
    const box = depth ? element("fieldset") : element("div");
    const inside = element("div", { className: schema.format === "grid" ? "grid" : "" });
    const wrong = element("p", { className: "wrong" });
    if (depth) box.append(element("legend", { textContent: this.label(schema, name) }));
    if (depth && this.hints(schema)) inside.append(element("p", { className: "about", textContent: this.hints(schema) }));
    for (const [key, one] of Object.entries(schema.properties)) {
      const control = this.make(one, key, Object.hasOwn(value, key) ? value[key] : undefined, depth + 1);
      parts.set(key, control);
      inside.append(control.element);
    }
    const unknown = Object.entries(value).filter(([key]) => !parts.has(key));
    const more = unknown.length ? this.json({ title: "Other fields" }, "more", Object.fromEntries(unknown)) : null;
    if (more) inside.append(more.element);
    box.append(inside, wrong);
    return {
      element: depth ? element("div", { className: "field" }, box) : box,
      // `fromEntries` makes a property of any name, also of "__proto__".
      get: () => {
        const others = more?.get();
        const own = [...parts].map(([key, control]) => [key, control.get()]).filter(([, one]) => one !== undefined);
        return Object.fromEntries([...Object.entries(others && typeof others === "object" ? others : {}), ...own]);
      },
      mark: ([first, ...rest], reason) => {
        const control = parts.get(first);
        if (control) return control.mark(rest, reason);
        if (more && first !== undefined) return more.mark([first, ...rest], reason);
        wrong.textContent = `${wrong.textContent} ${reason}`.trim();
        return box.querySelector("input, select, textarea");
      },
      clear: () => {
        wrong.textContent = "";
        more?.clear();
        for (const control of parts.values()) control.clear();
      },
    };
  }
}
