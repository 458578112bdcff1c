// Sends files piece by piece as they are chosen, and goes on where it stopped: after an interruption, a reload, without a network.
// Without it, or on an address that is not secure, files go with the form. Other pages use what stands in `bihuan`.
"use strict";

const bihuan = (() => {
  const PIECE = 256 * 1024, SIDE = 1600;
  const pause = (ms) => new Promise((done) => {
    setTimeout(done, ms);
    addEventListener("online", done, { once: true });
  });

  // What is not sent yet waits in the browser; where it may not, an interruption ends with the page.
  const wish = (request) => new Promise((done, failed) => {
    request.onsuccess = () => done(request.result);
    request.onerror = () => failed(request.error);
  });
  async function waiting(mode, act) {
    const opening = indexedDB.open("bihuan", 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore("files", { keyPath: "id" });
    const database = await wish(opening);
    try {
      return await wish(act(database.transaction("files", mode).objectStore("files")));
    } finally {
      database.close();
    }
  }
  const keep = (record) => waiting("readwrite", (files) => files.put(record)).catch(() => undefined);
  const drop = (id) => waiting("readwrite", (files) => files.delete(id)).catch(() => undefined);
  const kept = (place) => waiting("readonly", (files) => files.getAll())
    .then((all) => all.filter((each) => each.place === place)).catch(() => []);
  const forgetAll = () => waiting("readwrite", (files) => files.clear()).catch(() => undefined);

  async function scale(file) {
    if (!/^image\/(jpeg|png|webp)$/.test(file.type)) return file;
    try {
      const image = await createImageBitmap(file, { imageOrientation: "from-image" });
      const factor = SIDE / Math.max(image.width, image.height);
      if (factor >= 1) return file;
      const canvas = document.createElement("canvas");
      canvas.width = Math.round(image.width * factor);
      canvas.height = Math.round(image.height * factor);
      canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
      const small = await new Promise((done) => canvas.toBlob(done, "image/jpeg", 0.85));
      return small && small.size < file.size ? small : file;
    } catch {
      return file; // the server says what is wrong with it
    }
  }

  // A file as it is kept until it is sent; `place` says where it belongs.
  async function record(file, place) {
    const blob = await scale(file);
    const taken = file.type.startsWith("image/") ? new Date(file.lastModified).toISOString() : null;
    const made = { id: crypto.randomUUID(), place, name: file.name, taken, blob };
    await keep(made);
    return made;
  }

  // One request; null if it did not get through. What the server refuses throws its words.
  async function ask(address, method, body, type) {
    const token = document.querySelector("[name=csrf_token]").value;
    let answer;
    try {
      answer = await fetch(address, {
        method, body, headers: { "X-CSRFToken": token, Accept: "application/json", "Content-Type": type },
      });
    } catch {
      return null;
    }
    if (answer.status >= 500 || answer.status === 429) return null;
    const told = await answer.json().catch(() => ({}));
    if (!answer.ok) throw Object.assign(new Error(told.advice || "没有传成，请重新添加。"), { status: answer.status });
    return told;
  }

  // Sends until all is there; `say` hears how far it is, in words. Refusals throw.
  async function upload({ id, name, taken, blob }, say) {
    const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", await blob.arrayBuffer()));
    const sha256 = [...hash].map((each) => each.toString(16).padStart(2, "0")).join("");
    const announced = JSON.stringify({ id, name, size: blob.size, sha256, taken_at: taken });
    let standing = null;
    for (let failures = 0; !standing?.complete;) {
      const here = standing?.received;
      const told = here === undefined || here === blob.size
        ? await ask("/files", "POST", announced, "application/json")
        : await ask(`/files/${id}?offset=${here}`, "PUT", blob.slice(here, here + PIECE), "application/octet-stream");
      failures = told ? 0 : failures + 1;
      standing = told;
      say(told ? `已传 ${Math.floor((100 * told.received) / blob.size)}%` : "网络不通，接通后接着传");
      if (!told) await pause(Math.min(30000, 500 * 2 ** failures));
    }
    await drop(id);
    return id;
  }

  function take(list, files) {
    const input = list.querySelector("input[type=file]"), form = list.closest("form");
    const place = [form.dataset.person, location.pathname, input.name].join(" ");
    const send = async (made) => {
      const line = list.querySelector(".files").appendChild(document.createElement("li"));
      line.dataset.sending = "";
      const state = document.createElement("span");
      state.className = "meta";
      state.setAttribute("role", "status");
      line.append(made.name, " ", state);
      try {
        const id = await upload(made, (words) => { state.textContent = words; });
        const box = Object.assign(document.createElement("input"), {
          type: "checkbox", className: "form-check-input", name: input.name, value: id, checked: true,
        });
        box.setAttribute("aria-label", `保留 ${made.name}`);
        line.prepend(box);
        state.textContent = "已上传";
        form.dispatchEvent(new Event("input", { bubbles: true }));
      } catch (refusal) {
        state.textContent = refusal.message;
        state.className = "error-text";
        if (refusal.status !== 401) await drop(made.id);
      }
      delete line.dataset.sending;
    };
    if (files) return [...files].map(async (file) => send(await record(file, place)));
    return kept(place).then((all) => all.map(send));
  }

  if (window.crypto?.subtle && window.indexedDB) {
    document.addEventListener("change", (event) => {
      const list = event.target.type === "file" && event.target.closest("form [data-files]");
      if (!list) return;
      const files = [...event.target.files];
      event.target.value = "";
      take(list, files);
    });
    document.addEventListener("submit", (event) => {
      const line = event.target.querySelector("[data-sending]");
      if (/logout$/.test(event.target.action)) forgetAll();
      if (!line || /\/draft/.test(event.submitter?.formAction)) return;
      event.preventDefault();
      line.scrollIntoView();
      line.querySelector(".meta").textContent += "，传完再提交";
    });
    for (const list of document.querySelectorAll("form [data-files]")) take(list);
  }
  return { scale, record, keep, kept, drop, upload, ask };
})();
window.bihuan = bihuan;
