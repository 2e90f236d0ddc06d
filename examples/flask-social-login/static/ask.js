const answer = document.querySelector("#answer");

document.querySelector("#ask").addEventListener("submit", async (event) => {
  event.preventDefault();
  answer.textContent = "…";
  const question = document.querySelector("#question").value;
  const told = await fetch("/ai", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ question }),
  });
  const { answer: text, error } = await told.json();
  answer.textContent = text ?? error;
});
