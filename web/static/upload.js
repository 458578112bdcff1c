// Sends files piece by piece as they are chosen and goes on where it stopped. Without it, or where the address is not
// secure, they go with the form. Other pages use what stands in `bihuan`.
"use strict";

const bihuan = (() => {
  const PIECE = 256 * 1024, SIDE = 1600;
  const wish = (request) => new Promise((done, failed) => {
    request.onsuccess = () => done(request.result);
    request.onerror = () => failed(request.error);
  });

  // What is not sent waits in the browser.
  async function store(act, otherwise) {
    try {
      const opening = indexedDB.open("bihuan", 1);
      opening.onupgradeneeded = () => opening.result.createObjectStore("files", { keyPath: "id" });
      const database = await wish(opening);
      const found = await wish(act(database.transaction("files", "readwrite").objectStore("files")));
      database.close();
      return found;
    } catch { return otherwise; }
  }
  const keep = (made) => store((files) => files.put(made));
  const drop = (id) => store((files) => files.delete(id));
  const kept = async (place) => (await store((files) => files.getAll(), [])).filter((each) => each.place === place);

  async function scale(file) {
    try {
      const image = await createImageBitmap(file, { imageOrientation: "from-image" });
      const factor = SIDE / Math.max(image.width, image.height);
      if (factor >= 1) return file;
      const canvas = document.createElement("canvas");
      canvas.width = image.width * factor;
      canvas.height = image.height * factor;
      canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
      return await new Promise((done) => canvas.toBlob(done, "image/jpeg", 0.85)) ?? file;
    } catch { return file; }
  }

  async function record(file, place) {
    const taken = file.type.startsWith("image/") ? new Date(file.lastModified).toISOString() : null;
    const made = { id: crypto.randomUUID(), place, name: file.name, taken, blob: await scale(file) };
    await keep(made);
    return made;
  }

  // Null if it did not get through; a refusal throws its words.
  async function ask(address, method, body, type) {
    const token = document.querySelector("[name=csrf_token]").value;
    const headers = { "X-CSRFToken": token, Accept: "application/json", "Content-Type": type };
    const answer = await fetch(address, { method, body, headers }).catch(() => null);
    if (!answer || answer.status >= 500) return null;
    const told = await answer.json().catch(() => null);
    if (!answer.ok) throw Object.assign(new Error(told?.advice ?? "没有传成，请重新添加。"), { status: answer.status });
    return told;
  }

  async function upload({ id, name, taken, blob }, say) {
    const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", await blob.arrayBuffer()));
    const sha256 = Array.from(hash, (each) => each.toString(16).padStart(2, "0")).join("");
    const announced = JSON.stringify({ id, name, size: blob.size, sha256, taken_at: taken });
    for (let told, failures = 0; !told?.complete;) {
      const here = told?.received;
      told = here === undefined
        ? await ask("/files", "POST", announced, "application/json")
        : await ask(`/files/${id}?offset=${here}`, "PUT", blob.slice(here, here + PIECE), "application/octet-stream");
      failures = told ? 0 : failures + 1;
      say(told ? `已传 ${Math.floor((100 * told.received) / blob.size)}%` : "网络不通，接通后接着传");
      if (!told) await new Promise((done) => {
        addEventListener("online", done, { once: true });
        setTimeout(done, Math.min(30000, 500 * 2 ** failures));
      });
    }
    await drop(id);
  }

  async function send(list, made) {
    const add = (parent, tag, facts) => parent.appendChild(Object.assign(document.createElement(tag), facts));
    const line = add(list.querySelector(".files"), "li", { className: "sending" });
    const box = add(line, "input", { type: "checkbox", className: "form-check-input", value: made.id, ariaLabel: `保留 ${made.name}`, hidden: true });
    add(line, "bdi", { textContent: made.name });
    const state = add(line, "span", { className: "meta", role: "status" });
    try {
      await upload(made, (words) => { state.textContent = words; });
      Object.assign(box, { name: list.id, checked: true, hidden: false });
      state.textContent = "已上传";
      box.dispatchEvent(new Event("input", { bubbles: true }));
    } catch (refusal) {
      Object.assign(state, { textContent: refusal.message, className: "error-text" });
      if (refusal.status !== 401) await drop(made.id);
    }
    line.className = "";
  }

  function choose(input) {
    const list = input.closest("[data-files]"), files = [...input.files];
    input.value = "";
    for (const file of files) record(file, placeOf(list)).then((made) => send(list, made));
  }
  const placeOf = (list) => [list.dataset.files, location.pathname, list.id].join(" ");

  if (crypto.subtle && window.indexedDB) {
    document.addEventListener("change", ({ target }) => { if (target.matches("[data-files] [type=file]")) choose(target); });
    for (const list of document.querySelectorAll("[data-files]")) {
      kept(placeOf(list)).then((all) => all.forEach((made) => send(list, made)));
      choose(list.querySelector("[type=file]"));
    }
  }
  document.addEventListener("submit", (event) => {
    if (/logout$/.test(event.target.action)) indexedDB.deleteDatabase("bihuan");
    const line = event.target.querySelector(".sending");
    if (!line || event.submitter?.name === "+draft") return;
    event.preventDefault();
    line.scrollIntoView();
    line.querySelector(".meta").textContent += "，传完再提交";
  });
  return { scale, record, keep, kept, drop, upload, ask };
})();
window.bihuan = bihuan;
