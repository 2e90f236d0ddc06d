// Says what a password is worth while it is typed. The server decides, by the same rule as when the
// form is sent; without this script the form comes back with the same words.
"use strict";

for (const meter of document.querySelectorAll("[data-strength]")) {
  const form = meter.closest("form");
  const field = form?.elements.password;
  const bar = meter.querySelector("progress");
  const words = meter.querySelector("[role=status]");
  if (!field || !bar || !words) continue;
  let pause = 0;
  let asked = 0;

  const clear = () => {
    bar.hidden = true;
    words.textContent = "";
    meter.className = "strength";
  };

  const ask = async () => {
    const turn = ++asked;
    const candidate = { password: field.value };
    for (const name of ["username", "name"]) {
      if (form.elements[name]?.value) candidate[name] = form.elements[name].value;
    }
    let rating = null;
    try {
      const answer = await fetch(meter.dataset.strength, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(candidate),
      });
      if (answer.ok) rating = await answer.json();
    } catch {
      // The network is away: the form itself will tell.
    }
    // Meanwhile something else was typed, and will be answered.
    if (turn !== asked) return;
    if (!rating) {
      clear();
      return;
    }
    // The worst is a little too: an empty bar would look like no answer.
    bar.value = rating.score + 1;
    bar.hidden = false;
    meter.className = rating.enough ? "strength enough" : "strength";
    words.textContent = rating.words;
  };

  // Half a second without a key: nobody reads while they type, and each question costs something.
  field.addEventListener("input", () => {
    clearTimeout(pause);
    asked += 1;
    if (field.value) pause = setTimeout(ask, 500);
    else clear();
  });
}
