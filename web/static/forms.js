// Shortens the way through a form: fields that do not apply are out of sight and not sent, rows are added in place.
// Without it the page is complete: every field is there with its condition in words, and the server adds rows.
"use strict";

function valueOf(form, name) {
  const controls = [...form.elements].filter((each) => each.name === name && !each.disabled);
  const first = controls[0];
  if (!first) return null;
  if (first.type === "checkbox") {
    const chosen = controls.filter((each) => each.checked).map((each) => each.value);
    return first.value === "true" ? chosen.length > 0 : chosen;
  }
  const written = first.type === "radio" ? controls.find((each) => each.checked)?.value ?? "" : first.value.trim();
  if (first.inputMode === "decimal") {
    const digits = written.replace(/[！-～]/g, (sign) => String.fromCharCode(sign.charCodeAt(0) - 0xfee0));
    const number = Number(digits.replaceAll(",", ""));
    return digits === "" || Number.isNaN(number) ? null : number;
  }
  return { "": null, true: true, false: false }[written] ?? (written || null);
}

const isTrue = (value) => (Array.isArray(value) ? value.length > 0 : Boolean(value));

function present(value) {
  if (value === null) throw new RangeError("compared with a field that was left empty");
  return value;
}

function evaluate([sign, ...parts], read) {
  if (sign === "value") return parts[0];
  if (sign === "name") return read(parts[0]);
  if (sign === "and") return parts.every((part) => isTrue(evaluate(part, read)));
  if (sign === "or") return parts.some((part) => isTrue(evaluate(part, read)));
  const [left, right] = parts.map((part) => evaluate(part, read));
  switch (sign) {
    case "not": return !isTrue(left);
    case "==": return left === right;
    case "!=": return left !== right;
    case "<": return present(left) < present(right);
    case "<=": return present(left) <= present(right);
    case ">": return present(left) > present(right);
    case ">=": return present(left) >= present(right);
    case "in": return present(right).includes(left);
    case "not in": return !present(right).includes(left);
  }
}

function holds(form, field) {
  const prefix = field.closest("[data-row]")?.dataset.row ?? "";
  try {
    return isTrue(evaluate(JSON.parse(field.dataset.shown), (key) => valueOf(form, prefix + key)));
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}

function show(form) {
  for (const field of form.querySelectorAll("[data-shown]")) {
    const within = field.parentElement.closest("[data-shown]");
    field.hidden = Boolean(within?.hidden) || !holds(form, field);
    for (const control of field.querySelectorAll("input, select, textarea, button")) control.disabled = field.hidden;
  }
}

function addRow(button) {
  const list = button.closest("[data-rows]");
  const count = list.querySelectorAll("[data-row]").length;
  const source = list.querySelector("template").innerHTML;
  list.querySelector(".cards").insertAdjacentHTML("beforeend", source.replaceAll("¤i", count).replaceAll("¤n", count + 1));
  button.hidden = count + 1 >= Number(list.dataset.most);
  list.querySelector("[data-row]:last-child").querySelector("input, select, textarea").focus();
}

for (const form of document.querySelectorAll("form")) {
  if (!form.querySelector("[data-shown], [data-rows]")) continue;
  for (const button of form.querySelectorAll("button[name='+']")) button.type = "button"; // so that Enter sends the form
  form.addEventListener("click", (event) => {
    const button = event.target.closest("button[name='+']");
    if (!button) return;
    event.preventDefault();
    addRow(button);
    show(form);
  });
  form.addEventListener("input", () => show(form));
  addEventListener("pageshow", () => show(form));
  show(form);
}
