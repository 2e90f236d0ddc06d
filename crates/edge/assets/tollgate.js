// What pages do beyond plain HTML. Everything works without it, but for copying with one click.
"use strict";

// Copy buttons are hidden until there is a script that serves them.
for (const button of document.querySelectorAll("button[data-copy]")) {
  const source = button.dataset.copy
    ? document.getElementById(button.dataset.copy)
    : button.parentElement.querySelector("code");
  if (!source || !navigator.clipboard) continue;
  const words = button.textContent;
  button.hidden = false;
  button.setAttribute("aria-live", "polite");
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(source.textContent);
      button.textContent = button.dataset.copied;
    } catch {
      // Not allowed to write: select it, so that the keyboard can copy it.
      getSelection().selectAllChildren(source);
      return;
    }
    setTimeout(() => { button.textContent = words; }, 2000);
  });
}

// A secret that is shown once: ask before leaving, and never show it again by going back.
const secret = document.querySelector("[data-secret]");
if (secret) {
  const saved = document.getElementById("secret-saved");
  addEventListener("beforeunload", (event) => {
    if (!saved.checked) event.preventDefault();
  });
  addEventListener("pageshow", (event) => {
    if (event.persisted) secret.remove();
  });
}

// After a form came back with errors, start at their summary.
document.querySelector(".banner[role=alert][tabindex]")?.focus();

// A form that only leads on: nobody has to press its button.
document.querySelector("form[data-onward]")?.requestSubmit();
